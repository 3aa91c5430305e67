"""Today's state, made a second time from the events alone, and held against what the store shows.

The views say in SQL what stands; here the same rules stand in Python, read from what the events mean: the newest word
on a thing counts. Where the two differ, one of them is wrong, or somebody changed a view.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from db.store import Store, rows_of

Row = dict[str, Any]


class Rule(NamedTuple):
    """How one view follows from events: of those that `counts`, the newest of each `thing`, if it `stands`."""

    view: str
    events: str
    counts: Callable[[Row], bool]
    thing: Callable[[Row], tuple[Any, ...]]
    stands: Callable[[Row], bool]
    shown: str
    """How a row of the view is told apart, as a list in SQL."""
    told: Callable[[Row], tuple[Any, ...]]
    """The same of an event."""


def _whose(row: Row) -> str:
    """Gold is the whole team's, whoever set it last."""
    return "" if row["is_gold"] else str(row["person_id"])


def _address(row: Row) -> str:
    """Where none was ever given, an id that is one."""
    return str(row["person_id"] if row["email"] is None and "@" in row["person_id"] else row["email"] or "")


def _by_seq(row: Row) -> tuple[Any, ...]:
    return (row["seq"],)


RULES = (
    Rule(
        "people", "person_events", lambda e: True, lambda e: (e["person_id"],), lambda e: True,
        "person_id, name, array_to_string(roles, ','), active, email",
        lambda e: (e["person_id"], e["name"], ",".join(e["roles"]), e["active"], _address(e)),
    ),
    Rule(
        "current_flags", "audit_events", lambda e: e["kind"] in ("flag", "unflag"),
        lambda e: (e["dialogue_id"], e["turn_index"], e["code"], e["is_gold"], _whose(e)),
        lambda e: e["kind"] == "flag", "seq", _by_seq,
    ),
    Rule(
        "current_scores", "audit_events", lambda e: e["kind"] == "score",
        lambda e: (e["person_id"], e["dialogue_id"], e["turn_index"], e["rubric_id"], e["code"]),
        lambda e: e["value"] is not None, "seq", _by_seq,
    ),
    Rule(
        "current_notes", "audit_events", lambda e: e["kind"] == "note",
        lambda e: (e["person_id"], e["dialogue_id"], e["turn_index"], e["rubric_id"], e["code"]),
        lambda e: e["note"] != "", "seq", _by_seq,
    ),
    Rule(
        "current_finished", "audit_events", lambda e: e["kind"] in ("finish", "unfinish"),
        lambda e: (e["dialogue_id"], e["rubric_id"], e["is_gold"], _whose(e)),
        lambda e: e["kind"] == "finish", "seq", _by_seq,
    ),
    Rule(
        "current_decisions", "adjudication_events", lambda e: True,
        lambda e: (e["dialogue_id"], e["turn_index"], e["rubric_id"], e["rubric_version"], e["code"]),
        lambda e: True, "seq", _by_seq,
    ),
    Rule(
        "rubric_drafts", "rubric_draft_events", lambda e: True, lambda e: (e["rubric_id"],),
        lambda e: e["kind"] in ("copied", "written"), "rubric_id, revision, updated_by",
        lambda e: (e["rubric_id"], e["revision"], e["actor"]),
    ),
    Rule(
        "rubric_version_states", "rubric_version_events", lambda e: e["state"] != "endorsed",
        lambda e: (e["rubric_id"], e["version"]), lambda e: True, "rubric_id, version, state, decided_by",
        lambda e: (e["rubric_id"], e["version"], e["state"], e["actor"]),
    ),
    Rule(
        "campaign_places", "campaign_events", lambda e: e["kind"] in ("reserve", "release", "skip", "unskip"),
        lambda e: (e["campaign_id"], e["person_id"], e["dialogue_id"]), lambda e: True, "seq", _by_seq,
    ),
    Rule(
        "campaign_people", "campaign_events", lambda e: e["kind"] in ("join", "leave"),
        lambda e: (e["campaign_id"], e["person_id"]), lambda e: True, "campaign_id, person_id, is_member",
        lambda e: (e["campaign_id"], e["person_id"], e["kind"] == "join"),
    ),
    Rule(
        "saved_filters", "saved_filter_events", lambda e: True, lambda e: (e["filter_id"],),
        lambda e: e["kind"] == "saved", "filter_id, name, is_shared",
        lambda e: (e["filter_id"], e["name"], e["is_shared"]),
    ),
    Rule(
        "gate_overrides", "gate_override_events", lambda e: True, lambda e: (e["rubric_hash"], e["judge"]),
        lambda e: e["kind"] == "granted", "seq", _by_seq,
    ),
    Rule(
        "current_preferences", "preference_events", lambda e: True,
        lambda e: (e["comparison_id"], e["item"], e["actor"]), lambda e: e["kind"] == "choose", "seq", _by_seq,
    ),
)  # fmt: skip


