"""Ratings that others published, with the dialogues they are of: DICES, Kumar et al., MentalAlign and DUO."""

from db.others.bring_in import RatingsReport, import_ratings
from db.others.sources import SOURCES, source_of

__all__ = ["SOURCES", "RatingsReport", "import_ratings", "source_of"]
