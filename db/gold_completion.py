"""Gold is complete in a dialogue: whoever may settle disagreements says so, by one rubric version.

From then on a turn without a gold flag is known to carry none, and the dialogue can calibrate the readers of campaigns.
Where people agreed nothing was ever settled, so completing takes over what all of them flagged alike. It is taken back
by `reopen_gold`; the flags stay.
"""

from dataclasses import dataclass
from datetime import datetime

from db import audits
from db.audits import Receipt
from db.people import Person, authorize
from db.rubric_records import rubric_at
from db.store import Cursor, Store, rows_of
from rubrics.errors import UserError
from rubrics.schema import Severity

_WHY = "Everybody who finished this dialogue flagged it so."


@dataclass(frozen=True)
class Agreed:
    """A flag that everybody who finished the dialogue set alike, and about which gold has never said anything."""

    turn_index: int
    code: str
    severity: Severity


@dataclass(frozen=True)
class GoldState:
    """How far gold of one dialogue is by one version.

    `readers` finished the dialogue by it. `unsettled` codes of turns they marked differently and nobody decided on;
    `agreed` is what completing would take over. `flags` of the rubric are gold now; `is_begun` says that gold was ever
    set or completed. `completed_by` and `completed_at` (naive UTC) are None until it is complete.
    """

    readers: int
    unsettled: int
    agreed: tuple[Agreed, ...]
    flags: int
    is_begun: bool
    completed_by: str | None
    completed_at: datetime | None

    @property
    def refusal(self) -> str:
        """Why it cannot be called complete now; empty when it can."""
        if self.unsettled:
            return f"people still differ on {self.unsettled} of its flags; settle them first"
        if self.readers < 2 and not self.is_begun:
            return "fewer than two people have finished it and it has no gold; let two people finish it first"
        return ""


def gold_state(store: Store, dialogue_id: str, rubric_id: str, rubric_version: int) -> GoldState:
    """How far gold of that dialogue is by that version."""
    return store.read(lambda cursor: _state(cursor, dialogue_id, rubric_id, rubric_version))


def complete_gold(
    store: Store, actor: Person, dialogue_id: str, rubric_id: str, rubric_version: int, client_id: str
) -> Receipt:
    """Say that gold is complete there; what everybody flagged alike becomes gold in the same write.

    Raises UserError for somebody who may not settle disagreements, a dialogue or rubric of flags that is not there,
    open disagreements, and a dialogue that fewer than two people finished and that has no gold.
    """
    where = (dialogue_id, rubric_id, rubric_version)

    def work(cursor: Cursor) -> Receipt:
        authorize(cursor, actor, "adjudicate")
        if rubric_at(cursor, rubric_id, rubric_version).purpose != "flags":
            raise UserError(f"{rubric_id} version {rubric_version}: only a rubric of flags has gold; choose one")
        found = _state(cursor, *where)
        if found.refusal:
            raise UserError(f"{dialogue_id}: {found.refusal}")
        for one in found.agreed:
            place = (dialogue_id, one.turn_index, one.code, one.severity, _WHY, rubric_id, rubric_version)
            audits.set_gold(cursor, actor, *place, client_id=f"agreed-{client_id}-{one.turn_index}-{one.code}")
        return audits.set_gold_complete(cursor, actor, *where, client_id)

    return store.write(work)


def reopen_gold(
    store: Store, actor: Person, dialogue_id: str, rubric_id: str, rubric_version: int, client_id: str
) -> Receipt:
    """Take it back that gold is complete there. Campaigns that were made with the dialogue keep it."""
    return audits.unfinish(store, actor, dialogue_id, rubric_id, rubric_version, client_id, is_gold=True)


def _state(cursor: Cursor, dialogue_id: str, rubric_id: str, rubric_version: int) -> GoldState:
    where = [dialogue_id, rubric_id, rubric_version]
    marks = rows_of(cursor, _MARKS, where)
    agreed = [Agreed(one["turn_index"], one["code"], one["severity"]) for one in marks if one["is_agreed"]]
    return GoldState(
        **rows_of(cursor, _GOLD, where)[0],
        unsettled=sum(not one["is_agreed"] for one in marks),
        agreed=tuple(agreed),
    )


# $1 dialogue, $2 rubric, $3 version, in both.
_READERS = """
    SELECT person_id FROM current_finished
    WHERE dialogue_id = $1 AND rubric_id = $2 AND rubric_version = $3 AND NOT is_gold
"""
# What the readers flagged, of the version's codes, where gold still has something to say: all alike and gold was never
# set or taken off, or differently (as db/adjudication.py counts it) and nobody decided.
_MARKS = f"""
    WITH finished AS ({_READERS}),
    asked AS (
        SELECT unnest(json_extract_string(body, '$.criteria[*].id')) AS code FROM rubric_versions
        WHERE rubric_id = $2 AND version = $3
    ), counted AS (
        SELECT turn_index, code, min(severity) AS severity,
            count(*) = (SELECT count(*) FROM finished) AND count(DISTINCT severity) = 1 AS is_agreed
        FROM current_flags SEMI JOIN finished USING (person_id) SEMI JOIN asked USING (code)
        WHERE dialogue_id = $1 AND rubric_id = $2 AND NOT is_gold GROUP BY turn_index, code
    )
    SELECT counted.* FROM counted
    ANTI JOIN (
        SELECT turn_index, code FROM current_decisions
        WHERE dialogue_id = $1 AND rubric_id = $2 AND rubric_version = $3
    ) AS decided USING (turn_index, code)
    ANTI JOIN (
        SELECT turn_index, code FROM audit_events WHERE dialogue_id = $1 AND is_gold AND kind IN ('flag', 'unflag')
    ) AS said ON counted.is_agreed AND (said.turn_index, said.code) = (counted.turn_index, counted.code)
    WHERE (SELECT count(*) FROM finished) > 1
    ORDER BY counted.turn_index, counted.code
"""
_GOLD = f"""
    SELECT (SELECT count(*) FROM ({_READERS})) AS readers,
        (SELECT count(*) FROM current_flags WHERE dialogue_id = $1 AND is_gold AND rubric_id = $2) AS flags,
        EXISTS (FROM audit_events WHERE dialogue_id = $1 AND is_gold AND rubric_id = $2) AS is_begun,
        person_id AS completed_by, created_at AS completed_at
    FROM (SELECT 1) LEFT JOIN (
        SELECT * FROM current_finished
        WHERE dialogue_id = $1 AND is_gold AND rubric_id = $2 AND rubric_version = $3
    ) ON true
"""
