"""Every role at every door of the store and of the command line: allowed exactly where docs/roles.md says.

The page of the manual is the table that people were told; it is read here, and held against what each door does. A cell
changed in `db.people.ACTIONS`, or a door that no longer asks, makes this fail; the last tests show that it would.
"""

import argparse
import importlib
import inspect
import pkgutil
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

import db
from db import (
    adjudication,
    audits,
    campaign_places,
    campaign_records,
    campaign_undo,
    campaigns,
    care,
    erasure,
    everything,
    example_drafts,
    exchange,
    finding,
    finding_export,
    finding_saved,
    gate,
    gold_completion,
    history_export,
    incidents,
    people,
    preferences,
    rubric_comments,
    rubric_drafts,
    rubric_versions,
    tried,
)
from db.__main__ import _parser, main
from db.agreement_diagnosis import diagnosis
from db.campaign_places import release
from db.finding_filter import Filter
from db.others import bring_in
from db.people import ROLES, SYSTEM, Action, Person, Role, add_person
from db.store import Store
from pipeline.rundir import Request, RunDir, Stage, new_run_id, utc_now
from pipeline.turns import Message
from rubrics.errors import UserError
from rubrics.load import LIBRARY, load_rubric
from studio.widgets.run import submit
from studio.widgets.walk.questions import Questions
from tests.db.trust_stores import EMPATHY, FLAGS, lived_in

MANUAL = Path(__file__).parents[2] / "docs" / "roles.md"
Door = Callable[[Store, Person, Path], object]
BY: dict[str, Any] = {"rubric_id": FLAGS, "rubric_version": 1}
PAIRS = [preferences.Item("demo-01", 0, "", (), "one", "other", None, None)]
TALK = tried.Talk("m", (Message("user", "hello"), Message("assistant", "hello")))


def campaign(store: Store) -> str:
    return str(store.rows("SELECT campaign_id FROM campaigns")[0]["campaign_id"])


def incident(store: Store) -> str:
    return str(store.rows("SELECT incident_id FROM incident_events")[0]["incident_id"])


def thread(store: Store) -> str:
    return str(store.rows("SELECT thread_id FROM rubric_comment_events")[0]["thread_id"])


def lines(folder: Path) -> Path:
    file = folder / "one.jsonl"
    file.write_text('{"dialogue_id": "new", "messages": [{"role": "assistant", "content": "a"}]}\n')
    return file


def figures(store: Store) -> Any:
    return gate.figures_now(store, gate.version(store, EMPATHY, 1), "j/m")


def a_run(folder: Path, stage: Stage) -> RunDir:
    """A run that is queued, where no worker looks."""
    asked = Request(run_id=new_run_id(stage), stage=stage, config={}, requested_by="ravi", created_at=utc_now())
    return RunDir.create(folder, asked)


RUBRIC = load_rubric(LIBRARY / "kardia-empathy.yaml")

