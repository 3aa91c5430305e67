"""Which models can be named in a page: it may not look around the server. The command line may name any folder."""

import re
from pathlib import Path

from rubrics.errors import UserError
from studio.widgets.run.words import BUILT_IN

_RUN = re.compile(r"[\w-][\w.-]*")
_HUB = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_CHOICES = (
    "name a built-in model, a run that trained one, a model of the hub (owner/name), or a folder in the studio's home"
)


def not_to_be_named(name: str, home: Path) -> str:
    """Why this model cannot be asked for in a page, in one line; empty when it can, or when none is named.

    Whether there is such a model shows only when it is loaded.
    """
    if not name or name in BUILT_IN or (_RUN.fullmatch(name) and (home / "runs" / name).is_dir()):
        return ""
    if _is_in(name, home) or (_HUB.fullmatch(name) and not Path(name).exists()):
        return ""
    return f"model “{name[:80]}” cannot be used here: {_CHOICES}"


def require_nameable(name: str, home: Path) -> None:
    """Raise a UserError that says what can be asked for, where this model cannot."""
    if why := not_to_be_named(name, home):
        raise UserError(why)


def _is_in(name: str, home: Path) -> bool:
    """By its words: what lies in the home, a link to another disk too, was laid there by who runs the studio."""
    path = Path(name)
    return ".." not in path.parts and path.absolute().is_relative_to(home.absolute())
