"""Verdicts of many calls written to the cache in one transaction; each call goes on once its own are on disk."""

import asyncio
from collections.abc import Mapping

from pipeline.cache import Known, VerdictCache


class Keeping:
    """What the event loop finds answered at the same time is written together: a commit costs as much as ten rows."""

    def __init__(self, cache: VerdictCache) -> None:
        self._cache = cache
        self._batch: dict[bytes, Known] = {}
        self._written: asyncio.Future[None] | None = None

    async def keep(self, verdicts: Mapping[bytes, Known]) -> None:
        """Come back when these are on disk. Raises what the cache raises."""
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            loop.call_soon(self._write)
        self._batch |= verdicts
        await asyncio.shield(self._written)  # whoever stops waiting must not take the others along

    def _write(self) -> None:
        batch, written, self._batch, self._written = self._batch, self._written, {}, None
        assert written is not None
        try:
            self._cache.put_many(batch)
        except Exception as error:
            written.set_exception(error)
        else:
            written.set_result(None)
