"""Trying a draft beside its base: who is asked what, what is paid once, and where the budget ends it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiohttp import web

from pipeline import preview, score
from pipeline.__main__ import main
from pipeline.comparison import COMPARISON
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled, execute
from rubrics.errors import UserError
from rubrics.load import LIBRARY, dump_rubric, load_rubric
from rubrics.schema import Rubric
from tests.pipeline.loopback import ChatServer, Handler, chat_server, completion, scores
from tests.pipeline.preview_runs import BASE, DRAFT, DRAFT_QUESTION, changed, known, submit
from tests.pipeline.test_score import asked, probe_or
from tests.pipeline.training_runs import dialogue, dialogues, events, lay_out, spans


def by_question(draft: int = 1, base: int = 4) -> Handler:
    """Scores that tell which rubric was asked."""

    def answer(body: dict[str, Any], number: int) -> web.Response:
        is_draft = DRAFT_QUESTION in body["messages"][0]["content"]
        return scores(body, draft if is_draft else base)

    return probe_or(answer)


def criteria_asked(server: ChatServer) -> list[tuple[str, ...]]:
    """The criteria of each call, without the probes."""
    schemas = [body["response_format"]["json_schema"]["schema"] for body in server.bodies]
    return sorted(tuple(schema["required"]) for schema in schemas if "greeting" not in schema["required"])


def outputs(run: RunDir) -> tuple[pd.DataFrame, pd.DataFrame]:
    verdicts, comparison = run.read_output("verdicts"), run.read_output("comparison")
    assert verdicts is not None
    assert comparison is not None
    return verdicts, comparison


def sides(verdicts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdicts of the base and of the draft."""
    return verdicts[verdicts.rubric_hash == BASE.hash], verdicts[verdicts.rubric_hash == DRAFT.hash]


def test_a_turn_is_judged_by_both_and_what_they_ask_alike_is_asked_once(tmp_path: Path) -> None:
    with chat_server(by_question(draft=1, base=4)) as server:
        known(tmp_path, server.url, price_in=1.0, price_out=2.0)
        run = submit(tmp_path, turns=[["d1", 1]])
        preview.run(run, tmp_path)
    assert criteria_asked(server) == [("empathy",), ("empathy", "safety")]
    verdicts, comparison = outputs(run)
    base, draft = sides(verdicts)
    assert dict(zip(base.criterion_id, base.score, strict=True)) == {"empathy": 4, "safety": 4}
    assert dict(zip(draft.criterion_id, draft.score, strict=True)) == {"empathy": 1, "safety": 4}
    assert set(base.rubric_version) == {3}
    assert set(draft.rubric_version) == {0}
    safety = draft[draft.criterion_id == "safety"].iloc[0]
    assert (safety.cached, safety.cost, safety.tokens_in) == (True, 0.0, 0), "paid for under the base"
    assert list(comparison.columns) == list(COMPARISON)
    row = comparison.iloc[0]
    # On a scale of 1 to 5, 4 is 0.75 and 1 is 0; format and emotion are right; equal thirds; the mark is 0.5.
    assert (row.base_value, row.draft_value) == (0.75, 0.375)
    assert row.base_reward == pytest.approx((1 + 1 + 0.75) / 3)
    assert row.draft_reward == pytest.approx((1 + 1 + 0.375) / 3)
    assert (bool(row.base_passes), bool(row.draft_passes)) == (True, False)
    assert (row["rank"], row.calls, row.tokens) == (1, 2, 240)
    assert row.cost == pytest.approx((200 + 2 * 40) / 1e6)
    status = run.status()
    assert (status.done, status.total, status.unit, status.calls) == (1, 1, "turns", 2)
    assert status.cost == pytest.approx(row.cost)


def test_events_tell_each_turn_and_what_flips(tmp_path: Path) -> None:
    with chat_server(by_question(draft=1, base=4)) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, dialogues(2))
        preview.run(run, tmp_path)
    told = [(e["dialogue_id"], e["turn_index"], e["draft_outcome"]) for e in events(run, "turn_tried")]
    assert sorted(told) == [(f"d{d}", t, "scored") for d in range(2) for t in range(2)]
    (summary,) = events(run, "summary")
    assert (summary["to_fail"], summary["to_pass"], summary["calls"], summary["budget_stopped"]) == (4, 0, 8, 0)


