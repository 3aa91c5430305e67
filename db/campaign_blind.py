"""What an open campaign hides from those who read in it, and until when. The rules: db/campaigns.py.

* What others marked and what a machine scored: until this person has finished that dialogue there.
* Gold, and how this person compares with it: until the campaign is closed. Sooner, somebody could look, take their
  finish back and mark again, and calibration would measure nothing.
"""

from db.store import Store

_CLOSED = "(SELECT campaign_id FROM campaign_events WHERE kind = 'close')"
# Both give dialogue_id, and take the person: the first twice, the second once.
BLIND = f"""
    SELECT dialogue_id FROM campaign_dialogues
    SEMI JOIN (SELECT * FROM campaign_people WHERE is_member AND person_id = ?) USING (campaign_id)
    ANTI JOIN {_CLOSED} USING (campaign_id)
    ANTI JOIN (SELECT * FROM campaign_done WHERE person_id = ?) USING (campaign_id, dialogue_id)
"""
# Former members too: they can be added again.
GOLD_HIDDEN = f"""
    SELECT dialogue_id FROM campaign_dialogues
    SEMI JOIN (SELECT * FROM campaign_people WHERE person_id = ?) USING (campaign_id)
    ANTI JOIN {_CLOSED} USING (campaign_id)
"""


def is_blind(store: Store, person_id: str, dialogue_id: str) -> bool:
    """Whether others' judgements of this dialogue must be hidden from this person.

    So it is while they work in an open campaign that has the dialogue, and have not finished it there.
    """
    sql = f"SELECT 1 FROM ({BLIND}) WHERE dialogue_id = ? LIMIT 1"
    return bool(store.rows(sql, [person_id, person_id, dialogue_id]))


def blind_ids(store: Store, person_id: str) -> frozenset[str]:
    """Every dialogue of which `is_blind` holds for this person."""
    return frozenset(row["dialogue_id"] for row in store.rows(BLIND, [person_id, person_id]))


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
