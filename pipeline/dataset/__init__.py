"""A finished regeneration as a data set: split by persona, easy and hard, with a card and the paper's table."""
