"""Pieces of the Home page."""
