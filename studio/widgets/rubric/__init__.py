"""Pieces of the Rubrics page."""
