"""Pieces of the page Try it: talking with models that are served beside the studio."""
