"""Every door by which somebody might come to approve their own words, tried with the real thing behind it.

What stands behind them is one rule: a version is decided on by psychologists who wrote none of it. Two doors are not
tried because no rule could hold there: words that one person dictates to another, who then submits and answers for
them, and writing into the database file by hand.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from db.__main__ import main
from db.people import SYSTEM, Person, add_person, change_person, person
from db.rubric_versions import (
    Version,
    approve,
    decisions,
    discard_draft,
    export_version,
    import_version,
    new_draft,
    open_draft,
    request_changes,
    retire,
    save_draft,
    submit,
    version,
    versions,
    waiting_for,
)
from db.store import Store
from rubrics.errors import UserError
from rubrics.load import parse_rubric, rubric_from
from studio import service

WROTE = "wrote part of it"
ENTRY = Path(service.__file__).with_name("streamlit_app.py")


def asking(question: str, rubric_id: str = "warmth", **more: Any) -> dict[str, Any]:
    anchors = {"1": "cold", "5": "warm"}
    return {
        "id": rubric_id,
        "title": "Warmth",
        "criteria": [{"id": "warm", "name": "Warm", "question": question, "anchors": anchors}],
        **more,
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    for person_id in ("ines", "tomas", "lena"):
        add_person(opened, SYSTEM, person_id, person_id.title(), ["psychologist"])
    add_person(opened, SYSTEM, "ravi", "Ravi", ["researcher"])
    add_person(opened, SYSTEM, "hanna", "Hanna", ["admin"])
    yield opened
    opened.close()


def by(store: Store, person_id: str) -> Person:
    return person(store, person_id)


def submitted(store: Store, author: str, body: dict[str, Any]) -> Version:
    """A version in review that `author` alone drafted and submitted."""
    who, rubric_id = by(store, author), body["id"]
    if versions(store, rubric_id):
        draft = open_draft(store, who, rubric_id)
        draft = save_draft(store, who, rubric_id, body, draft.revision)
    else:
        draft = new_draft(store, who, body)
    return submit(store, who, rubric_id, draft.revision, "")


def refused(store: Store, who: str, found: Version, words: str = WROTE) -> None:
    """This person can neither approve the version nor send it back, and it does not wait for them."""
    assert found.version not in [one.version for one in waiting_for(store, by(store, who))]
    for decide in (approve, request_changes):
        with pytest.raises(UserError, match=words):
            decide(store, by(store, who), found.rubric_id, found.version, "it is good")
    assert version(store, found.rubric_id, found.version).state == "in_review"


def decided(store: Store, who: str, found: Version) -> str:
    """The state after this person approved it: a rule that refuses everybody would be no rule."""
    return approve(store, by(store, who), found.rubric_id, found.version, "read it twice").state


# The plain doors


def test_by_calling_the_rule_itself(store: Store) -> None:
    found = submitted(store, "ines", asking("Is it warm?"))
    refused(store, "ines", found)
    assert decided(store, "tomas", found) == "approved"


def test_by_the_command_line(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    submitted(store, "ines", asking("Is it warm?"))
    store.close()
    command = ["--home", str(store.home), "rubric", "approve", "warmth", "1", "--reason", "mine", "--as"]
    for who, words in (("ines", WROTE), ("kardia", "is the studio itself"), ("INES", "nobody has this id")):
        assert main([*command, who]) == 1
        told = capsys.readouterr()
        assert (told.out, told.err.count("\n")) == ("", 1)
        assert words in told.err
    with pytest.raises(SystemExit) as left:
        main(command[:-1])
    assert left.value.code == 2
    capsys.readouterr()
    assert main([*command, "tomas"]) == 0


def test_by_the_command_line_importing_as_nobody(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(export_version(store, "warmth", submitted(store, "ines", asking("Is it warm?")).version))
    store.close()
    with pytest.raises(SystemExit):
        main(["--home", str(store.home), "rubric", "import", str(file)])
    assert main(["--home", str(store.home), "rubric", "import", str(file), "--as", "kardia"]) == 1


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Callable[..., AppTest]]:
    """A function: a browser of its own for that person, with the review of kardia-empathy open."""
    service.start(tmp_path / "home", demo=True)

    def opened(person_id: str) -> AppTest:
        at = AppTest.from_file(str(ENTRY), default_timeout=30)
        at.session_state["person_id"] = person_id
        at.run()
        at.switch_page("app_pages/rubrics.py")
        at.query_params["rubric"], at.query_params["view"] = "kardia-empathy", "review"
        at.run()
        assert not at.exception
        return at

    yield opened
    service.stop()


def in_the_studio(author: str) -> Version:
    """A version of kardia-empathy in review, by that author."""
    store = service.store()
    draft = open_draft(store, by(store, author), "kardia-empathy")
    body = deepcopy(draft.body)
    body["criteria"][0]["question"] = "Does it hear what was said?"
    draft = save_draft(store, by(store, author), "kardia-empathy", body, draft.revision)
    return submit(store, by(store, author), "kardia-empathy", draft.revision, "")


def test_by_the_page(studio: Callable[..., AppTest]) -> None:
    found = in_the_studio("ines")
    assert not {"approve", "request_changes"} & {button.key for button in studio("ines").button}
    at = studio("tomas")
    at.text_area(key="decision_reason").set_value("read it twice").run()
    # The button is on the page, and by the time of the click it is the author who sits there.
    at.session_state["person_id"] = "ines"
    at.button(key="approve").click().run()
    assert not at.exception
    assert version(service.store(), found.rubric_id, found.version).state == "in_review"
    assert decisions(service.store(), found.rubric_id, found.version) == []
    at = studio("tomas")
    at.text_area(key="decision_reason").set_value("read it twice").run()
    at.button(key="approve").click().run()
    assert version(service.store(), found.rubric_id, found.version).decided_by == "tomas"


# Through drafts, files and other ids


def test_by_leaving_the_submitting_to_somebody_else(store: Store) -> None:
    draft = new_draft(store, by(store, "ines"), asking("Is it warm?"))
    found = submit(store, by(store, "ravi"), "warmth", draft.revision, "")
    refused(store, "ines", found)


def test_by_having_another_save_on_top(store: Store) -> None:
    draft = new_draft(store, by(store, "ines"), asking("Is it warm?"))
    draft = save_draft(store, by(store, "ravi"), "warmth", asking("Is it kind?"), draft.revision)
    refused(store, "ines", submit(store, by(store, "ravi"), "warmth", draft.revision, ""))


def test_by_a_file_that_another_brings_back_in(store: Store) -> None:
    sent_back = submitted(store, "ines", asking("Is it warm?"))
    text = export_version(store, "warmth", sent_back.version)
    again = import_version(store, by(store, "ravi"), parse_rubric(text), "")
    refused(store, "ines", again)
    approved = submitted(store, "lena", asking("Is it kind?"))
    request_changes(store, by(store, "tomas"), "warmth", sent_back.version, "no")
    assert decided(store, "tomas", approved) == "approved"
    # Sent back, and one comma changed in the file: nobody approved the words, so they are still hers.
    edited = text.replace("title: Warmth", "title: Warmth, again")
    refused(store, "ines", import_version(store, by(store, "ravi"), parse_rubric(edited), ""))


def test_by_a_file_of_a_draft_that_was_discarded(store: Store) -> None:
    draft = new_draft(store, by(store, "ines"), asking(" Is it WARM?"))
    discard_draft(store, by(store, "ines"), "warmth", draft.revision)
    found = import_version(store, by(store, "ravi"), rubric_from(asking("Is it warm?", title="Mine")), "")
    refused(store, "ines", found)
    assert decided(store, "tomas", found) == "approved"


def test_by_another_rubric_id(store: Store) -> None:
    import_version(store, by(store, "ines"), rubric_from(asking("Is it warm?")), "")
    refused(store, "ines", import_version(store, by(store, "ravi"), rubric_from(asking("Is it warm?", "kindness")), ""))
    own = import_version(store, by(store, "ines"), rubric_from(asking("Is it warm?", "friendliness")), "")
    refused(store, "ines", own)


def test_by_retyping_what_was_sent_back_in_a_fresh_draft(store: Store) -> None:
    assert decided(store, "tomas", submitted(store, "lena", asking("Is it kind?"))) == "approved"
    found = submitted(store, "ines", asking("Is it warm?"))
    request_changes(store, by(store, "tomas"), "warmth", found.version, "no")
    draft = open_draft(store, by(store, "ravi"), "warmth")
    discard_draft(store, by(store, "ravi"), "warmth", draft.revision)
    refused(store, "ines", submitted(store, "ravi", asking("Is it warm?", title="Retyped")))


def test_by_retiring_it_and_bringing_it_back(store: Store) -> None:
    first = submitted(store, "ines", asking("Is it warm?"))
    assert decided(store, "tomas", first) == "approved"
    retire(store, by(store, "tomas"), "warmth", first.version, "it misreads grief")
    refused(store, "ines", submitted(store, "ravi", asking("Is it warm?", title="Warmth, back")))


def test_words_that_stand_approved_are_nobodys_obstacle(store: Store) -> None:
    assert decided(store, "tomas", submitted(store, "ines", asking("Is it warm?"))) == "approved"
    found = submitted(store, "tomas", asking("Is it warm?", title="Warmth, retitled"))
    assert found.authors == ("tomas",)
    assert decided(store, "ines", found) == "approved"


# Two tabs, two threads, a role that goes


def test_by_a_second_tab_that_saved_before_the_submission(store: Store) -> None:
    draft = new_draft(store, by(store, "ines"), asking("Is it warm?"))
    seen = by(store, "tomas")
    draft = save_draft(store, seen, "warmth", asking("Is it warm and kind?"), draft.revision)
    found = submit(store, by(store, "ines"), "warmth", draft.revision, "")
    with pytest.raises(UserError, match=WROTE):
        approve(store, seen, "warmth", found.version, "good")


def test_by_approving_while_submitting(store: Store) -> None:
    draft = new_draft(store, by(store, "ines"), asking("Is it warm?"))
    together, said = threading.Barrier(9), []

    def race(act: Callable[[], Version]) -> None:
        together.wait()
        for _ in range(20):
            try:
                said.append(act().state)
            except UserError as error:
                said.append(str(error))

    acts: list[Callable[[], Version]] = [lambda: submit(store, by(store, "ines"), "warmth", draft.revision, "")]
    acts += [lambda: approve(store, by(store, "ines"), "warmth", 1, "mine")] * 8
    threads = [threading.Thread(target=race, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "approved" not in said
    assert version(store, "warmth", 1).state == "in_review"
    assert any(WROTE in words for words in said)


def test_by_a_role_that_was_taken_away_meanwhile(store: Store) -> None:
    found = submitted(store, "ines", asking("Is it warm?"))
    tomas, lena = by(store, "tomas"), by(store, "lena")
    change_person(store, by(store, "hanna"), "tomas", roles=["researcher"])
    change_person(store, by(store, "hanna"), "lena", active=False)
    for person_of_before, words in ((tomas, "takes the role psychologist"), (lena, "no longer active")):
        with pytest.raises(UserError, match=words):
            approve(store, person_of_before, "warmth", found.version, "good")


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        (Person("ravi", "Ravi", ("psychologist",)), "takes the role psychologist"),
        (Person("ghost", "Ghost", ("psychologist",)), "nobody has this id"),
        (Person("ines", "Tomas", ("psychologist",)), WROTE),
        (Person("Ines", "Ines", ("psychologist",)), "nobody has this id"),
        (Person("ines ", "Ines", ("psychologist",)), "nobody has this id"),
        (Person("INES", "Ines", ("psychologist",)), "nobody has this id"),
        (Person("ínes", "Ines", ("psychologist",)), "nobody has this id"),
        (SYSTEM, "takes the role psychologist"),
        (Person("kardia", "Kardia", ("psychologist",)), "takes the role psychologist"),
    ],
    ids=lambda value: value.person_id if isinstance(value, Person) else "",
)
def test_by_being_somebody_else(store: Store, forged: Person, words: str) -> None:
    found = submitted(store, "ines", asking("Is it warm?"))
    for decide in (approve, request_changes):
        with pytest.raises(UserError, match=words):
            decide(store, forged, "warmth", found.version, "good")
    assert version(store, "warmth", found.version).state == "in_review"


def test_by_a_second_name_in_other_letters(store: Store) -> None:
    with pytest.raises(UserError, match="has this id already"):
        add_person(store, SYSTEM, "INES ", "Another Ines", ["psychologist"])


def test_by_a_new_name_for_the_same_person(store: Store) -> None:
    found = submitted(store, "ines", asking("Is it warm?"))
    change_person(store, by(store, "hanna"), "ines", name="Dr. Nobody")
    refused(store, "ines", found)


# Where two must approve


def test_by_approving_twice_where_two_must(store: Store) -> None:
    found = submitted(store, "ines", asking("Is it warm?", approvers=2))
    assert decided(store, "tomas", found) == "in_review"
    with pytest.raises(UserError, match="approved it already"):
        approve(store, by(store, "tomas"), "warmth", 1, "once more")
    refused(store, "ines", found)
    assert decided(store, "lena", version(store, "warmth", 1)) == "approved"
    assert [one.decided_by for one in decisions(store, "warmth", 1)] == ["tomas", "lena"]


def test_by_approving_twice_at_once_where_two_must(store: Store) -> None:
    submitted(store, "ines", asking("Is it warm?", approvers=2))
    together, tomas = threading.Barrier(4), by(store, "tomas")

    def twice() -> None:
        together.wait()
        with contextlib.suppress(UserError):
            approve(store, tomas, "warmth", 1, "good")

    threads = [threading.Thread(target=twice) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = version(store, "warmth", 1)
    assert (found.state, found.endorsed_by) == ("in_review", ("tomas",))


@pytest.mark.parametrize("retired_first", [False, True])
def test_by_lowering_the_number_of_approvers_in_ones_own_version(store: Store, retired_first: bool) -> None:
    first = submitted(store, "lena", asking("Is it warm?", approvers=2))
    decided(store, "tomas", first)
    assert decided(store, "ines", first) == "approved"
    if retired_first:
        retire(store, by(store, "tomas"), "warmth", 1, "out of the way")
    lowered = submitted(store, "ravi", asking("Is it kind?"))
    assert (lowered.rubric.approvers, lowered.approvers_needed) == (1, 2)
    assert decided(store, "tomas", lowered) == "in_review"
