"""The commands of `python -m pipeline`, each imported only when it is chosen."""

import os
from argparse import ArgumentParser
from pathlib import Path


def add_home(parser: ArgumentParser) -> None:
    """--home, as every command takes it."""
    default = Path(os.environ.get("KARDIA_HOME") or ".kardia")
    parser.add_argument(
        "--home", type=Path, default=default, metavar="D", help="the studio's folder; $KARDIA_HOME, else .kardia"
    )
