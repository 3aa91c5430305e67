"""Pieces of the page of a walk through branching questions."""
