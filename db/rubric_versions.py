"""From draft to approved version: submitted, reviewed, approved, retired. The rules are held here, whatever page asks.

* A version is frozen when it is submitted: its row never changes, and reading it checks its body against its hash.
* A version is decided on by a psychologist who wrote none of it, with a reason, and only while it is in review.
* Where two must approve, the first approval leaves it in review; one of them alone can send it back. An approval holds
  as it was given, whatever role the approver has later; what is submitted anew starts with none.
* Whose words they are follows them through discarded drafts, files and other ids: `db.rubric_authors`.
* Nobody approves what was not measured against what stands (`db.rubric_foresight`), unless they say that they do.

Who somebody is, is taken from the store at every act. The command line believes its user's `--as`, and whoever can
write the file can write anything into it: against that, hashes show what was changed, and nothing more.
"""

from collections.abc import Mapping

from db import history
from db.lineage import standing_at
from db.people import Person, authorize
from db.rubric_authors import authors_of
from db.rubric_comments import make_way
from db.rubric_drafts import (
    Draft,
    DraftClash,
    at_revision,
    close_draft,
    discard_draft,
    draft,
    draft_at,
    new_draft,
    open_draft,
    save_draft,
    writers,
)
from db.rubric_foresight import foresee, must_be_foreseen, say_unforeseen, write_foreseen
from db.rubric_records import (
    Decision,
    RubricSummary,
    Step,
    Version,
    VersionState,
    approved,
    compared_with,
    decisions,
    rubrics,
    version,
    version_at,
    versions,
    versions_at,
    waiting_for,
)
from db.store import Cursor, Store, next_seq, now, told_by_key
from rubrics.errors import UserError
from rubrics.load import dump_rubric, rubric_from
from rubrics.schema import Rubric

