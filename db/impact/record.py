"""What a rubric change would do, in numbers: the record that is shown, and kept with the version."""

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from db.people import Person, authorize
from db.store import Cursor, Store, next_seq, now

SHOWN = 50


class Flip(NamedTuple):
    """One turn that passes under only one of two rubrics.

    `before` and `after` are the rubric's own number, 0–1, and 0 where a criterion vetoes; by a gate 0 is FAIL and 1 is
    PASS or SOLVED. `why` is in words.
    """

    run_id: str
    dialogue_id: str
    turn_index: int
    sample_index: int
    before: float
    after: float
    why: str


class GoldTurn(NamedTuple):
    """One turn on which the change bears on what the team agreed: its gold flag, or the criterion that vetoes."""

    dialogue_id: str
    turn_index: int
    code: str
    severity: str
    what: str


class Marks(NamedTuple):
    """People's marks on one criterion that is gone (`fate` removed) or asks something else now (changed).

    `flags` and `scores` that stand, of which `gold` are the team's reference; `replaced_by` names the criteria that say
    that they replace it.
    """

    code: str
    fate: str
    flags: int
    scores: int
    gold: int
    replaced_by: tuple[str, ...]


@dataclass(frozen=True)
class Impact:
    """What replacing one rubric by another would do to everything that was judged under the first.

    Lists hold at most 50; the counts beside them are whole. Numbers say nothing of what is not known: `rows` are the
    rewards known under both rubrics, `judged` the turns (or a gate's attempts) whose number is known under both, and
    `unknown_until_judged` the turns whose number was known and is not until `criteria_to_judge` are judged.
    """

    old_hash: str | None
    new_hash: str
    rows: int
    verdicts: int
    judged: int
    unknown_until_judged: int
    criteria_to_judge: tuple[str, ...]
    moved: int
    mean_move: float | None
    largest_move: float | None
    histogram_edges: tuple[float, ...]
    histogram_counts: tuple[int, ...]
    passes_before: int
    passes_after: int
    to_fail: tuple[Flip, ...]
    to_fail_count: int
    to_pass: tuple[Flip, ...]
    to_pass_count: int
    gold_contradicted: tuple[GoldTurn, ...]
    gold_contradicted_count: int
    gold_resolved: tuple[GoldTurn, ...]
    gold_resolved_count: int
    groups: int
    groups_left_out: int
    groups_sign_changed: int
    groups_order_changed: int
    marks: tuple[Marks, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    seconds: float

    def to_json(self) -> str:
        """One JSON object; `from_json` of it is equal to this."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Impact":
        """The impact that `to_json` wrote."""
        told: dict[str, Any] = json.loads(text)
        for name, kind in _LISTS.items():
            told[name] = tuple(kind(*item) for item in told[name])
        told["marks"] = tuple(mark._replace(replaced_by=tuple(mark.replaced_by)) for mark in told["marks"])
        for name in ("criteria_to_judge", "histogram_edges", "histogram_counts", "notes"):
            told[name] = tuple(told[name])
        return cls(**told)


_LISTS: dict[str, type[Flip] | type[GoldTurn] | type[Marks]] = {
    "to_fail": Flip,
    "to_pass": Flip,
    "gold_contradicted": GoldTurn,
    "gold_resolved": GoldTurn,
    "marks": Marks,
}


def keep_preview(cursor: Cursor, actor: Person, rubric_id: str, version: int, impact: Impact) -> None:
    """Keep what was foreseen with the version, inside the write that submits it (which the history tells of)."""
    authorize(cursor, actor, "edit_rubric")
    row = [next_seq(cursor, "rubric_previews"), now(), actor.person_id, rubric_id, version, impact.to_json()]
    cursor.execute("INSERT INTO rubric_previews VALUES (?, ?, ?, ?, ?, ?)", row)


def kept_preview(store: Store, rubric_id: str, version: int) -> Impact | None:
    """What was foreseen when the version was submitted; None for a version that has no preview."""
    sql = "SELECT impact FROM rubric_previews WHERE rubric_id = ? AND version = ? ORDER BY seq DESC LIMIT 1"
    found = store.rows(sql, [rubric_id, version])
    return Impact.from_json(found[0]["impact"]) if found else None
