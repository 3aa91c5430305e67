"""Whole conversations walked through branching questions, as VERA-MH asks them."""