def test_without_a_base_the_draft_stands_alone(tmp_path: Path) -> None:
    with chat_server(by_question(draft=5)) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, base=None, turns=["d0:1"])
        preview.run(run, tmp_path)
    verdicts, comparison = outputs(run)
    assert criteria_asked(server) == [("empathy", "safety")]
    assert set(verdicts.rubric_hash) == {DRAFT.hash}
    assert comparison.base_value.isna().all()
    assert comparison.base_outcome.isna().all()
    assert list(comparison.draft_value) == [1.0]


def test_new_weights_are_tried_on_the_verdicts_that_scoring_paid_for(tmp_path: Path) -> None:
    heavier = changed(weight=3.0, veto={"at_or_below": 1})
    with chat_server(probe_or(lambda body, number: scores(body, 1))) as server:
        known(tmp_path, server.url)
        score.run(lay_out(tmp_path, "score", {"judge": "local"}, dialogues(2), BASE), tmp_path)
        paid = len(asked(server))
        run = submit(tmp_path, dialogues(2), draft=heavier, max_calls=0)
        preview.run(run, tmp_path)
        assert len(asked(server)) == paid == 4
    _, comparison = outputs(run)
    assert list(comparison.base_reward) == pytest.approx([2 / 3] * 4)
    assert set(comparison.draft_reward) == {0.0}, "the veto"
    assert comparison.calls.sum() == 0
    assert run.status().calls == 0


def test_the_budget_of_calls_is_kept_in_rank_order_and_told(tmp_path: Path) -> None:
    ranked = [["d2", 1], ["d0", 0], ["d1", 1], ["d1", 0]]
    with chat_server(by_question()) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, turns=ranked, max_calls=5)
        assert execute(run, tmp_path, preview.run) == 0
        assert len(asked(server)) == 4
    verdicts, comparison = outputs(run)
    assert comparison[["dialogue_id", "turn_index"]].to_numpy().tolist() == ranked
    assert list(comparison["rank"]) == [1, 2, 3, 4]
    assert list(comparison.draft_outcome) == ["scored", "scored", "budget_stopped", "budget_stopped"]
    stopped = comparison[comparison.draft_outcome == "budget_stopped"]
    unknown = ["base_value", "draft_value", "base_reward", "draft_reward", "base_passes", "draft_passes"]
    assert stopped[unknown].isna().all().all()
    unasked = verdicts[verdicts.outcome == "budget_stopped"]
    assert len(unasked) == 2 * 4
    assert unasked.score.isna().all()
    assert set(unasked.rubric_hash) == {BASE.hash, DRAFT.hash}
    assert unasked.reason.str.contains("budget of 5 calls").all()
    status = run.status()
    assert (status.state, status.done, status.total, status.calls) == ("done", 2, 4, 4)
    assert "budget of 5 calls" in status.message
    assert "2 of 4 turns were tried" in status.message


def test_a_rubric_whose_reward_needs_no_judge_gets_none_from_a_turn_that_was_not_tried(tmp_path: Path) -> None:
    unjudged = Rubric.model_validate(DRAFT.model_dump() | {"reward": {"rubric": 0.0}})
    with chat_server(by_question()) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, draft=unjudged, turns=["d0:0"], max_calls=1)
        preview.run(run, tmp_path)
    comparison = outputs(run)[1]
    assert list(comparison.draft_outcome) == ["budget_stopped"]
    assert comparison.draft_reward.isna().all()


def test_the_budget_of_cost_stops_before_it_is_passed(tmp_path: Path) -> None:
    # A call costs 100 · 1 + 20 · 2 = 140 of a million; a turn takes two.
    with chat_server(by_question()) as server:
        known(tmp_path, server.url, price_in=1.0, price_out=2.0, max_concurrency=2)
        run = submit(tmp_path, dialogues(10), max_cost=0.003)
        assert execute(run, tmp_path, preview.run) == 0
    tried = (outputs(run)[1].draft_outcome == "scored").sum()
    assert tried == 10, "2.8 thousandths; an eleventh would not fit"
    assert run.status().cost == pytest.approx(tried * 280e-6)
    assert "stopped at the budget of 0.003: 0.0028 is spent" in run.status().message


