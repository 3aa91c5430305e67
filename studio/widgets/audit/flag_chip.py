"""Flags on a turn: code, name and severity, told by a shape and a word as well as by colour."""

from html import escape
from typing import NamedTuple

from db.audits import Flag
from rubrics.schema import Severity

SHAPES: dict[Severity, str] = {"red": "■", "yellow": "▲", "none": "○"}
ICONS: dict[Severity, str] = {
    "red": ":material/report:",
    "yellow": ":material/warning:",
    "none": ":material/flag:",
}
COLOURED: dict[Severity, str] = {
    "red": f":red[{ICONS['red']}]",
    "yellow": f":yellow[{ICONS['yellow']}]",
    "none": ICONS["none"],
}
WORDS: dict[Severity, str] = {"red": "red", "yellow": "yellow", "none": "no severity"}


class Chip(NamedTuple):
    """One flag as it is shown. `whose` is "you" or "gold"."""

    flag: Flag
    name: str
    whose: str


def chips_html(chips: list[Chip]) -> str:
    """Markup of the chips, escaped; empty for none."""
    return "".join(_chip(chip) for chip in chips)


def _chip(chip: Chip) -> str:
    severity = chip.flag.severity
    gold = '<span class="kardia-whose">gold</span>' if chip.whose == "gold" else ""
    return (
        f'<span class="kardia-chip kardia-{severity}">{gold}'
        f'<span class="kardia-shape">{SHAPES[severity]} {WORDS[severity]}</span>'
        f"<b>{escape(chip.flag.code)}</b> {escape(chip.name)}</span>"
    )
