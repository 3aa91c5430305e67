"""From draft to approved version: submitted, reviewed, approved, retired. The rules are held here, whatever page asks.

* A version is frozen when it is submitted: its row never changes, and reading it checks its body against its hash.
* A version is decided on by a psychologist who wrote none of it, with a reason, and only while it is in review.
* Whoever wrote an unapproved version stays an author of what is built on it, or of the same text submitted anew, so
  that nobody comes to approve their own words by a detour.
"""

from db import history
from db.people import Person, authorize
from db.rubric_drafts import (
    Draft,
    DraftClash,
    at_revision,
    close_draft,
    discard_draft,
    draft,
    new_draft,
    open_draft,
    save_draft,
    writers,
)
from db.rubric_records import (
    Decision,
    RubricSummary,
    Version,
    VersionState,
    approved,
    decisions,
    rubrics,
    version,
    version_at,
    versions,
    versions_at,
    waiting_for,
)
from db.store import Cursor, Store, next_seq, now
from rubrics.errors import UserError
from rubrics.load import rubric_from
from rubrics.schema import Rubric

__all__ = [
    "Decision",
    "Draft",
    "DraftClash",
    "RubricSummary",
    "Version",
    "VersionState",
    "approve",
    "approved",
    "decisions",
    "discard_draft",
    "draft",
    "import_version",
    "new_draft",
    "open_draft",
    "request_changes",
    "retire",
    "rubrics",
    "save_draft",
    "submit",
    "version",
    "versions",
    "waiting_for",
]


def submit(store: Store, actor: Person, rubric_id: str, revision: int, note: str) -> Version:
    """Freeze the draft as the rubric's next version, in review, and close the draft.

    Raises DraftClash when somebody saved since `revision`, and UserError when the body is not yet a whole rubric or
    says the same as a version that is approved or in review.
    """

    def work(cursor: Cursor) -> Version:
        authorize(cursor, actor, "edit_rubric")
        ready = at_revision(cursor, rubric_id, revision)
        rubric = rubric_from(ready.body, f"{rubric_id}, draft")
        _refuse_the_same(cursor, rubric)
        authors = writers(cursor, rubric_id) | {actor.person_id}
        frozen = _freeze(cursor, actor, rubric, authors, note, ready.base_version)
        close_draft(cursor, actor, "submitted", ready)
        return frozen

    return store.write(work)


def import_version(store: Store, actor: Person, rubric: Rubric, note: str) -> Version:
    """A finished rubric as the next version, in review; one that is here already, by hash, is given back."""

    def work(cursor: Cursor) -> Version:
        authorize(cursor, actor, "edit_rubric")
        known = versions_at(cursor, rubric.id)
        if same := next((one for one in known if one.hash == rubric.hash), None):
            return same
        return _freeze(cursor, actor, rubric, {actor.person_id}, note, known[0].version if known else None)

    return store.write(work)


def approve(store: Store, actor: Person, rubric_id: str, version: int, reason: str) -> Version:
    """Approve a version in review. Raises UserError unless the actor is a psychologist who wrote none of it."""
    return store.write(lambda cursor: _review(cursor, actor, rubric_id, version, "approved", reason))


def request_changes(store: Store, actor: Person, rubric_id: str, version: int, reason: str) -> Version:
    """Send a version in review back. Raises UserError unless the actor is a psychologist who wrote none of it."""
    return store.write(lambda cursor: _review(cursor, actor, rubric_id, version, "changes_requested", reason))


def retire(store: Store, actor: Person, rubric_id: str, version: int, reason: str) -> Version:
    """Take an approved version out of use, as any psychologist may. Raises UserError from any other state."""

    def work(cursor: Cursor) -> Version:
        authorize(cursor, actor, "decide_rubric")
        found = version_at(cursor, rubric_id, version)
        if found.state != "approved":
            raise UserError(f"{_named(found)} is {_standing(found)}; only an approved version can be retired")
        return _decide(cursor, actor, found, "retired", reason)

    return store.write(work)


def _review(cursor: Cursor, actor: Person, rubric_id: str, number: int, state: VersionState, reason: str) -> Version:
    authorize(cursor, actor, "decide_rubric")
    found = version_at(cursor, rubric_id, number)
    if found.state != "in_review":
        raise UserError(f"{_named(found)} is already {_standing(found)}; only a version in review can be decided on")
    if actor.person_id in found.authors:
        raise UserError(f"{_named(found)}: {actor.name} wrote part of it; another psychologist must decide")
    return _decide(cursor, actor, found, state, reason)


def _decide(cursor: Cursor, actor: Person, found: Version, state: VersionState, reason: str) -> Version:
    if not reason.strip():
        raise UserError(f"{_named(found)}: say why; a decision needs a reason that others can read later")
    seq = next_seq(cursor, "rubric_version_events")
    row = [seq, now(), actor.person_id, found.rubric_id, found.version, state, reason.strip()]
    cursor.execute("INSERT INTO rubric_version_events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    detail = {"version": found.version, "hash": found.hash}
    history.record(cursor, actor, f"version_{state}", "rubric", found.rubric_id, detail, reason.strip())
    return version_at(cursor, found.rubric_id, found.version)


def _freeze(cursor: Cursor, actor: Person, rubric: Rubric, authors: set[str], note: str, parent: int | None) -> Version:
    known = versions_at(cursor, rubric.id)
    number = known[0].version + 1 if known else 1
    authors = authors.union(*(one.authors for one in known if _lends_authors(one, rubric, parent)))
    row = [rubric.id, number, rubric.hash, rubric.title, rubric.purpose, rubric.canonical_json, sorted(authors)]
    row += [actor.person_id, now(), note.strip(), parent]
    cursor.execute("INSERT INTO rubric_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    detail = {"version": number, "hash": rubric.hash, "parent_version": parent}
    history.record(cursor, actor, "version_submitted", "rubric", rubric.id, detail, note.strip())
    return version_at(cursor, rubric.id, number)


def _lends_authors(earlier: Version, rubric: Rubric, parent: int | None) -> bool:
    """Whether an earlier version's authors are authors of this one: nobody ever approved words that it took over."""
    never_approved = earlier.state in ("in_review", "changes_requested")
    return never_approved and (earlier.version == parent or earlier.hash == rubric.hash)


def _refuse_the_same(cursor: Cursor, rubric: Rubric) -> None:
    for known in versions_at(cursor, rubric.id):
        if known.hash == rubric.hash and known.state in ("approved", "in_review"):
            raise UserError(f"{_named(known)}, {_standing(known)}, says the same word for word; change the draft first")


def _named(found: Version) -> str:
    return f"{found.rubric_id} version {found.version}"


def _standing(found: Version) -> str:
    words = {"in_review": "in review", "changes_requested": "sent back", "approved": "approved", "retired": "retired"}
    return words[found.state] + (f" by {found.decided_by}" if found.decided_by else "")