# Each door by the function that it is, and the right that it takes.
DOORS: dict[tuple[Callable[..., Any], Action], Door] = {
    (diagnosis, "see_agreement"): lambda s, p, d: diagnosis(s, p, FLAGS, 1),
    (adjudication.decide, "adjudicate"): lambda s, p, d: adjudication.decide(
        s, p, "demo-02", 0, "CR1", True, "red", "slip", "why", "k", **BY
    ),
    (audits.flag, "audit"): lambda s, p, d: audits.flag(s, p, "demo-03", 0, "CR1", "red", **BY, client_id="k"),
    (audits.flag, "adjudicate"): lambda s, p, d: audits.flag(
        s, p, "demo-03", 0, "CR1", "red", **BY, client_id="k", is_gold=True
    ),
    (audits.unflag, "audit"): lambda s, p, d: audits.unflag(s, p, "demo-03", 0, "CR1", "k"),
    (audits.unflag, "adjudicate"): lambda s, p, d: audits.unflag(s, p, "demo-03", 0, "CR1", "k", is_gold=True),
    (audits.score, "audit"): lambda s, p, d: audits.score(s, p, "demo-03", 0, "x", 3, "", EMPATHY, 1, "k"),
    (audits.note, "audit"): lambda s, p, d: audits.note(s, p, "demo-03", None, "n", "k"),
    (audits.finish, "audit"): lambda s, p, d: audits.finish(s, p, "demo-03", FLAGS, 1, "k"),
    (audits.finish, "adjudicate"): lambda s, p, d: audits.finish(s, p, "demo-03", FLAGS, 1, "k", is_gold=True),
    (gold_completion.complete_gold, "adjudicate"): lambda s, p, d: gold_completion.complete_gold(
        s, p, "demo-01", FLAGS, 1, "k"
    ),
    (gold_completion.reopen_gold, "adjudicate"): lambda s, p, d: gold_completion.reopen_gold(
        s, p, "demo-01", FLAGS, 1, "k"
    ),
    (audits.unfinish, "audit"): lambda s, p, d: audits.unfinish(s, p, "demo-03", FLAGS, 1, "k"),
    (audits.unfinish, "adjudicate"): lambda s, p, d: audits.unfinish(s, p, "demo-03", FLAGS, 1, "k", is_gold=True),
    (campaign_places.keep, "audit"): lambda s, p, d: campaign_places.keep(s, p, campaign(s), "demo-05"),
    (campaign_places.next_place, "audit"): lambda s, p, d: campaign_places.next_place(s, p, campaign(s)),
    (release, "audit"): lambda s, p, d: release(s, p, campaign(s), "demo-05"),
    (campaign_places.skip, "audit"): lambda s, p, d: campaign_places.skip(s, p, campaign(s), "demo-05", "language"),
    (campaign_undo.undo, "audit"): lambda s, p, d: campaign_undo.undo(s, p, campaign(s)),
    (campaign_records.overview, "run_campaign"): lambda s, p, d: campaign_records.overview(s, p, campaign(s)),
    (campaigns.add_person, "run_campaign"): lambda s, p, d: campaigns.add_person(s, p, campaign(s), "ines"),
    (campaigns.remove_person, "run_campaign"): lambda s, p, d: campaigns.remove_person(s, p, campaign(s), "mei"),
    (campaigns.close, "run_campaign"): lambda s, p, d: campaigns.close(s, p, campaign(s), "why"),
    (campaigns.create, "run_campaign"): lambda s, p, d: campaigns.create(
        s, p, "More", FLAGS, 1, ["demo-09"], ["mei"], overlap=1
    ),
    (care.begin, "read"): lambda s, p, d: care.begin(s, p, "k"),
    (care.change, "read"): lambda s, p, d: care.change(s, p, care.Care(), "k"),
    (care.pause, "read"): lambda s, p, d: care.pause(s, p, "pause", "k"),
    (care.seen, "read"): lambda s, p, d: care.seen(s, p, "demo-01", 0, "k"),
    (example_drafts.add_example, "edit_rubric"): lambda s, p, d: example_drafts.add_example(
        s, p, EMPATHY, RUBRIC.ids[0], {"text": "t", "score": 1, "why": "w"}
    ),
    (erasure.erase_person, "manage_people"): lambda s, p, d: erasure.erase_person(s, p, "mei", "asked for"),
    (erasure.retain, "manage_people"): lambda s, p, d: erasure.retain(s, p, 30),
    (everything.export_everything, "export_data"): lambda s, p, d: everything.export_everything(s, p, d / "all"),
    (exchange.export_records, "export_data"): lambda s, p, d: list(exchange.export_records(s, p, Filter())),
    (exchange.export_lines, "export_data"): lambda s, p, d: list(exchange.export_lines(s, p)),
    (exchange.import_file, "import_data"): lambda s, p, d: exchange.import_file(s, p, lines(d)),
    (exchange.import_lines, "import_data"): lambda s, p, d: exchange.import_lines(
        s, p, [lines(d).read_bytes()], "f", "made"
    ),
    (finding_export.export_file, "export_data"): lambda s, p, d: finding_export.export_file(
        s, p, Filter(), "jsonl", d / "out.jsonl"
    ),
    (finding.find, "read"): lambda s, p, d: finding.find(s, p, Filter()),
    (finding.count, "read"): lambda s, p, d: finding.count(s, p, Filter()),
    (finding.matching_ids, "read"): lambda s, p, d: finding.matching_ids(s, p, Filter()),
    (finding_saved.save_filter, "read"): lambda s, p, d: finding_saved.save_filter(s, p, "n", Filter(), shared=True),
    (finding_saved.remove_filter, "read"): lambda s, p, d: finding_saved.remove_filter(s, p, "f"),
    (gate.grant, "override_gate"): lambda s, p, d: gate.grant(s, p, EMPATHY, 1, "j/m", "why", figures(s)),
    (gate.withdraw, "override_gate"): lambda s, p, d: gate.withdraw(s, p, EMPATHY, 1, "built-in/small", "why"),
    (history_export.export_history, "read_history"): lambda s, p, d: history_export.export_history(
        s, p, d / "history.jsonl"
    ),
    (history_export.export_text, "read_history"): lambda s, p, d: history_export.export_text(s, p),
    (incidents.open_incident, "raise_incident"): lambda s, p, d: incidents.open_incident(
        s, p, "demo-01", 0, "other", "k"
    ),
    (incidents.hand_over, "handle_incident"): lambda s, p, d: incidents.hand_over(s, p, incident(s), "x", "w", "k"),
    (incidents.ownerless, "manage_people"): lambda s, p, d: incidents.ownerless(s, p),
    (incidents.take, "handle_incident"): lambda s, p, d: incidents.take(s, p, incident(s), "k"),
    (incidents.close, "handle_incident"): lambda s, p, d: incidents.close(s, p, incident(s), "acted", "n", "k"),
    (incidents.reopen, "handle_incident"): lambda s, p, d: incidents.reopen(s, p, incident(s), "n", "k"),
    (bring_in.import_ratings, "import_data"): lambda s, p, d: bring_in.import_ratings(s, p, d / "no.csv", "dices"),
    (people.add_person, "manage_people"): lambda s, p, d: people.add_person(s, p, "new", "New", []),
    (people.change_person, "manage_people"): lambda s, p, d: people.change_person(s, p, "mei", name="M"),
    (people.sign_out_everywhere, "manage_people"): lambda s, p, d: people.sign_out_everywhere(s, p, "mei"),
    (preferences.create, "run_campaign"): lambda s, p, d: preferences.create(s, p, "t", "run", ("a", "b"), PAIRS),
    (preferences.next_pair, "audit"): lambda s, p, d: preferences.next_pair(s, p, "none"),
    (preferences.choose, "audit"): lambda s, p, d: preferences.choose(s, p, "none", 0, "left"),
    (preferences.take_back, "audit"): lambda s, p, d: preferences.take_back(s, p, "none"),
    (rubric_comments.comment, "comment"): lambda s, p, d: rubric_comments.comment(s, p, EMPATHY, "", "t", "k", 1),
    (rubric_comments.resolve, "comment"): lambda s, p, d: rubric_comments.resolve(s, p, thread(s)),
    (rubric_comments.reopen, "comment"): lambda s, p, d: rubric_comments.reopen(s, p, thread(s)),
    (rubric_drafts.new_draft, "edit_rubric"): lambda s, p, d: rubric_drafts.new_draft(s, p, {"id": "brand-new"}),
    (rubric_drafts.open_draft, "edit_rubric"): lambda s, p, d: rubric_drafts.open_draft(s, p, FLAGS),
    (rubric_drafts.save_draft, "edit_rubric"): lambda s, p, d: rubric_drafts.save_draft(s, p, FLAGS, {}, 1),
    (rubric_drafts.discard_draft, "edit_rubric"): lambda s, p, d: rubric_drafts.discard_draft(s, p, FLAGS, 1),
    (rubric_versions.submit, "edit_rubric"): lambda s, p, d: rubric_versions.submit(s, p, FLAGS, 1, ""),
    (rubric_versions.import_version, "edit_rubric"): lambda s, p, d: rubric_versions.import_version(s, p, RUBRIC, ""),
    (rubric_versions.approve, "decide_rubric"): lambda s, p, d: rubric_versions.approve(s, p, EMPATHY, 2, "why"),
    (rubric_versions.request_changes, "decide_rubric"): lambda s, p, d: rubric_versions.request_changes(
        s, p, EMPATHY, 2, "why"
    ),
    (rubric_versions.retire, "decide_rubric"): lambda s, p, d: rubric_versions.retire(s, p, FLAGS, 1, "why"),
    (tried.send, "try_model"): lambda s, p, d: tried.send(s, p, TALK),
    (submit.start, "start_run"): lambda s, p, d: submit.start(s, p, "sft", {}, [], None, "why", 1),
    (submit.try_draft, "edit_rubric"): lambda s, p, d: submit.try_draft(s, p, RUBRIC, None, {"turns": []}, []),
    (submit.start_walk, "start_run"): lambda s, p, d: submit.start_walk(s, p, {}, [], Questions("", RUBRIC), "why", 1),
    (submit.cancel, "start_run"): lambda s, p, d: submit.cancel(s, p, a_run(d, "score")),
    (submit.cancel, "edit_rubric"): lambda s, p, d: submit.cancel(s, p, a_run(d, "probe")),
    (submit.resume, "start_run"): lambda s, p, d: submit.resume(s, p, a_run(d, "score")),
    (submit.resume, "edit_rubric"): lambda s, p, d: submit.resume(s, p, a_run(d, "preview")),
    (submit.probe, "edit_rubric"): lambda s, p, d: submit.probe(s, p, RUBRIC, None, {}, []),
}

