"""Where the dialogues of a regeneration are written: in this process, or on a Ray cluster."""
