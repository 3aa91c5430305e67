"""Pieces of the Models page."""
