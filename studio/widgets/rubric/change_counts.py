"""What changed between two rubrics, in one line: "2 anchors, 1 weight"."""

from collections import Counter
from collections.abc import Sequence

from rubrics.diff import Change, ChangeKind

_NOUNS: dict[ChangeKind, tuple[str, str]] = {
    "added": ("new criterion", "new criteria"),
    "removed": ("criterion taken out", "criteria taken out"),
    "meaning": ("question or meaning", "questions or meanings"),
    "anchor": ("anchor", "anchors"),
    "reads": ("change of what the judge sees", "changes of what the judge sees"),
    "weight": ("weight", "weights"),
    "aggregation": ("rule for the score", "rules for the score"),
    "example": ("example", "examples"),
    "severity": ("severity", "severities"),
    "limit": ("limit for the judge", "limits for the judge"),
    "wording": ("wording", "wordings"),
    "order": ("order", "orders"),
}
WEIGHTIEST_FIRST: tuple[ChangeKind, ...] = tuple(_NOUNS)


def counted(changes: Sequence[Change]) -> str:
    """How many changes of every kind, the weightiest kinds first; "nothing" for none."""
    many = Counter(change.kind for change in changes)
    told = [f"{many[kind]} {words[many[kind] > 1]}" for kind, words in _NOUNS.items() if many[kind]]
    return ", ".join(told) or "nothing"
