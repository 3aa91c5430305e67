"""`python -m db rubric …`, as somebody types it, and the text that a version is exported as."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from db.__main__ import main
from db.people import SYSTEM, add_person, person
from db.rubric_versions import approve, export_version, import_version, versions
from db.store import Store
from rubrics.load import dump_rubric, library, load_rubric, parse_rubric, rubric_from

Run = Callable[..., tuple[int, str, str]]


def asking(question: str, **more: Any) -> dict[str, Any]:
    criterion = {"id": "warm", "name": "Warm", "question": question, "anchors": {"1": "cold", "5": "warm"}}
    return {"id": "warmth", "title": "Warmth", "criteria": [criterion], **more}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = Store.open(tmp_path / "home")
    for name in ("ines", "tomas", "lena"):
        add_person(store, SYSTEM, name, name.title(), ["psychologist"])
    add_person(store, SYSTEM, "paul", "Paul", ["viewer"])
    store.close()
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `rubric` on the test's home: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["--home", str(home), "rubric", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "warmth.yaml"
    path.write_text(dump_rubric(rubric_from(asking("Is it warm?", approvers=2))), encoding="utf-8")
    return path


def test_from_a_file_to_an_approved_version_and_back_to_a_file(run: Run, file: Path, tmp_path: Path) -> None:
    assert run("import", file, "--as", "ines", "--note", "the first") == (
        0,
        "warmth version 1: in review, 0 of 2 approvals\n",
        "",
    )
    approving = ("approve", "warmth", 1, "--reason", "tried on ten", "--as")
    assert run(*approving, "tomas")[1] == "warmth version 1: in review, 1 of 2 approvals\n"
    assert run(*approving, "lena")[1] == "warmth version 1: approved by lena\n"
    out = tmp_path / "out.yaml"
    assert run("export", "warmth", "--out", out) == (0, f"{out}: warmth version 1\n", "")
    assert load_rubric(out).hash == load_rubric(file).hash
    assert run("import", out, "--as", "tomas")[1] == "warmth version 1: approved by lena\n"
    code, listed, _ = run("list")
    assert (code, listed.splitlines()[0]) == (0, "warmth\tWarmth")
    assert listed.splitlines()[1].startswith("  1\tapproved by lena\tby ines\t")
    assert run("retire", "warmth", 1, "--as", "ines", "--reason", "old")[1] == "warmth version 1: retired by ines\n"


def test_request_changes(run: Run, file: Path) -> None:
    run("import", file, "--as", "ines")
    told = run("request-changes", "warmth", 1, "--as", "tomas", "--reason", "longer")
    assert told == (0, "warmth version 1: changes requested by tomas\n", "")


def test_export_prints_the_version_in_use_unless_a_number_is_given(run: Run, home: Path) -> None:
    store = Store.open(home)
    import_version(store, person(store, "ines"), rubric_from(asking("One?")), "")
    approve(store, person(store, "tomas"), "warmth", 1, "good")
    import_version(store, person(store, "ines"), rubric_from(asking("Two?")), "")
    store.close()
    assert parse_rubric(run("export", "warmth")[1]).criteria[0].question == "One?"
    assert parse_rubric(run("export", "warmth", "--version", 2)[1]).criteria[0].question == "Two?"


def test_a_format_of_others_tells_what_was_not_kept(run: Run, shared_data: Path) -> None:
    code, out, err = run("import", shared_data / "vera_mh" / "rubric.tsv", "--as", "ines", "--note", "from VERA-MH")
    assert code == 0
    assert out
    assert all(line.endswith(" version 1: in review, 0 of 1 approvals") for line in out.splitlines())
    assert err
    assert all(line.startswith("  ") for line in err.splitlines())


def test_what_the_user_can_mend_is_one_line_and_1(run: Run, file: Path, tmp_path: Path) -> None:
    run("import", file, "--as", "ines")
    (tmp_path / "broken.yaml").write_text("id: warmth\ntitle: Warmth\ncriteria: []\n")
    why = ("--reason", "because", "--as")
    for command, words in (
        (["import", tmp_path / "nowhere.yaml", "--as", "ines"], "nowhere.yaml"),
        (["import", tmp_path / "broken.yaml", "--as", "ines"], "broken.yaml"),
        (["import", file, "--as", "paul"], "may not edit rubrics"),
        (["import", file, "--as", "kardia"], "the studio itself"),
        (["export", "nothing"], "there is no such rubric"),
        (["export", "warmth", "--version", "7"], "no version 7"),
        (["approve", "warmth", "1", *why, "ines"], "wrote part of it"),
        (["approve", "warmth", "1", *why, "kardia"], "the studio itself"),
        (["approve", "warmth", "1", "--reason", " ", "--as", "tomas"], "needs a reason"),
        (["request-changes", "warmth", "7", *why, "tomas"], "no version 7"),
        (["retire", "warmth", "1", *why, "tomas"], "only an approved version"),
    ):
        code, out, err = run(*command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert words in err


@pytest.mark.parametrize("command", ["import x.yaml", "approve warmth 1 --reason x", "retire warmth 1 --as ines"])
def test_a_decision_names_its_person_and_its_reason(run: Run, command: str) -> None:
    with pytest.raises(SystemExit) as left:
        run(*command.split())
    assert left.value.code == 2


@pytest.mark.parametrize("action", ["", "list", "export", "import", "approve", "request-changes", "retire"])
def test_every_command_has_help_with_an_example(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["rubric", *action.split(), "--help"])
    assert left.value.code == 0
    assert f"example: python -m db rubric {action}".rstrip() in capsys.readouterr().out


def test_exported_text_reads_well_and_comes_back_as_the_same_rubric(home: Path) -> None:
    store = Store.open(home)
    odd = asking("A line\nand # another: «one»\n\n- not a list", instructions="'quotes' \"both\"  \ttab")
    odd["archived"] = [{**odd["criteria"][0], "id": "old"}]
    for rubric in (rubric_from(odd), *library()):
        found = import_version(store, SYSTEM, rubric, "")
        text = export_version(store, found.rubric_id, found.version)
        assert parse_rubric(text).hash == found.hash == rubric.hash
        head = f"# {found.rubric_id} version {found.version}, in review, hash {found.hash}"
        assert text.splitlines()[:2] == [head, f"id: {found.rubric_id}"]
        assert import_version(store, SYSTEM, parse_rubric(text), "") == versions(store, found.rubric_id)[0]
    store.close()
