"""Pieces of campaigns: making them, how far they are, and working on one on the Audit page."""