def state_faults(store: Store) -> Iterator[str]:
    """One line for each view that does not follow from its events."""
    for rule in RULES:
        yield from _differs(rule.view, rule.events, _expected(store, rule), _shown(store, rule))
    done = _cells(store, "SELECT campaign_id, person_id, dialogue_id, finished_at FROM campaign_done")
    yield from _differs("campaign_done", "audit_events", _expected_done(store), done)


def _differs(view: str, events: str, expected: set[tuple[Any, ...]], shown: set[tuple[Any, ...]]) -> Iterator[str]:
    if expected != shown:
        too_many, missing = len(shown - expected), len(expected - shown)
        yield f"{view}: does not follow from {events} ({too_many:,} too many, {missing:,} missing)"


def _expected(store: Store, rule: Rule) -> set[tuple[Any, ...]]:
    newest: dict[tuple[Any, ...], Row] = {}
    for row in store.rows(f"SELECT * EXCLUDE ({_LONG.get(rule.events, 'created_at')}) FROM {rule.events} ORDER BY seq"):
        if rule.counts(row):
            newest[rule.thing(row)] = row
    return {rule.told(row) for row in newest.values() if rule.stands(row)}


def _expected_done(store: Store) -> set[tuple[Any, ...]]:
    """What people of each campaign, former ones too, finished of its dialogues by exactly its rubric version."""
    finished: dict[tuple[Any, ...], Row] = {}
    for row in store.rows(f"SELECT * FROM audit_events WHERE {_FINISHES} ORDER BY seq"):
        finished[row["rubric_id"], row["rubric_version"], row["person_id"], row["dialogue_id"]] = row
    asking = defaultdict[tuple[Any, ...], list[str]](list)
    for campaign, *version in _cells(store, "SELECT campaign_id, rubric_id, rubric_version FROM campaigns"):
        asking[tuple(version)].append(campaign)
    people = _cells(store, "SELECT campaign_id, person_id FROM campaign_events WHERE kind IN ('join', 'leave')")
    dialogues = _cells(store, "SELECT campaign_id, dialogue_id FROM campaign_dialogues")
    return {
        (campaign, who, what, row["created_at"])
        for (*version, who, what), row in finished.items()
        for campaign in asking[tuple(version)]
        if row["kind"] == "finish" and (campaign, who) in people and (campaign, what) in dialogues
    }


_FINISHES = "kind IN ('finish', 'unfinish') AND NOT is_gold"
# What no rule looks at and what is long.
_LONG = {"rubric_draft_events": "created_at, body", "audit_events": "created_at, client_id, text_hash"}


def _shown(store: Store, rule: Rule) -> set[tuple[Any, ...]]:
    decided = " WHERE decided_by IS NOT NULL" if rule.view == "rubric_version_states" else ""
    return _cells(store, f"SELECT {rule.shown} FROM {rule.view}{decided}")


def _cells(store: Store, sql: str) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in store.read(lambda cursor: rows_of(cursor, sql))}
