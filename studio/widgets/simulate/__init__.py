"""Pieces of the page of conversations with simulated people."""
