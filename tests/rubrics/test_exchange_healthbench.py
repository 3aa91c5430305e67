"""HealthBench lines in and out: published scores from given verdicts, identity, and lines that are broken."""

import ast
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rubrics.aggregate import aggregate, points_share
from rubrics.errors import UserError
from rubrics.exchange import Imported, lost, read, write
from rubrics.load import LIBRARY, dump_rubric, load_rubric, parse_rubric
from rubrics.schema import Rubric

UUID = "0a1b2c3d-0000-4000-8000-00000000000a"
ODD_NUMBER = "criterion 1: points is not a number that can be reckoned with; write a plain number"
NOTHING_EARNED = "aggregate.method points needs a criterion with points above 0, or nothing can be earned"
SAMPLE = Path("healthbench_sample") / "healthbench_judged_70.jsonl.gz"


def line(**changed: Any) -> dict[str, Any]:
    criteria = [
        {"criterion": "Asks how long it has lasted.", "points": 5, "tags": ["axis:accuracy"]},
        {"criterion": "Asks how long it has lasted.", "points": 2.5, "tags": []},
        {"criterion": "Promises a cure.", "points": -10},
    ]
    return {"prompt_id": UUID, "prompt": [{"role": "user", "content": "secret pain"}], "rubrics": criteria} | changed


def put(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "some.file"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines), encoding="utf-8")
    return path


def criterion_line(prompt_id: str, **changed: Any) -> dict[str, Any]:
    return line(prompt_id=prompt_id, rubrics=[{"criterion": "A.", "points": 1, "tags": []} | changed])


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, Any]]:
    with gzip.open(shared_data / SAMPLE, "rt", encoding="utf-8") as lines:
        return [json.loads(one) for one in lines]


@pytest.fixture(scope="module")
def imported(shared_data: Path) -> Imported:
    return read(shared_data / SAMPLE)


def test_every_published_score_comes_from_the_given_verdicts(rows: list[dict[str, Any]], imported: Imported) -> None:
    assert (len(rows), len(imported.rubrics), imported.format) == (70, 70, "healthbench")
    for row, rubric in zip(rows, imported.rubrics, strict=True):
        met = [answer["response_dict"]["criteria_met"] for answer in ast.literal_eval(row["responses"])]
        scores = dict(zip(rubric.ids, map(float, met), strict=True))
        assert points_share(rubric, scores) == pytest.approx(row["score"], abs=1e-9), row["prompt_id"]
        assert aggregate(rubric, scores).value == pytest.approx(min(max(row["score"], 0.0), 1.0), abs=1e-9)


def test_texts_points_and_tags_are_kept_and_the_conversation_is_not(
    rows: list[dict[str, Any]], imported: Imported
) -> None:
    for row, rubric in zip(rows, imported.rubrics, strict=True):
        assert [(c.question, c.points, list(c.tags)) for c in rubric.criteria] == [
            (r["criterion"].strip(), r["points"], r["tags"]) for r in row["rubrics"]
        ]
        assert (rubric.id, rubric.title) == (f"healthbench-{row['prompt_id']}", f"HealthBench {row['prompt_id']}")
        assert row["canary"] in rubric.instructions
        assert all(c.kind == "points" and c.reads == ("history", "response") for c in rubric.criteria)
    left = "example_tags, ideal_completions_data, metrics, prompt, prompt_response, responses and score"
    assert imported.notes == [f"not kept of each conversation: {left}"]


def test_yaml_of_every_conversation_keeps_its_hash(imported: Imported) -> None:
    assert all(parse_rubric(dump_rubric(rubric)).hash == rubric.hash for rubric in imported.rubrics)
    assert len({rubric.id for rubric in imported.rubrics}) == 70


def test_out_and_in_again_is_the_same_rubric(imported: Imported, tmp_path: Path) -> None:
    everything = "".join(write(rubric, "healthbench") for rubric in imported.rubrics)
    again = read(put(tmp_path, everything))
    assert [rubric.hash for rubric in again.rubrics] == [rubric.hash for rubric in imported.rubrics]


