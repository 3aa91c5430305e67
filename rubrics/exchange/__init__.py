"""Rubrics in the formats of others: read, with notes on what was not kept, and written, with a list of what is lost."""

from rubrics.exchange.pieces import Format, Imported
from rubrics.exchange.reading import FORMATS, read
from rubrics.exchange.writing import WRITTEN, lost, write

__all__ = ["FORMATS", "WRITTEN", "Format", "Imported", "lost", "read", "write"]
