"""Whole conversations with a simulated person whose feeling is followed turn by turn (SAGE, RLVER)."""