# What tells an actor only what is theirs, or asks inside a write that another door began; none of it refuses by role.
OWN = {
    "db.campaign_places.left", "db.campaign_records.campaigns", "db.campaign_records.progress", "db.care.exposure",
    "db.care.reading", "db.care.settings", "db.finding.leaves_out", "db.finding.refuse_peeking",
    "db.finding.sees_marks_of_others", "db.finding_saved.filters", "db.finding_saved.saved_filter",
    "db.history_search.choices", "db.history_search.entry", "db.history_search.search", "db.incidents.incident",
    "db.incidents.incidents", "db.masking.as_shown_to", "db.masking.is_masked", "db.people.authorize",
    "db.people.may", "db.people.require", "db.preferences.may_see", "db.rubric_foresight.must_be_foreseen",
    "db.rubric_records.waiting_for",
}  # fmt: skip


class WasLetIn(Exception):
    """The act would have been done; the test undoes it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = lived_in(tmp_path_factory.mktemp("doors") / "home")
    for role in ROLES:
        add_person(opened, SYSTEM, f"a-{role}", role.title(), [role])
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def nothing_is_saved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Store._transaction

    def undone(self: Store, work: Callable[[Any], Any]) -> Any:
        if self is not store:  # a copy, for the command line
            return whole(self, work)

        def done_and_undone(cursor: Any) -> None:
            work(cursor)
            raise WasLetIn

        return whole(self, done_and_undone)

    monkeypatch.setattr(Store, "_transaction", undone)
    monkeypatch.setattr(submit.jobs, "submit", lambda *_, **__: (_ for _ in ()).throw(WasLetIn()))


def told() -> dict[tuple[str, str], bool]:
    """The manual's table: (role or "the studio", action) → whether they may."""
    rows = [line.strip("| ").split("|") for line in MANUAL.read_text().splitlines() if line.startswith("|")]
    heads = [cell.strip() for cell in rows[0][1:]]
    found = {}
    for row in rows[2:]:
        action = re.findall(r"`(\w+)`", row[0])[0]
        cells = [cell.strip() for cell in row[1:]] + [""] * len(heads)
        found |= {(head, action): cell == "yes" for head, cell in zip(heads, cells, strict=False)}
    return found


