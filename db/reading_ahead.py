"""Two things that make a large import quick: reading on while the store writes, and no collector meanwhile."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def read_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order, each made in another thread while the caller works on the one before.

    DuckDB lets other threads run while it writes, so reading costs no time beside it. What making an item raises
    reaches the caller in that item's place.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Python's collector stands still. Records hold no cycles, and walking through them again and again finds none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