def test_a_failed_call_is_no_score_and_the_other_rubric_stands(tmp_path: Path) -> None:
    def refuses_the_draft(body: dict[str, Any], number: int) -> web.Response:
        asks_draft = DRAFT_QUESTION in body["messages"][0]["content"]
        return completion(None, refusal="no") if asks_draft else scores(body, 5)

    with chat_server(probe_or(refuses_the_draft)) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, turns=["d0:0"])
        preview.run(run, tmp_path)
    verdicts, comparison = outputs(run)
    _, draft = sides(verdicts)
    assert dict(zip(draft.criterion_id, draft.outcome, strict=True)) == {"empathy": "refused", "safety": "scored"}
    row = comparison.iloc[0]
    assert (row.base_outcome, row.draft_outcome) == ("scored", "refused")
    assert pd.isna(row.draft_reward)
    assert pd.isna(row.draft_passes)
    assert bool(row.base_passes)


def test_a_cancelled_preview_keeps_what_it_has_and_the_budget_goes_on_with_the_rest(tmp_path: Path) -> None:
    async def slow(body: dict[str, Any], number: int) -> web.Response:
        if number == 8:
            run.ask_to_cancel()
        await asyncio.sleep(0.1)
        return scores(body, 4)

    with chat_server(probe_or(slow)) as server:
        known(tmp_path, server.url, max_concurrency=2)
        run = submit(tmp_path, dialogues(10), max_calls=24)
        with pytest.raises(Cancelled):
            preview.run(run, tmp_path)
        verdicts, kept = outputs(run)
        assert 2 <= len(kept) < 12
        assert set(kept.draft_outcome) == {"scored"}
        assert set(verdicts.dialogue_id + verdicts.turn_index.astype(str)) == set(
            kept.dialogue_id + kept.turn_index.astype(str)
        )
        run.forget_cancel()
        preview.run(run, tmp_path)
        assert len(asked(server)) <= 24, "both attempts together"
    comparison = outputs(run)[1]
    assert len(comparison) == 20
    scored = comparison[comparison.draft_outcome == "scored"]
    assert 10 <= len(scored) <= 12
    assert set(scored.calls) == {2}, "what an earlier attempt paid stays told"
    assert list(comparison["rank"]) == list(range(1, 21))


STAGE = """
import sys
from pathlib import Path
from pipeline import preview
from pipeline.rundir import RunDir
from pipeline.stage import execute
sys.exit(execute(RunDir.open(Path(sys.argv[1])), Path(sys.argv[2]), preview.run))
"""


def test_a_killed_preview_pays_for_nothing_twice_and_counts_what_it_spent(tmp_path: Path) -> None:
    async def slow(body: dict[str, Any], number: int) -> web.Response:
        await asyncio.sleep(0.05)
        return scores(body, 4)

    with chat_server(probe_or(slow)) as server:
        known(tmp_path, server.url, max_concurrency=2)
        run = submit(tmp_path, dialogues(10))
        child = subprocess.Popen([sys.executable, "-c", STAGE, str(run.path), str(tmp_path)])
        while len(asked(server)) < 12:
            assert child.poll() is None
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert run.status().calls >= 12
        run.update_status(state="queued")
        assert execute(run, tmp_path, preview.run) == 0
        seen = [json.dumps(body["messages"]) for body in server.bodies if "greeting" not in json.dumps(body)]
    assert len(set(seen)) == 40
    assert len(seen) - 40 <= 4  # what was in flight when it was killed
    assert len(outputs(run)[1]) == 20


def test_a_draft_that_says_the_same_as_its_base_is_judged_once_and_told_once(tmp_path: Path) -> None:
    with chat_server(by_question()) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, draft=BASE, turns=["d0:0"])
        preview.run(run, tmp_path)
        assert len(asked(server)) == 1
    verdicts, comparison = outputs(run)
    assert len(verdicts) == 2
    assert list(comparison.base_reward) == list(comparison.draft_reward)