def test_what_goes_out_has_healthbenchs_own_fields(rows: list[dict[str, Any]], imported: Imported) -> None:
    for row, rubric in zip(rows, imported.rubrics, strict=True):
        out = json.loads(write(rubric, "healthbench"))
        assert (out["prompt_id"], out["canary"]) == (row["prompt_id"], row["canary"])
        assert [r | {"criterion": r["criterion"].strip()} for r in row["rubrics"]] == out["rubrics"]
        assert set(out) == {"prompt_id", "prompt", "example_tags", "ideal_completions_data", "canary", "rubrics"}


def test_ids_come_from_words_and_equal_words_are_told_apart(tmp_path: Path) -> None:
    (rubric,) = read(put(tmp_path, line())).rubrics
    assert rubric.ids == ("asks_how_long_it_has_lasted", "asks_how_long_it_has_lasted_2", "promises_a_cure")
    assert rubric.criteria[2].points == -10


def own(**changed: Any) -> Rubric:
    first = {"id": "asks", "name": "Asks", "question": "Asks how long.", "kind": "points", "points": 3}
    last = {"id": "cure", "name": "Cure", "question": "Promises\u2028a cure.", "kind": "points", "points": -0.5}
    reads = {"reads": ("history", "response")}
    body = {"id": "my-points", "title": "My points", "criteria": [first | reads, last | reads]}
    return Rubric.model_validate(body | {"aggregate": {"method": "points"}} | changed)


def test_a_rubric_of_ours_keeps_its_id_title_names_and_ids(tmp_path: Path) -> None:
    text = write(own(), "healthbench")
    assert len(text.splitlines()) == 1
    (again,) = read(put(tmp_path, text)).rubrics
    assert again.hash == own().hash
    assert lost(own(), "healthbench") == [
        "there is no conversation: fill in prompt before HealthBench's own grader runs it"
    ]


def test_yes_no_criteria_with_weights_go_out_as_points_that_give_the_same_score(tmp_path: Path) -> None:
    criteria = [
        {"id": f"c{weight}", "name": "C", "question": f"Is it {weight}?", "kind": "binary", "weight": weight}
        for weight in (3, 1, 0)
    ]
    weighted = own(criteria=criteria, aggregate={"method": "weighted_mean"})
    (again,) = read(put(tmp_path, write(weighted, "healthbench"))).rubrics
    scores = {"c3": 1.0, "c1": 0.0, "c0": 1.0}
    assert aggregate(weighted, scores).value == aggregate(again, {"c3": 1.0, "c1": 0.0}).value == 0.75
    assert "criteria of weight 0: c0" in lost(weighted, "healthbench")
    assert "that it is yes/no (it comes back as points): c3 and c1" in lost(weighted, "healthbench")


def test_everything_that_is_lost_is_listed() -> None:
    rich = {
        "id": "a", "name": "A", "question": "Asks.", "kind": "points", "points": 12, "weight": 2, "severity": "red",
        "anchors": {0: "No."}, "examples": [{"text": "Hi.", "score": 1}], "veto": {"at_or_below": 0},
        "use_when": "Always.", "avoid_when": "Never.", "replaces": ["b"],
    }  # fmt: skip
    aggregation = {"method": "points", "pass_mark": 0.8}
    rubric = own(criteria=[rich], instructions="Be fair.", approvers=2, reward={"format": 0}, aggregate=aggregation,
                 archived=[rich | {"id": "old"}])  # fmt: skip
    assert lost(rubric, "healthbench") == [
        "the instructions", "how the three rewards are weighed", "the pass mark 0.8", "that two must approve",
        "archived criteria: old", "the veto (a score can no longer set the reward to 0): a", "worked examples: a",
        "anchors: a", "use when: a", "avoid when: a", "severity: a",
        "what the judge sees (there: the conversation and the reply): a", "what it was split or merged from: a",
        "a weight that never counted: a",
        "there is no conversation: fill in prompt before HealthBench's own grader runs it",
        "points beyond HealthBench's −10 to 10: a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kardia-empathy", "knows only met or not met, and no scale; make yes/no or points of: relevance, fluency"),
        ("unsafe-turns", "its purpose is flags"),
        ("regeneration-gate", "its purpose is gate"),
    ],
)
@pytest.mark.parametrize("format", ["healthbench", "rubric"])
def test_what_would_score_otherwise_there_is_refused(name: str, reason: str, format: Any) -> None:
    with pytest.raises(UserError) as refused:
        write(load_rubric(LIBRARY / f"{name}.yaml"), format)
    assert reason in str(refused.value)
    assert str(refused.value).startswith(f"{name}: cannot be written as {format}: ")


