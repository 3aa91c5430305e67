"""Whether everything that names something else names something that is there."""

from collections.abc import Iterator
from typing import NamedTuple

from db.people import SYSTEM
from db.store import Store


class Reference(NamedTuple):
    """Rows of `table` (each `called` so) whose `columns` must be found in `target`; empty cells name nothing."""

    table: str
    columns: tuple[str, ...]
    target: str
    called: str


_VERSION = ("rubric_id", "version")
_PERSON = f"(SELECT person_id FROM person_events UNION SELECT '{SYSTEM.person_id}')"
_VERSIONS = "(SELECT rubric_id, version AS rubric_version FROM rubric_versions)"
_PEOPLE_IN = (
    ("history", "actor"),
    ("person_events", "actor"),
    ("rubric_draft_events", "actor"),
    ("rubric_version_events", "actor"),
    ("rubric_versions", "submitted_by"),
    ("rubric_comment_events", "person_id"),
    ("adjudication_events", "person_id"),
    ("campaign_events", "actor"),
    ("campaign_events", "person_id"),
    ("campaigns", "created_by"),
    ("incident_events", "person_id"),
    ("gate_override_events", "person_id"),
    ("saved_filter_events", "person_id"),
    ("sign_out_events", "person_id"),
    ("imports", "imported_by"),
    ("comparisons", "created_by"),
    ("preference_events", "actor"),
)

REFERENCES = (
    Reference("rubric_version_events", _VERSION, "rubric_versions", "decision"),
    Reference("rubric_previews", _VERSION, "rubric_versions", "preview"),
    Reference("audit_events", ("rubric_id", "rubric_version"), _VERSIONS, "mark"),
    Reference("audit_events", ("dialogue_id",), "dialogues", "mark"),
    Reference("adjudication_events", ("dialogue_id", "turn_index"), "turns", "decision on a disagreement"),
    Reference("adjudication_events", ("rubric_id", "rubric_version"), _VERSIONS, "decision on a disagreement"),
    Reference("adjudication_events", ("audit_seq",), "(SELECT seq AS audit_seq FROM audit_events WHERE is_gold)",
              "decision on a disagreement"),
    Reference("campaigns", ("rubric_id", "rubric_version"), _VERSIONS, "campaign"),
    Reference("campaign_dialogues", ("campaign_id",), "campaigns", "place in a campaign"),
    Reference("campaign_dialogues", ("dialogue_id",), "dialogues", "place in a campaign"),
    Reference("campaign_events", ("campaign_id",), "campaigns", "event of a campaign"),
    Reference("incident_events", ("dialogue_id", "turn_index"), "turns", "incident"),
    Reference("gate_override_events", ("rubric_id", "rubric_version"), _VERSIONS, "override of the gate"),
    Reference("comparison_items", ("comparison_id",), "comparisons", "pair"),
    Reference("preference_events", ("comparison_id", "item"), "comparison_items", "choice between two replies"),
    Reference("turns", ("dialogue_id",), "dialogues", "turn"),
    # A reply that was sent from a page came with no file: its dialogue stands for itself.
    Reference("dialogues", ("import_id",),
              "(SELECT import_id FROM imports UNION SELECT dialogue_id FROM dialogues WHERE import_id = dialogue_id)"
              " AS known(import_id)", "dialogue"),
    Reference("import_problems", ("import_id",), "imports", "line left out"),
)  # fmt: skip


def reference_faults(store: Store) -> Iterator[str]:
    """One line for each kind of reference with rows that name nothing."""
    for table, columns, target, called in REFERENCES:
        yield from _missing(store, table, columns, target, called)
    for table, column in _PEOPLE_IN:
        target = _PERSON.replace("person_id", f"person_id AS {column}", 1) if column != "person_id" else _PERSON
        yield from _missing(store, table, (column,), target, f"row of {table}")


def _missing(store: Store, table: str, columns: tuple[str, ...], target: str, called: str) -> Iterator[str]:
    named = " AND ".join(f"{column} IS NOT NULL AND {column}::TEXT <> ''" for column in columns)
    sql = f"""
        SELECT DISTINCT {", ".join(columns)} FROM {table} ANTI JOIN (SELECT * FROM {target}) USING ({", ".join(columns)})
        WHERE {named} ORDER BY ALL LIMIT 20
    """  # noqa: E501
    for row in store.rows(sql):
        where = ", ".join(f"{column} {value}" for column, value in row.items())
        yield f"{called} in {table}: names {where}, which is not there"
