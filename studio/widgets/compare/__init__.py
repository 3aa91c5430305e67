"""Pieces of blind comparisons: two replies side by side, and what people's choices come to."""
