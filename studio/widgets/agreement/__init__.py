"""Pieces of the Agreement page: what to look at, figures in words, who agrees with whom, settling disagreements."""
