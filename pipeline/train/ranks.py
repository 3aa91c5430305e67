"""Several processes that train one model, as torchrun and accelerate start them."""

import os


def processes() -> int:
    """How many processes train together, as a launcher (torchrun, accelerate) tells each of them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is, from 0; only 0 writes to the run directory."""
    return int(os.environ.get("RANK", "0"))
