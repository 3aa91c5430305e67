"""How severe a flag is, told by a shape, an icon and a word as well as by colour."""

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
