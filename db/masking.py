"""Profiles that some roles are not shown: what a person told of themselves, and the name that they went by.

KARDIA_MASK_PROFILES names the roles, by commas, such as `annotator,viewer`. Somebody who also has a role that may see
them sees them. A role that may export data cannot be masked: the file would hold what the page hid. What is said in the
dialogue itself stays; take names out of that with `python -m pipeline personas` before it is brought in.
"""

import os
from dataclasses import replace

from db.dialogues import Dialogue
from db.people import ACTIONS, ROLES, Person
from rubrics.errors import UserError


def masked_roles() -> frozenset[str]:
    """The roles as the environment has them. Raises UserError for one that is none, or that may export."""
    asked = {role.strip() for role in os.environ.get("KARDIA_MASK_PROFILES", "").split(",") if role.strip()}
    for role in sorted(asked):
        if role not in ROLES:
            raise UserError(f"KARDIA_MASK_PROFILES: {role[:40]} is no role; the roles are {', '.join(ROLES)}")
        if "export_data" in ACTIONS[role]:
            raise UserError(f"KARDIA_MASK_PROFILES: {role} may export data, which holds the profiles; name other roles")
    return frozenset(asked)


def is_masked(person: Person) -> bool:
    """Whether this person is not shown profiles: every role that they have is masked."""
    return bool(person.roles) and set(person.roles) <= masked_roles()


def as_shown_to(person: Person, dialogue: Dialogue) -> Dialogue:
    """The dialogue as this person may see it."""
    return replace(dialogue, person="", anon_username="", mbti="") if is_masked(person) else dialogue