__all__ = [
    "Decision",
    "Draft",
    "DraftClash",
    "RubricSummary",
    "Step",
    "Version",
    "VersionState",
    "approve",
    "approved",
    "compared_with",
    "decisions",
    "discard_draft",
    "draft",
    "export_version",
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
    """Freeze the draft as the rubric's next version, in review with its preview, and close the draft.

    Raises DraftClash when somebody saved since `revision`, and UserError when the body is not yet a whole rubric or
    says the same as a version that is approved or in review.
    """

    def work(cursor: Cursor, foreseen: bool) -> Version:
        authorize(cursor, actor, "edit_rubric")
        ready = at_revision(cursor, rubric_id, revision)
        rubric = rubric_from(ready.body, f"{rubric_id}, draft")
        _refuse_the_same(cursor, rubric)
        writing = writers(cursor, rubric_id) | {actor.person_id}
        frozen = _freeze(cursor, actor, rubric, writing, note, ready.base_version)
        close_draft(cursor, actor, "submitted", ready)
        return _measured(cursor, actor, frozen, foreseen)

    return write_foreseen(store, work)


def import_version(store: Store, actor: Person, rubric: Rubric, note: str) -> Version:
    """A finished rubric as the next version, in review with its preview; the same text again gives the version back."""

    return write_foreseen(store, lambda cursor, foreseen: insert_version(cursor, actor, rubric, note, foreseen))


def insert_version(cursor: Cursor, actor: Person, rubric: Rubric, note: str, foreseen: bool) -> Version:
    """As `import_version`, inside a write of `write_foreseen`."""
    authorize(cursor, actor, "edit_rubric")
    known = versions_at(cursor, rubric.id)
    if same := next((one for one in known if one.hash == rubric.hash), None):
        return same
    if draft_at(cursor, rubric.id):
        make_way(cursor, actor, rubric.id, _next(known))
    frozen = _freeze(cursor, actor, rubric, {actor.person_id}, note, known[0].version if known else None)
    return _measured(cursor, actor, frozen, foreseen)


def export_version(store: Store, rubric_id: str, number: int) -> str:
    """One version as YAML for people and pull requests; read again, it has the same hash."""
    found = version(store, rubric_id, number)
    return f"# {_named(found)}, {found.state.replace('_', ' ')}, hash {found.hash}\n{dump_rubric(found.rubric)}"


def approve(
    store: Store, actor: Person, rubric_id: str, version: int, reason: str, *, without_preview: bool = False
) -> Version:
    """Approve a version in review; by the first of two who must, it stays in review and counts one endorsement more.

    Raises UserError unless the actor is a psychologist who wrote none of it and has not approved it yet, and when what
    it would change was never measured: `without_preview` says that the actor decides all the same.
    """
    store.write(lambda cursor: _approvable(cursor, actor, rubric_id, version, reason))
    if not without_preview:
        must_be_foreseen(store, actor, rubric_id, version)

    def work(cursor: Cursor) -> Version:
        found = _approvable(cursor, actor, rubric_id, version, reason)
        last = len(found.endorsed_by) + 1 >= found.approvers_needed
        detail = {"without_preview": True} if without_preview else {}
        return _decide(cursor, actor, found, "approved" if last else "endorsed", reason, detail)

    return store.write(work)


def request_changes(store: Store, actor: Person, rubric_id: str, version: int, reason: str) -> Version:
    """Send a version in review back, whoever endorsed it.

    Raises UserError unless the actor is a psychologist who wrote none of it.
    """

    def work(cursor: Cursor) -> Version:
        found = _reviewed(cursor, actor, rubric_id, version, reason)
        return _decide(cursor, actor, found, "changes_requested", reason, {})

    return store.write(work)


def retire(store: Store, actor: Person, rubric_id: str, version: int, reason: str) -> Version:
    """Take an approved version out of use, as any psychologist may. Raises UserError from any other state.

    The diary keeps how many runs used it and how many models stood on it.
    """

    def work(cursor: Cursor) -> Version:
        authorize(cursor, actor, "decide_rubric")
        found = version_at(cursor, rubric_id, version)
        if found.state != "approved":
            raise UserError(f"{_named(found)} is {_standing(found)}; only an approved version can be retired")
        _refuse_no_reason(found, reason)
        counts = {name: len(ids) for name, ids in standing_at(cursor, found).items()}
        return _decide(cursor, actor, found, "retired", reason, counts)

    return store.write(work)


def _approvable(cursor: Cursor, actor: Person, rubric_id: str, number: int, reason: str) -> Version:
    found = _reviewed(cursor, actor, rubric_id, number, reason)
    if actor.person_id in found.endorsed_by:
        raise UserError(f"{_named(found)}: {actor.name} approved it already; it waits for another psychologist")
    return found


def _reviewed(cursor: Cursor, actor: Person, rubric_id: str, number: int, reason: str) -> Version:
    """The version, if it is in review and this person may decide on it with this reason."""
    authorize(cursor, actor, "decide_rubric")
    found = version_at(cursor, rubric_id, number)
    if found.state != "in_review":
        raise UserError(f"{_named(found)} is already {_standing(found)}; only a version in review can be decided on")
    if actor.person_id in found.authors:
        raise UserError(f"{_named(found)}: {actor.name} wrote part of it; another psychologist must decide")
    _refuse_no_reason(found, reason)
    return found


def _refuse_no_reason(found: Version, reason: str) -> None:
    if not reason.strip():
        raise UserError(f"{_named(found)}: say why; a decision needs a reason that others can read later")


def _decide(
    cursor: Cursor, actor: Person, found: Version, step: Step, reason: str, detail: Mapping[str, int]
) -> Version:
    seq = next_seq(cursor, "rubric_version_events")
    row = [seq, now(), actor.person_id, found.rubric_id, found.version, step, reason.strip()]
    cursor.execute("INSERT INTO rubric_version_events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    told = {"version": found.version, "hash": found.hash, **detail}
    history.record(cursor, actor, f"version_{step}", "rubric", found.rubric_id, told, reason.strip())
    return version_at(cursor, found.rubric_id, found.version)


def _freeze(cursor: Cursor, actor: Person, rubric: Rubric, writing: set[str], note: str, parent: int | None) -> Version:
    number = _next(versions_at(cursor, rubric.id))
    authors = authors_of(cursor, rubric, writing, parent)
    row = [rubric.id, number, rubric.hash, rubric.title, rubric.purpose, rubric.canonical_json, authors]
    row += [actor.person_id, now(), note.strip(), parent]
    cursor.execute("INSERT INTO rubric_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    told_by_key("rubric_versions", rubric.id)
    detail = {"version": number, "hash": rubric.hash, "parent_version": parent}
    history.record(cursor, actor, "version_submitted", "rubric", rubric.id, detail, note.strip())
    return version_at(cursor, rubric.id, number)


def _measured(cursor: Cursor, actor: Person, frozen: Version, foreseen: bool) -> Version:
    """The version with its preview beside it; without, when measuring it failed just now."""
    (foresee if foreseen else say_unforeseen)(cursor, actor, frozen)
    return frozen


def _next(known: list[Version]) -> int:
    return known[0].version + 1 if known else 1


def _refuse_the_same(cursor: Cursor, rubric: Rubric) -> None:
    for known in versions_at(cursor, rubric.id):
        if known.hash == rubric.hash and known.state in ("approved", "in_review"):
            raise UserError(f"{_named(known)}, {_standing(known)}, says the same word for word; change the draft first")


def _named(found: Version) -> str:
    return f"{found.rubric_id} version {found.version}"


def _standing(found: Version) -> str:
    words = {"in_review": "in review", "changes_requested": "sent back", "approved": "approved", "retired": "retired"}
    return words[found.state] + (f" by {found.decided_by}" if found.decided_by else "")
