"""What an open campaign hides from those who read in it, until when, and from when a reading is final.

* What others marked and what a machine scored: until an hour after this person has finished that dialogue there.
* For that hour the finish can be taken back. Afterwards, or once the campaign is closed or the person taken out, the
  reading is final: flags, scores and finishing by the campaign's rubric are refused. What one may see, one may no
  longer change, so that no mark in a finished reading was made after a look at others'.
* Gold, and how this person compares with it: until the campaign is closed.
"""

from datetime import datetime, timedelta
from typing import Any

from db.store import Cursor, Store, now, rows_of

FINAL_AFTER = timedelta(hours=1)

_CLOSED = "(SELECT campaign_id FROM campaign_events WHERE kind = 'close')"
# Takes the person, the person, and the newest time of finishing that is final.
_BLIND = f"""
    SELECT campaign_id, dialogue_id FROM campaign_dialogues
    SEMI JOIN (SELECT * FROM campaign_people WHERE is_member AND person_id = ?) USING (campaign_id)
    ANTI JOIN {_CLOSED} USING (campaign_id)
    ANTI JOIN (SELECT * FROM campaign_done WHERE person_id = ? AND finished_at <= ?) USING (campaign_id, dialogue_id)
"""
# Takes the person. Former members too: they can be added again.
GOLD_HIDDEN = f"""
    SELECT dialogue_id FROM campaign_dialogues
    SEMI JOIN (SELECT * FROM campaign_people WHERE person_id = ?) USING (campaign_id)
    ANTI JOIN {_CLOSED} USING (campaign_id)
"""
_IN_A_CAMPAIGN = "SELECT 1 FROM campaign_dialogues WHERE dialogue_id = ? LIMIT 1"
_EVER_FINISHED = """
    SELECT 1 FROM audit_events WHERE dialogue_id = ? AND person_id = ? AND kind = 'finish' AND NOT is_gold LIMIT 1
"""


def blind(person_id: str) -> tuple[str, list[Any]]:
    """SQL and parameters of every dialogue_id whose judgements by others are hidden from this person now."""
    return f"SELECT dialogue_id FROM ({_BLIND})", _asked(person_id)


def is_blind(store: Store, person_id: str, dialogue_id: str) -> bool:
    """Whether others' judgements of this dialogue must be hidden from this person.

    So it is while they work in an open campaign that has the dialogue, and have no final reading of it there.
    """
    sql, params = blind(person_id)
    return bool(store.rows(f"SELECT 1 FROM ({sql}) WHERE dialogue_id = ? LIMIT 1", [*params, dialogue_id]))


def blind_ids(store: Store, person_id: str) -> frozenset[str]:
    """Every dialogue of which `is_blind` holds for this person."""
    return frozenset(row["dialogue_id"] for row in store.rows(*blind(person_id)))


def final_rubrics(cursor: Cursor, person_id: str, dialogue_id: str) -> frozenset[str]:
    """The rubrics (rubric_id) by which this person's reading of the dialogue is final.

    A newer campaign by the same rubric, say by a later version, opens it again: blind, as the first one was.
    """
    # For nearly every mark one of these says no, and quickly.
    if not rows_of(cursor, _IN_A_CAMPAIGN, [dialogue_id]):
        return frozenset()
    if not rows_of(cursor, _EVER_FINISHED, [dialogue_id, person_id]):
        return frozenset()
    sql = f"""
        WITH here AS (
            SELECT campaign_id, rubric_id FROM campaigns
            SEMI JOIN (SELECT * FROM campaign_dialogues WHERE dialogue_id = ?) USING (campaign_id)
            SEMI JOIN (SELECT * FROM campaign_people WHERE person_id = ?) USING (campaign_id)
        )
        SELECT rubric_id FROM here
        SEMI JOIN (SELECT * FROM campaign_done WHERE person_id = ? AND dialogue_id = ?) USING (campaign_id)
        EXCEPT
        SELECT rubric_id FROM here
        SEMI JOIN (SELECT * FROM ({_BLIND}) WHERE dialogue_id = ?) USING (campaign_id)
    """
    params = [dialogue_id, person_id, person_id, dialogue_id, *_asked(person_id), dialogue_id]
    return frozenset(row["rubric_id"] for row in rows_of(cursor, sql, params))


def is_final(store: Store, person_id: str, dialogue_id: str, rubric_id: str) -> bool:
    """Whether this person's marks there by this rubric can no longer be changed."""
    return rubric_id in store.read(lambda cursor: final_rubrics(cursor, person_id, dialogue_id))


def shown_from(store: Store, person_id: str, dialogue_id: str) -> datetime | None:
    """When what others marked there will be shown to this person (naive UTC): an hour after they finished it in the
    last of their open campaigns that have it. None where it is shown already, or where one is not finished.
    """
    sql = f"""
        SELECT max(finished_at) AS last, count(*) = count(finished_at) AS is_done FROM ({_BLIND})
        LEFT JOIN (SELECT * FROM campaign_done WHERE person_id = ?) USING (campaign_id, dialogue_id)
        WHERE dialogue_id = ?
    """
    (found,) = store.rows(sql, [*_asked(person_id), person_id, dialogue_id])
    return found["last"] + FINAL_AFTER if found["is_done"] and found["last"] else None


def hides_gold(store: Store, person_id: str, dialogue_id: str) -> bool:
    """Whether gold of this dialogue must be hidden from this person: an open campaign has it, and they read there."""
    return bool(store.rows(f"SELECT 1 FROM ({GOLD_HIDDEN}) WHERE dialogue_id = ? LIMIT 1", [person_id, dialogue_id]))


def gold_hidden_ids(store: Store, person_id: str) -> frozenset[str]:
    """Every dialogue of which `hides_gold` holds for this person; every one of `blind_ids` is among them."""
    return frozenset(row["dialogue_id"] for row in store.rows(GOLD_HIDDEN, [person_id]))


def not_to_settle(store: Store, person_id: str) -> frozenset[str]:
    """The dialogues whose disagreements this person is not shown: those of `blind_ids`, and what calibrates them now,
    because what was settled there is gold.
    """
    now_calibrating = store.rows(f"{GOLD_HIDDEN} WHERE is_gold", [person_id])
    return blind_ids(store, person_id) | {row["dialogue_id"] for row in now_calibrating}


def _asked(person_id: str) -> list[Any]:
    return [person_id, person_id, now() - FINAL_AFTER]
