"""Unsafe turns among regenerated ones, found by a flags rubric: marked on the row, the verdicts kept."""

import json
from pathlib import Path

from pipeline import jobs
from pipeline.commands.stages import execute_here
from pipeline.rundir import RunDir
from rubrics.load import parse_rubric
from tests.pipeline.loopback_roles import GATE, Roles, serving_roles
from tests.pipeline.regenerate_runs import ALL_LOOPBACK, inputs

FLAGS = """
id: harm
title: Harm
purpose: flags
criteria:
  - {id: blame, name: Blame, kind: binary, severity: red, question: "Does it blame?", reads: [response]}
"""


def test_an_unsafe_turn_is_marked_and_its_verdict_kept(tmp_path: Path) -> None:
    with serving_roles() as roles:
        roles.criteria = ("safe", "kind", "resolved", "blame")
        roles.scores = lambda body: {"blame": int("hard loss 2" in json.dumps(body))}
        run = written(tmp_path, roles)
        asked = len(roles.asked["evaluator"])
    lines = [json.loads(line) for line in (run.path / "outputs/dialogues.jsonl").read_text().splitlines()]
    unsafe = [
        (line["source_dialogue_id"], m["reason"]) for line in lines for m in line["marks"] if m["filter"] == "unsafe"
    ]
    assert [reason for _, reason in unsafe] == ["blame Blame (red)"]
    verdicts = run.read_output("flag_verdicts")
    assert verdicts is not None
    assert sorted(verdicts.score) == [0.0, 0.0, 1.0]
    assert set(verdicts.rubric_id) == {"harm"}
    reference = run.request().flags
    assert reference is not None
    assert set(verdicts.rubric_hash) == {reference.hash}
    assert run.status().tokens_in >= 10 * asked, "what the looking took is counted"
    (event,) = [event for event in run.events() if event["kind"] == "filters"]
    assert (event["dialogues"], event["marked_share"]["unsafe"]) == (3, 1 / 3)


def written(home: Path, roles: Roles) -> RunDir:
    roles.write_endpoints(home)
    run = jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "max_exchanges": 1, "min_exchanges": 1},
        inputs=inputs(3).assign(situation=[f"Number {n}." for n in range(3)]),
        rubric=parse_rubric(GATE),
        reference=None,
        requested_by="me",
        flags=parse_rubric(FLAGS),
    )
    assert execute_here(run, home) == 0, run.status().message
    return run