def is_let_in(store: Store, door: Door, person_id: str, folder: Path) -> bool:
    """Whether the door opens for somebody; a refusal for another reason means that it had opened."""
    actor = people.person(store, person_id)
    try:
        door(store, actor, folder)
    except WasLetIn:
        return True
    except UserError as error:
        return "it takes the role" not in str(error)
    except (KeyError, ValueError, TypeError, IndexError):
        return True
    return True


def wrong_cells(store: Store, folder: Path, roles: tuple[Role, ...] = ROLES, action: Action | None = None) -> list[str]:
    """Where a door does otherwise than the manual says."""
    table = told()
    return [
        f"{role} at {function.__module__}.{function.__name__} ({right})"
        for (function, right), door in DOORS.items()
        for role in roles
        if action in (None, right) and is_let_in(store, door, f"a-{role}", folder) != table[role, right]
    ]


def test_the_manual_has_every_role_and_every_action() -> None:
    assert set(told()) == {(who, action) for who in (*ROLES, "the studio") for action in get_args(Action)}
    assert {key for key, may in told().items() if may} == {
        *((role, action) for role in ROLES for action in people.ACTIONS[role]),
        *(("the studio", action) for action in people.SYSTEM_ACTIONS),
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_role_passes_the_doors_that_the_manual_says_and_no_other(store: Store, tmp_path: Path, role: Role) -> None:
    assert wrong_cells(store, tmp_path, (role,)) == []


def test_the_studio_itself_is_held_to_its_column(store: Store, tmp_path: Path) -> None:
    table = told()
    for (function, right), door in DOORS.items():
        assert is_let_in(store, door, SYSTEM.person_id, tmp_path) == table["the studio", right], function


def test_somebody_inactive_passes_none(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_person", lambda row: Person(row["person_id"], row["name"], ROLES, active=False))
    for (function, _), door in DOORS.items():
        # A page reads who is here anew at every run; what only reads goes by that.
        is_asked_for_anew = function.__module__ not in (
            finding.__name__,
            campaign_records.__name__,
            diagnosis.__module__,
        )
        with pytest.raises(UserError, match="no longer active"):
            door(store, Person("a-admin", "A", ROLES, active=is_asked_for_anew), tmp_path)


def public(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{module.__name__}.{name}", function


def test_no_door_of_the_store_is_forgotten() -> None:
    modules = [submit, *(importlib.import_module(one.name) for one in pkgutil.walk_packages(db.__path__, "db."))]
    actors = ("actor", "person")
    found = {
        name
        for module in modules
        for name, function in public(module)
        if any(str(p.annotation).endswith("Person'>") and n in actors for n, p in _parameters(function))
        and "cursor" not in dict(_parameters(function))
    }
    known = {f"{function.__module__}.{function.__name__}" for function, _ in DOORS}
    assert found - known - OWN == set()
    assert OWN - {name for module in modules for name, _ in public(module)} == set()


def _parameters(function: Callable[..., Any]) -> list[tuple[str, inspect.Parameter]]:
    return list(inspect.signature(function).parameters.items())


ONE_DOOR = {right: (function, right) for function, right in DOORS}
CELLS = [(role, right) for role in ROLES for right in ONE_DOOR]


@pytest.mark.parametrize(("role", "right"), CELLS, ids=[f"{role}-{right}" for role, right in CELLS])
def test_a_changed_cell_of_the_table_is_noticed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role, right: Action
) -> None:
    monkeypatch.setitem(people.ACTIONS, role, people.ACTIONS[role] ^ {right})
    assert wrong_cells(store, tmp_path, (role,), right)


def test_a_door_that_no_longer_asks_is_noticed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "authorize", lambda cursor, actor, action: actor)
    assert "viewer at db.audits.flag (audit)" in wrong_cells(store, tmp_path, ("viewer",))


COMMANDS: dict[str, tuple[Action, list[str]]] = {
    "import": ("import_data", ["import", "{file}"]),
    "export": ("export_data", ["export"]),
    "export to a file": ("export_data", ["export", "--format", "csv", "--out", "{folder}/out.csv"]),
    "people add": ("manage_people", ["people", "add", "new", "New", "viewer"]),
    "people role": ("manage_people", ["people", "role", "mei", "viewer"]),
    "import of ratings": ("import_data", ["import", "{folder}/no.csv", "--format", "dices"]),
    "everything": ("export_data", ["everything", "--out", "{folder}/all-{role}"]),
    "people deactivate": ("manage_people", ["people", "deactivate", "mei"]),
    "people activate": ("manage_people", ["people", "activate", "mei"]),
    "people sign-out": ("manage_people", ["people", "sign-out", "mei"]),
    "people erase": ("manage_people", ["people", "erase", "mei", "--reason", "asked for"]),
    "people retain": ("manage_people", ["people", "retain", "--days", "30"]),
    "rubric import": ("edit_rubric", ["rubric", "import", str(LIBRARY / "kardia-empathy.yaml")]),
    "rubric request-changes": ("decide_rubric", ["rubric", "request-changes", EMPATHY, "2", "--reason", "why"]),
    "rubric retire": ("decide_rubric", ["rubric", "retire", FLAGS, "1", "--reason", "why"]),
    "gate withdraw": (
        "override_gate",
        ["gate", "withdraw", EMPATHY, "1", "--judge", "built-in/small", "--reason", "why"],
    ),
    "history export": ("read_history", ["history", "export", "--out", "{folder}/h.jsonl"]),
    "rubric approve": ("decide_rubric", ["rubric", "approve", EMPATHY, "2", "--reason", "why", "--without-preview"]),
    "gate override": ("override_gate", ["gate", "override", EMPATHY, "1", "--judge", "j/m", "--reason", "why"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_line_is_no_way_around(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    right, words = COMMANDS[name]
    home = tmp_path / "home"
    shutil.copytree(store.home, home)
    file, table = lines(tmp_path), told()
    for role in ROLES:
        said = [one.format(file=file, folder=tmp_path, role=role) for one in words]
        code = main([*said, "--as", f"a-{role}", "--home", str(home)])
        is_refused = code == 1 and "it takes the role" in capsys.readouterr().err
        assert is_refused != table[role, right], role


def acting(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that is somebody's act: those that take `--as`."""
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for name, inner in ((name, inner) for one in below for name, inner in one.choices.items()):
        yield from acting(inner, (*words, name))
    if any("--as" in one.option_strings for one in parser._actions):
        yield words


def test_no_command_is_forgotten() -> None:
    tried = [tuple(words) for _, words in COMMANDS.values()]
    assert [one for one in acting(_parser()) if one not in {words[: len(one)] for words in tried}] == []