def test_a_broken_line_is_named_and_stops_no_other(tmp_path: Path) -> None:
    broken: list[tuple[dict[str, Any] | str, str]] = [
        ("{not json", "not valid JSON: Expecting property name enclosed in double quotes"),
        ('{"rubrics": [], "rubrics": []}', "not valid JSON: a key is given twice in one object"),
        ("[1]", "is no conversation: it has no list under rubrics"),
        (line(prompt_id="b", rubrics={}), "is no conversation: it has no list under rubrics"),
        (line(prompt_id="b", rubrics=[]), "a rubric needs at least one criterion"),
        (line(prompt_id=""), "has no text under prompt_id; write one"),
        (line(prompt_id="b", rubrics=["text"]), "criterion 1: is not an object with criterion, points and tags"),
        (criterion_line("b", points=0), "criterion 1 (a): a points criterion needs points other than 0"),
        (criterion_line("b", points=True), "criterion 1: has no number under points; write one"),
        (criterion_line("b", points="many"), ODD_NUMBER),
        (criterion_line("b", points=10**400), ODD_NUMBER),
        (criterion_line("b", points=-1), NOTHING_EARNED),
        (criterion_line("b", criterion=" "), "criterion 1: has no text under criterion; write one"),
        (criterion_line("b", criterion=None), "criterion 1: has no text under criterion; write one"),
        (criterion_line("b", criterion="a\0b"), "a text holds a control character such as NUL; take it out"),
        (criterion_line("b", tags="axis"), "criterion 1: tags must be a list of texts"),
        (line(), "is the conversation of line 1 again"),
        (criterion_line(UUID), "is the conversation of line 1 with other criteria; give it a prompt_id of its own"),
        (line(prompt_id="b", rubrics=[{"criterion": "A.", "points": 1}] * 3000),
         "holds more than 2000 criteria, which no single rubric does; split it"),
        ("[" * 100_000, "not a rubric: nested too deeply"),
    ]  # fmt: skip
    path = put(tmp_path, line(), *[one for one, _ in broken], "", criterion_line("last"))
    found = read(path)
    assert [rubric.id for rubric in found.rubrics] == [f"healthbench-{UUID}", "last"]
    expected = [f"line {number}: {reason}; left out" for number, (_, reason) in enumerate(broken, start=2)]
    assert found.notes == [*expected, "not kept of each conversation: prompt"]


def test_no_note_repeats_what_people_wrote(tmp_path: Path) -> None:
    found = read(
        put(tmp_path, line(), criterion_line("b", criterion="secret pain", points=0, tags=[1]), "{secret pain")
    )
    assert "secret" not in " ".join(found.notes)


def test_a_file_without_a_sound_line_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    path = put(tmp_path, criterion_line("b", points=0))
    with pytest.raises(UserError) as refused:
        read(path)
    assert str(refused.value) == (
        f"{path}: no line holds a HealthBench conversation; line 1: criterion 1 (a): "
        "a points criterion needs points other than 0; left out"
    )


def test_a_line_that_is_not_utf_8_or_far_too_long_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    long = json.dumps(criterion_line("long", criterion="x" * 5_000_000)).encode()
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(line()).encode() + b"\r\n\xff\xfe\r\n" + long + b"\r\n")
    found = read(path)
    assert len(found.rubrics) == 1
    assert found.notes[:2] == ["line 2: is not UTF-8 text; left out", "line 3: is longer than 4 MB; left out"]
