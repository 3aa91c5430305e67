"""Reading on in another thread: the same items in order, errors in their place, and nothing left running."""

import gc
import threading
from collections.abc import Iterator

import pytest

from db.reading_ahead import collector_paused, read_ahead


def counted(upto: int) -> Iterator[int]:
    yield from range(upto)
    raise LookupError("the last one")


def test_items_come_in_order_and_an_error_where_it_happened() -> None:
    ahead = read_ahead(counted(5))
    assert [next(ahead) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(LookupError, match="the last one"):
        next(ahead)


def test_the_next_item_is_made_while_this_one_is_worked_on() -> None:
    made_second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made_second.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert made_second.wait(timeout=30)
    assert list(ahead) == [2]


def test_leaving_early_leaves_no_thread() -> None:
    ahead = read_ahead(iter(range(100)))
    assert next(ahead) == 0
    ahead.close()  # type: ignore[attr-defined]
    assert not [one for one in threading.enumerate() if one.name.startswith("read-ahead")]


def test_the_collector_runs_again_after_an_error_and_stays_off_where_it_was_off() -> None:
    def work() -> None:
        with collector_paused():
            assert not gc.isenabled()
            raise LookupError

    with pytest.raises(LookupError):
        work()
    assert gc.isenabled()
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
