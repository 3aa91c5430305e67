"""A store in which everything has happened once: what tests of the history, of backups and of erasure start from."""

from pathlib import Path

from db import adjudication, audits, campaigns, care, gate, incidents, preferences
from db.demo import load_demo
from db.finding_filter import Filter
from db.finding_saved import save_filter
from db.people import Person, person
from db.rubric_comments import comment, resolve
from db.rubric_drafts import open_draft, save_draft
from db.rubric_versions import request_changes, submit
from db.store import Store
from db.tried import Talk, send
from pipeline.turns import Message

FLAGS, EMPATHY = "unsafe-turns", "kardia-empathy"


def lived_in(home: Path) -> Store:
    """The demo, and one act of each kind by its people; the caller closes it."""
    store = Store.open(home)
    load_demo(store)
    ines, tomas, mei = (person(store, one) for one in ("ines", "tomas", "mei"))
    _audited(store, ines, mei)
    _written(store, ines, tomas)
    _led(store, ines, tomas, mei)
    return store


def code(store: Store) -> str:
    """A code of the rubric of flags."""
    return str(store.rows("SELECT code FROM current_flags ORDER BY code LIMIT 1")[0]["code"])


def _audited(store: Store, ines: Person, mei: Person) -> None:
    by = {"rubric_id": FLAGS, "rubric_version": 1}
    audits.flag(store, mei, "demo-01", 0, code(store), "red", "she says so", **by, client_id="a1")
    audits.flag(store, mei, "demo-01", 0, code(store), "yellow", **by, client_id="a2")
    audits.unflag(store, mei, "demo-01", 0, code(store), "a3")
    audits.flag(store, mei, "demo-02", 0, code(store), "red", **by, client_id="a4")
    audits.note(store, mei, "demo-02", None, "a note", "a5")
    audits.finish(store, mei, "demo-02", FLAGS, 1, "a6")
    adjudication.decide(
        store, ines, "demo-02", 0, code(store), True, "red", "slip", "it is there", client_id="a7", **by
    )
    incidents.open_incident(store, mei, "demo-03", 0, "danger", "i1", "look at this")
    care.begin(store, mei, "c1")
    said = (Message("user", "I cannot sleep."), Message("assistant", "What keeps you awake?"))
    send(store, ines, Talk("a-model", said))
    save_filter(store, mei, "mine", Filter(emotion="sad"), shared=False)


def _written(store: Store, ines: Person, tomas: Person) -> None:
    draft = open_draft(store, ines, EMPATHY)
    saved = save_draft(store, ines, EMPATHY, {**draft.body, "title": "Kardia empathy, tried"}, draft.revision)
    submit(store, ines, EMPATHY, saved.revision, "see the title")
    thread = comment(store, tomas, EMPATHY, "", "why tried?", client_id="t1", version=2)
    resolve(store, ines, thread.thread_id)
    request_changes(store, tomas, EMPATHY, 2, "say why in the note")


def _led(store: Store, ines: Person, tomas: Person, mei: Person) -> None:
    made = campaigns.create(store, ines, "Spring", FLAGS, 1, ["demo-05", "demo-06"], ["mei"], overlap=1)
    campaigns.next_place(store, mei, made.campaign_id)
    pair = preferences.Item("demo-05", 0, "A move.", [("user", "It hurts.")], "one reply", "another", 0.5, None)
    compared = preferences.create(store, ines, "Warmer?", "run", ("base", "trained"), [pair])
    preferences.choose(store, mei, compared.comparison_id, 0, "left", "It stays with her.")
    version = gate.version(store, EMPATHY, 1)
    figures = gate.figures_now(store, version, "built-in/small")
    gate.grant(store, tomas, EMPATHY, 1, "built-in/small", "only to try it", figures)
