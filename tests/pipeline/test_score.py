"""The score stage on whole runs: what it writes, what it survives, and that nothing is paid for twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiohttp import web

from pipeline import score
from pipeline.configs import resolve
from pipeline.judge import Verdict
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled, execute
from rubrics.errors import UserError
from rubrics.load import LIBRARY, load_rubric
from rubrics.schema import Rubric
from tests.pipeline.loopback import ChatServer, Handler, chat_server, completion, failure, scores
from tests.pipeline.training_runs import RUBRIC, VETO_RUBRIC, dialogue, dialogues, events, lay_out, spans


def probe_or(handler: Handler) -> Handler:
    """Lets the question through that every stage asks before it begins."""

    def answer(body: dict[str, Any], number: int) -> Any:
        return completion('{"greeting": "kardia"}') if is_probe(body) else handler(body, number)

    return answer


def is_probe(body: dict[str, Any]) -> bool:
    return "greeting" in body["messages"][0]["content"]


def asked(server: ChatServer) -> list[str]:
    """What judges were shown, without the probes."""
    return [body["messages"][-1]["content"] for body in server.bodies if not is_probe(body)]


def laid_out(
    home: Path, server: ChatServer, inputs: pd.DataFrame, rubric: Rubric = RUBRIC, at_once: int = 4, **fields: Any
) -> RunDir:
    row = {"base_url": server.url, "model": "m", "max_concurrency": at_once, "timeout_s": 20, **fields}
    lines = ["[local]", *(f"{name} = {json.dumps(value)}" for name, value in row.items())]
    home.mkdir(exist_ok=True)
    (home / "endpoints.toml").write_text("\n".join(lines))
    return lay_out(home, "score", {"judge": "local"}, inputs, rubric)


def outputs(run: RunDir) -> tuple[pd.DataFrame, pd.DataFrame]:
    verdicts, rewards = run.read_output("verdicts"), run.read_output("rewards")
    assert verdicts is not None
    assert rewards is not None
    return verdicts, rewards


def test_every_turn_gets_its_verdicts_and_its_reward(tmp_path: Path) -> None:
    inputs = dialogues(3)
    with chat_server(probe_or(lambda body, number: scores(body, 4))) as server:
        run = laid_out(tmp_path, server, inputs, price_in=1.0, price_out=2.0)
        score.run(run, tmp_path)
    verdicts, rewards = outputs(run)
    assert list(verdicts.columns) == ["run_id", *Verdict._fields[:2], "sample_index", *Verdict._fields[2:]]
    addresses = [(f"d{d}", t) for d in range(3) for t in range(2)]
    assert list(rewards[["dialogue_id", "turn_index"]].itertuples(index=False, name=None)) == addresses
    assert len(verdicts) == len(addresses) * 2
    assert set(verdicts.outcome) == {"scored"}
    assert set(verdicts.rubric_version) == {3}
    # 4 on a scale of 1 to 5 is 0.75; format and emotion are right; equal thirds.
    assert rewards.reward.to_list() == pytest.approx([(1 + 1 + 0.75) / 3] * 6)
    status = run.status()
    assert (status.done, status.total, status.unit) == (6, 6, "turns")
    assert (status.tokens_in, status.tokens_out) == (600, 120)
    assert status.cost == pytest.approx((600 + 2 * 120) / 1e6)
    assert verdicts.cost.sum() == pytest.approx(status.cost)


def test_events_tell_each_turn_and_a_summary(tmp_path: Path) -> None:
    with chat_server(probe_or(lambda body, number: scores(body, 5))) as server:
        run = laid_out(tmp_path, server, dialogues(2))
        score.run(run, tmp_path)
    told = {(e["dialogue_id"], e["turn_index"]): (e["reward"], e["outcome"]) for e in events(run, "turn_scored")}
    assert told == {(f"d{d}", t): (1.0, "scored") for d in range(2) for t in range(2)}
    (summary,) = events(run, "summary")
    assert (summary["mean_reward"], summary["scored"], summary["failed"], summary["cached"]) == (1.0, 4, {}, 0)


def test_a_failed_turn_is_a_row_without_a_number_and_the_others_go_on(tmp_path: Path) -> None:
    def one_refused(body: dict[str, Any], number: int) -> web.Response:
        return completion(None, refusal="no") if "1 0." in body["messages"][-1]["content"] else scores(body, 5)

    with chat_server(probe_or(one_refused)) as server:
        run = laid_out(tmp_path, server, dialogues(3))
        score.run(run, tmp_path)
    verdicts, rewards = outputs(run)
    failed = rewards[rewards.outcome != "scored"]
    assert failed[["dialogue_id", "turn_index", "outcome"]].to_numpy().tolist() == [["d1", 0, "refused"]]
    assert failed.reward.isna().all()
    assert rewards.reward.notna().sum() == 5
    assert verdicts[verdicts.outcome == "refused"].score.isna().all()
    (summary,) = events(run, "summary")
    assert summary["failed"] == {"refused": 1}
    assert summary["failed_verdicts"] == {"refused": 2}


def test_a_veto_is_zero_and_names_its_criterion(tmp_path: Path) -> None:
    with chat_server(probe_or(lambda body, number: scores(body, 1))) as server:
        run = laid_out(tmp_path, server, dialogues(1), VETO_RUBRIC)
        score.run(run, tmp_path)
    _, rewards = outputs(run)
    assert set(rewards.reward) == {0.0}
    assert set(rewards.vetoed_by) == {"safety"}


def test_dialogues_without_profile_or_label_have_no_reward_and_say_why(tmp_path: Path) -> None:
    bare = pd.DataFrame([dialogue(0) | {"person": None, "emotion": None, "persona_id": None}])
    with chat_server(probe_or(lambda body, number: scores(body, 5))) as server:
        run = laid_out(tmp_path, server, bare, load_rubric(LIBRARY / "kardia-empathy.yaml"))
        score.run(run, tmp_path)
    verdicts, rewards = outputs(run)
    persona = verdicts[verdicts.criterion_id == "persona_consistency"]
    assert set(persona.outcome) == {"abstained"}
    assert set(persona.reason) == {"the dialogue has no profile"}
    assert set(verdicts[verdicts.criterion_id != "persona_consistency"].outcome) == {"scored"}
    assert rewards.reward.isna().all()
    assert set(rewards.outcome) == {"abstained"}


def slowly(server_score: int = 5, seconds: float = 0.05) -> Handler:
    async def answer(body: dict[str, Any], number: int) -> web.Response:
        await asyncio.sleep(seconds)
        return scores(body, server_score)

    return answer


def test_a_cancelled_run_keeps_what_it_has_and_pays_for_the_rest_only(tmp_path: Path) -> None:
    def cancelling(body: dict[str, Any], number: int) -> Any:
        if number == 6:
            run.ask_to_cancel()
        return slowly(seconds=0.1)(body, number)

    with chat_server(probe_or(cancelling)) as server:
        run = laid_out(tmp_path, server, dialogues(20), at_once=2)
        with pytest.raises(Cancelled):
            score.run(run, tmp_path)
        kept = outputs(run)[1]
        assert 4 <= len(kept) < 20
        assert kept.reward.notna().all()
        assert run.status().done == len(kept)
        assert events(run, "summary") == []
        run.forget_cancel()
        score.run(run, tmp_path)
    seen = asked(server)
    assert len(set(seen)) == 40
    assert len(seen) - 40 <= 2  # what was in flight when the run was stopped
    verdicts, rewards = outputs(run)
    assert len(rewards) == 40
    assert verdicts.cached.sum() == 2 * len(kept)
    assert events(run, "summary")[0]["cached"] == 2 * len(kept)
    assert run.status().tokens_in == 100 * 40  # both attempts
    told = [(e["dialogue_id"], e["turn_index"]) for e in events(run, "turn_scored")]
    assert sorted(told) == sorted(set(told))


def test_a_second_attempt_that_ends_early_does_not_shrink_the_outputs(tmp_path: Path) -> None:
    with chat_server(probe_or(lambda body, number: scores(body, 5))) as server:
        run = laid_out(tmp_path, server, dialogues(4))
        score.run(run, tmp_path)
        run.ask_to_cancel()
        with pytest.raises(Cancelled):
            score.run(run, tmp_path)
    verdicts, rewards = outputs(run)
    assert len(rewards) == 8
    assert len(verdicts) == 16
    assert not rewards.duplicated(["dialogue_id", "turn_index"]).any()


STAGE = """
import sys
from pathlib import Path
from pipeline import score
from pipeline.rundir import RunDir
from pipeline.stage import execute
sys.exit(execute(RunDir.open(Path(sys.argv[1])), Path(sys.argv[2]), score.run))
"""


def test_a_killed_run_loses_no_answer_that_it_had(tmp_path: Path) -> None:
    with chat_server(probe_or(slowly())) as server:
        run = laid_out(tmp_path, server, dialogues(20), at_once=2)
        child = subprocess.Popen([sys.executable, "-c", STAGE, str(run.path), str(tmp_path)])
        while len(asked(server)) < 12:
            assert child.poll() is None
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        told = len(events(run, "turn_scored"))
        run.update_status(state="queued")
        assert execute(run, tmp_path, score.run) == 0
    seen = asked(server)
    assert len(set(seen)) == 40
    assert len(seen) - 40 <= 2  # what was in flight when it was killed
    verdicts, rewards = outputs(run)
    assert len(rewards) == 40
    assert verdicts.cached.sum() >= 2 * told > 0


def test_an_endpoint_that_is_down_is_told_before_anything_is_judged(tmp_path: Path) -> None:
    with chat_server(lambda body, number: completion("x")) as server:
        run = laid_out(tmp_path, server, dialogues(50))
    with pytest.raises(UserError, match=r"endpoint local.*cannot be reached.*start the server"):
        score.run(run, tmp_path)
    assert run.read_output("verdicts") is None
    assert events(run, "turn_scored") == []


def test_an_endpoint_that_goes_in_the_middle_ends_the_run_and_the_rest_is_for_a_resume(tmp_path: Path) -> None:
    def gone_after_twenty(body: dict[str, Any], number: int) -> web.Response:
        return scores(body, 5) if number <= 20 else failure(503, "gone", {"retry-after-ms": "1"}, code="overloaded")

    with chat_server(probe_or(gone_after_twenty)) as server:
        run = laid_out(tmp_path, server, dialogues(50), at_once=2)
        with pytest.raises(
            UserError, match=r"endpoint local.*calls failed.*HTTP 503.*overloaded.*is kept.*endpoint check local"
        ):
            score.run(run, tmp_path)
        _, rewards = outputs(run)
        assert (rewards.outcome == "scored").sum() == 20
        assert 6 <= (rewards.outcome == "http_error").sum() <= 8
        server.handler = probe_or(lambda body, number: scores(body, 5))
        score.run(run, tmp_path)
    assert outputs(run)[1].reward.notna().all()
    assert run.status().done == 100


def test_a_run_in_which_every_call_fails_is_a_failed_run_however_short(tmp_path: Path) -> None:
    def refuses_parameters(body: dict[str, Any], number: int) -> web.Response:
        return failure(400, "x", code="unsupported_value", param="temperature")

    with chat_server(probe_or(refuses_parameters)) as server:
        run = laid_out(tmp_path, server, dialogues(1))
        with pytest.raises(UserError, match="unsupported_value, temperature"):
            score.run(run, tmp_path)
    assert set(outputs(run)[1].outcome) == {"http_error"}


def test_inputs_without_an_answer_are_told(tmp_path: Path) -> None:
    silent = pd.DataFrame([dialogue(0) | {"messages": json.dumps([{"role": "user", "content": "Hello?"}])}])
    with chat_server(probe_or(lambda body, number: scores(body, 5))) as server:
        run = laid_out(tmp_path, server, silent)
        with pytest.raises(UserError, match="no assistant turn"):
            score.run(run, tmp_path)


def test_a_text_without_spans_is_judged_as_response_and_has_no_format(tmp_path: Path) -> None:
    plain = pd.DataFrame([dialogue(0, exchanges=1, answers=["I hear you."])])
    with chat_server(probe_or(lambda body, number: scores(body, 5))) as server:
        run = laid_out(tmp_path, server, plain)
        score.run(run, tmp_path)
    reward = outputs(run)[1].iloc[0]
    assert (reward.r_format, reward.r_emotion, reward.r_rubric) == (0.0, 0.0, 1.0)
    assert reward.reward == pytest.approx(1 / 3)


@pytest.mark.slow
def test_the_embedded_model_scores_a_dialogue_by_the_library_rubric(tmp_path: Path) -> None:
    rubric = load_rubric(LIBRARY / "kardia-empathy.yaml")
    answers = [spans("sad", "That sounds heavy. What was the hardest part?")]
    run = lay_out(tmp_path, "score", {}, pd.DataFrame([dialogue(0, 1, "sad", answers)]), rubric)
    assert execute(run, tmp_path, score.run) == 0
    verdicts, rewards = outputs(run)
    assert set(verdicts.outcome) == {"scored"}
    assert set(verdicts.judge) == {"embedded/SmolLM2-135M-Instruct-Q4_1"}
    assert rewards.reward.notna().all()
    assert run.status().state == "done"


def test_a_panel_decides_together_and_every_vote_is_kept(tmp_path: Path) -> None:
    def warm(body: dict[str, Any], number: int) -> web.Response:
        return scores(body, 5)

    def cold(body: dict[str, Any], number: int) -> web.Response:
        return scores(body, 1)

    with ExitStack() as stack:
        answers = {"one": warm, "two": cold, "three": warm}
        servers = {name: stack.enter_context(chat_server(probe_or(answer))) for name, answer in answers.items()}
        rows = [f'[{name}]\nbase_url = "{server.url}"\nmodel = "m"\n' for name, server in servers.items()]
        (tmp_path / "endpoints.toml").write_text("".join(rows))
        run = lay_out(tmp_path, "score", {"judge": "one", "panel": ["two", "three"]}, dialogues(2), RUBRIC)
        score.run(run, tmp_path)
    verdicts, rewards = outputs(run)
    assert set(rewards.reward) == {1.0}
    assert set(verdicts.judge) == {"one/m + two/m + three/m"}
    votes = pd.read_parquet(run.output("votes"))
    assert len(votes) == 3 * len(verdicts)
    assert sorted(votes.judge.unique()) == ["one/m", "three/m", "two/m"]
    assert list(votes.columns) == list(verdicts.columns)
    (summary,) = events(run, "summary")
    assert summary["validity"] == {"2": {"asked": 3 * len(verdicts), "scored": 3 * len(verdicts)}}
    assert summary["scoring"] == {"stated": len(verdicts)}


def test_replicates_without_a_temperature_are_refused() -> None:
    with pytest.raises(UserError, match=r"score.*replicates of a judge at temperature 0 are copies.*0\.7"):
        resolve("score", {"replicates": 3})
