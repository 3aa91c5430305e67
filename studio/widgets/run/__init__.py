"""Pieces of the Runs page."""