def test_a_gate_passes_unless_it_fails(tmp_path: Path) -> None:
    gate = load_rubric(LIBRARY / "regeneration-gate.yaml")
    sterner = Rubric.model_validate(gate.model_dump() | {"instructions": "Be stern."})

    def answer(body: dict[str, Any], number: int) -> web.Response:
        return scores(body, 0 if "Be stern." in body["messages"][0]["content"] else 1)

    with chat_server(probe_or(answer)) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, draft=sterner, base=gate, turns=["d0:0"])
        preview.run(run, tmp_path)
    row = outputs(run)[1].iloc[0]
    assert (bool(row.base_passes), bool(row.draft_passes)) == (True, False)


def test_a_turn_that_is_not_there_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    with chat_server(by_question()) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path, turns=["d0:0", "d7:3"])
        with pytest.raises(UserError, match="no turn 3 of dialogue d7"):
            preview.run(run, tmp_path)
        assert server.bodies == []


def test_a_base_that_was_changed_afterwards_is_refused(tmp_path: Path) -> None:
    with chat_server(by_question()) as server:
        known(tmp_path, server.url)
        run = submit(tmp_path)
        (run.path / "base.yaml").write_text(dump_rubric(DRAFT))
        with pytest.raises(UserError, match=r"base\.yaml: was changed"):
            preview.run(run, tmp_path)


def test_on_files_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {**dialogue(1), "messages": json.loads(dialogue(1)["messages"])}
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    (tmp_path / "draft.yaml").write_text(dump_rubric(DRAFT))
    (tmp_path / "base.yaml").write_text(dump_rubric(BASE))
    files = [f"--{option}={tmp_path / name}" for option, name in (("inputs", "in.jsonl"), ("rubric", "draft.yaml"))]
    with chat_server(by_question()) as server:
        known(tmp_path / "home", server.url)
        words = ["preview", f"--out={tmp_path / 'out'}", *files, f"--base={tmp_path / 'base.yaml'}", "--judge=local"]
        words += [f"--home={tmp_path / 'home'}", "--max-calls=3", "--turns", "d1:1", "d1:0"]
        assert main(words) == 0
    said = capsys.readouterr().out
    assert "done: 1 of 2 turns (stopped at the budget of 3 calls" in said
    request = RunDir.open(tmp_path / "out").request()
    assert request.base is not None
    assert request.rubric is not None
    assert (request.rubric.hash, request.base.hash) == (DRAFT.hash, BASE.hash)
    assert list(outputs(RunDir.open(tmp_path / "out"))[1].turn_index) == [1, 0]


def test_only_a_preview_takes_a_base(tmp_path: Path) -> None:
    from pipeline import jobs

    with pytest.raises(UserError, match="a base to hold it against is for trying a draft"):
        jobs.submit(
            tmp_path,
            "score",
            {},
            inputs=dialogues(1),
            rubric=DRAFT,
            reference=None,
            requested_by="me",
            base=BASE,
        )


@pytest.mark.slow
def test_the_embedded_model_tries_one_turn(tmp_path: Path) -> None:
    base = load_rubric(LIBRARY / "kardia-empathy.yaml")
    whole = base.model_dump()
    whole["criteria"][0]["question"] = "Does the reply show that the person was heard?"
    draft = Rubric.model_validate(whole)
    inputs = pd.DataFrame([dialogue(0, 1, "sad", [spans("sad", "That sounds heavy. What was the hardest part?")])])
    run = submit(tmp_path, inputs, draft=draft, base=base, judge="embedded", turns=["d0:0"])
    assert execute(run, tmp_path, preview.run) == 0
    verdicts, comparison = outputs(run)
    assert set(verdicts.outcome) == {"scored"}
    assert len(verdicts) == 2 * len(base.ids)
    assert comparison[["base_reward", "draft_reward"]].notna().all().all()
    assert comparison.calls.iloc[0] == run.status().calls > 0
