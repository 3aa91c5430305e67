"""What is looked at before a training starts, as a list that a person can act on."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline import checks
from pipeline.__main__ import main
from pipeline.checks import Plan, light_checks, prompts, size
from pipeline.checks.judge import Took, estimate, judge_check
from pipeline.checks.size import Memory, needs, shape_of
from pipeline.configs import CONFIGS, GrpoConfig, SftConfig, resolve
from pipeline.endpoints import Endpoint
from pipeline.gate import GatePass
from pipeline.rundir import RubricRef
from pipeline.train import fit, grpo, sft
from pipeline.train.looks import can_look
from pipeline.train.models import find_model
from rubrics.errors import UserError
from rubrics.load import dump_rubric
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.training_runs import RUBRIC, dialogue, dialogues, events, lay_out, override_for

APPROVED = RubricRef(rubric_id="small", version=3, hash=RUBRIC.hash, approved_by="tomas", approved_at="2026-11-01")

SMALL = LlamaConfig(vocab_size=300, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4)


def plan(home: Path, inputs: pd.DataFrame | None = None, **config: Any) -> Plan:
    asked = GrpoConfig.model_validate({"model": "tiny", "judge": "loopback", "validation_turns": 2} | config)
    override = override_for(home, RUBRIC, "loopback")
    return Plan(home, asked, dialogues(8) if inputs is None else inputs, 0, RUBRIC, APPROVED, None, override)


def levels(found: list[checks.Check]) -> dict[str, str]:
    return {check.name: check.level for check in found}


def line(found: list[checks.Check], name: str) -> str:
    return next(check.told for check in found if check.name == name)


def test_a_plan_that_may_start_and_what_it_warns_of(tmp_path: Path, judge: LoopbackJudge) -> None:
    find_model("tiny", tmp_path)
    found = light_checks(plan(tmp_path))
    assert levels(found) == {
        "Rubric": "ok",
        "Calibration": "warn",
        "Groups": "ok",
        "Dialogues": "ok",
        "Validation": "ok",
        "Checkpoints": "ok",
        "Memory": "ok",
        "Disk": "ok",
    }
    assert "Dr. Tomas Lindqvist" in line(found, "Calibration")
    assert line(found, "Dialogues") == "8 with 16 answers, 4 steps"
    assert line(found, "Validation") == "1 of 8 persons held out, none of whom is trained on"
    assert all("\n" not in check.told for check in found)


@pytest.mark.parametrize(
    ("change", "name", "level", "told"),
    [
        ({"reference": APPROVED.model_copy(update={"approved_by": ""})}, "Rubric", "fail", "nobody approved"),
        ({"override": None}, "Calibration", "fail", "Empathy has 0 labels"),
        ({"config": {"batch_size": 6}}, "Groups", "fail", "does not hold whole groups of 4"),
        ({"config": {"save_steps": 100}}, "Checkpoints", "warn", "none before the end"),
        ({"config": {"validation_turns": 0}}, "Validation", "warn", "nobody is held out"),
        ({"inputs": pd.DataFrame([dialogue(0)])}, "Validation", "warn", "one person only"),
    ],
)
def test_each_fault_is_told_under_its_own_name(
    tmp_path: Path, judge: LoopbackJudge, change: dict[str, Any], name: str, level: str, told: str
) -> None:
    config = change.pop("config", {})
    found = light_checks(plan(tmp_path, **config)._replace(**change))
    assert levels(found)[name] == level
    assert told in line(found, name)


def test_nobody_is_tried_while_the_weights_lie_in_pieces(
    tmp_path: Path, judge: LoopbackJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_look()
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    assert not can_look()
    assert levels(light_checks(plan(tmp_path)))["Validation"] == "warn"


def test_epochs_are_told_in_steps(tmp_path: Path, judge: LoopbackJudge) -> None:
    # 7 of 8 persons with 2 answers each are trained on: 14 groups of 4, of which 8 completions hold two.
    assert plan(tmp_path, epochs=2, batch_size=8, max_steps=0).steps == 14
    sft_plan = Plan(tmp_path, SftConfig(epochs=3, batch_size=4), dialogues(8))
    assert sft_plan.steps == 12


def test_a_disk_or_a_memory_that_is_too_small_fails(
    tmp_path: Path, judge: LoopbackJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_model("tiny", tmp_path)
    monkeypatch.setattr(checks, "free_disk", lambda home: 1000)
    monkeypatch.setattr(checks, "available_memory", lambda: Memory(10_000, "the GPU"))
    found = light_checks(plan(tmp_path))
    assert (levels(found)["Disk"], levels(found)["Memory"]) == ("fail", "fail")


@pytest.mark.parametrize("stage", ["sft", "grpo"])
@pytest.mark.parametrize("launcher", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_eight_gpus_that_share_the_weights_hold_the_papers_model(
    tmp_path: Path, judge: LoopbackJudge, monkeypatch: pytest.MonkeyPatch, stage: Any, launcher: str
) -> None:
    """Qwen2.5-7B-Instruct, by its config.json, on GPUs of 80 GiB: one alone is too small for it, a share of it fits."""
    config = CONFIGS[stage].model_validate(resolve(stage, {"preset": "kardia-paper"}))
    monkeypatch.setattr(checks, "shape_of", lambda *_: size.Shape(7_615_616_512, 3584, 18944, 28, 32768))
    monkeypatch.setattr(checks, "available_memory", lambda: Memory(80 * 2**30, "the GPU"))
    paper = plan(tmp_path)._replace(config=config)
    assert levels(light_checks(paper))["Memory"] == "fail"
    monkeypatch.setenv(launcher, "true")
    monkeypatch.setenv("WORLD_SIZE", "8")
    found = light_checks(paper)
    assert levels(found)["Memory"] == "ok", line(found, "Memory")
    # 12 bytes a weight of gradient and moments: 85.1 GiB, an eighth of which is 10.6.
    assert "gradients and optimiser 10.6, each over 8 processes" in line(found, "Memory")


def test_the_disk_is_that_which_the_run_is_written_to(
    tmp_path: Path, judge: LoopbackJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_model("tiny", tmp_path)
    asked: list[Path] = []
    monkeypatch.setattr(checks, "free_disk", lambda place: asked.append(place) or 10**12)
    light_checks(plan(tmp_path))
    light_checks(plan(tmp_path)._replace(out=tmp_path / "big" / "out"))
    run = lay_out(tmp_path, "sft", {"model": "tiny"}, dialogues(2))
    light_checks(checks.plan_of(run, tmp_path, SftConfig(model="tiny")))
    assert asked == [tmp_path, tmp_path / "big" / "out", run.path]
    assert size.free_disk(tmp_path / "not" / "there yet") > 0


def test_an_example_is_never_longer_than_what_the_model_reads(tmp_path: Path) -> None:
    asked = {"model": "tiny", "max_steps": 1, "max_length": 100_000}
    run = lay_out(tmp_path, "sft", asked, dialogues(2))
    sft.run(run, tmp_path)
    last = events(run, "checks")[0]["checks"][-1]
    assert last["level"] == "warn"
    assert "all within 4,096 tokens: the model reads no more, so max_length 100,000 is not used" in last["told"]
    rows = [dialogue(n, 1) | {"situation": "word " * 5000} for n in range(2)]
    run = lay_out(tmp_path, "sft", asked, pd.DataFrame(rows))
    with pytest.raises(UserError, match=r"no turn can be used .*too long"):
        sft.run(run, tmp_path)


def test_a_models_shape_is_that_of_the_model(tmp_path: Path) -> None:
    model = LlamaForCausalLM(SMALL)
    model.save_pretrained(tmp_path / "mine")
    shape = shape_of(str(tmp_path / "mine"), tmp_path)
    assert shape == (model.num_parameters(), 48, 96, 3, SMALL.max_position_embeddings)
    assert shape_of("nobody/nothing", tmp_path) is None


def test_memory_for_learning_is_what_torch_holds(tmp_path: Path) -> None:
    """Weights, gradients and Adam's moments of a real step, counted in torch itself."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(SMALL)
    model.save_pretrained(tmp_path / "mine")
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.randint(0, 300, (2, 9)), labels=torch.randint(0, 300, (2, 9))).loss.backward()
    optimiser.step()
    held = [p.numel() * 4 for p in model.parameters()] + [
        p.grad.numel() * 4 for p in model.parameters() if p.grad is not None
    ]
    moments = [s.numel() * 4 for state in optimiser.state.values() for n, s in state.items() if n.startswith("exp_avg")]
    shape = shape_of(str(tmp_path / "mine"), tmp_path)
    assert shape is not None
    wanted = needs(SftConfig(), shape)
    assert wanted.weights + wanted.learning == sum(held) + sum(moments)


def test_an_adapter_needs_less_and_a_reference_more(tmp_path: Path) -> None:
    shape = size.Shape(1_500_000_000, 1536, 8960, 28, 32768)
    whole, adapter, reference = (needs(GrpoConfig(**more), shape) for more in ({}, {"lora_rank": 16}, {"beta": 0.01}))
    assert adapter.learning < whole.learning / 50
    assert reference.weights == 2 * whole.weights
    assert adapter.disk < whole.disk


def test_the_size_of_an_adapter_is_that_of_peft(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    config = LlamaConfig(
        vocab_size=300, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4
    )
    model = get_peft_model(
        LlamaForCausalLM(config), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert size._adapter(4, size.Shape(0, 48, 96, 3, 0)) == trained


def test_the_judge_is_asked_a_real_question_and_timed(tmp_path: Path, judge: LoopbackJudge) -> None:
    judge.refuse = lambda prompt: bool(time.sleep(0.3))
    (tmp_path / "endpoints.toml").write_text(judge.endpoint_row() + "price_in = 1000.0\nmax_concurrency = 2\n")
    found = judge_check(plan(tmp_path))
    assert found.level == "ok", found.told
    # 4 answers at one call each, two at a time: two rounds of 0.3 s or more; 100 tokens at 0.001 each a call.
    pattern = (
        r"loopback took ([\d.]+) s for an answer in 1 calls; a step about (\d+) s and 0.4, the run about \d+ s and 1.6"
    )
    told = re.fullmatch(pattern, found.told)
    assert told, found.told
    assert float(told[1]) >= 0.3
    assert int(told[2]) == pytest.approx(2 * float(told[1]), abs=0.7)
    assert "I hear you" in judge.prompts[-1], "a turn of the run itself"
    assert not (tmp_path / "cache" / "verdicts.sqlite").exists(), "nothing of it is kept"


def test_a_judge_that_cannot_score_fails(tmp_path: Path, judge: LoopbackJudge) -> None:
    judge.refuse = lambda prompt: "greeting" not in prompt
    found = judge_check(plan(tmp_path))
    assert found.level == "fail"
    assert "http_error" in found.told
    (tmp_path / "endpoints.toml").write_text('[loopback]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "none"\n')
    assert judge_check(plan(tmp_path)).level == "fail"


def test_rates_bound_the_estimate() -> None:
    free = Endpoint(name="j", base_url="http://x/v1", model="m", max_concurrency=8)
    took = Took(calls=5, seconds=2.0, tokens=1000, cost=0.01, failed="")
    assert estimate(free, took, 32, 100).step_s == 2.0 * 20
    limited = free.model_copy(update={"requests_per_minute": 60})
    assert estimate(limited, took, 32, 100).step_s == 160
    limited = free.model_copy(update={"tokens_per_minute": 6000})
    assert estimate(limited, took, 32, 100).step_s == 320
    assert estimate(free, took, 32, 100).step_cost == pytest.approx(0.32)


def files(folder: Path, rows: pd.DataFrame, gate: GatePass) -> list[str]:
    lines = [{**row, "messages": json.loads(row["messages"])} for row in rows.to_dict("records")]
    (folder / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "rubric.yaml").write_text(dump_rubric(RUBRIC))
    (folder / "gate.json").write_text(gate.model_dump_json())
    names = {"inputs": "in.jsonl", "rubric": "rubric.yaml", "gate": "gate.json"}
    return [word for name, file in names.items() for word in (f"--{name}", str(folder / file))]


def test_the_command_prints_the_list_and_starts_nothing(
    tmp_path: Path, judge: LoopbackJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = GatePass(rubric=APPROVED, override=override_for(tmp_path, RUBRIC, "loopback"))
    words = ["grpo", "--home", str(tmp_path), "--out", str(tmp_path / "out"), *files(tmp_path, dialogues(8), gate)]
    words += ["--model", "tiny", "--judge", "loopback", "--check"]
    assert main(words) == 0
    out = capsys.readouterr().out.splitlines()
    assert [one.split()[0] for one in out] == ["ok", "warn", "ok", "ok", "warn", "ok", "ok", "ok", "ok", "ok"]
    assert out[-1] == "ok    Prompts: 4 used, all within 3,904 tokens"
    assert not (tmp_path / "out").exists()
    assert main([*words, "--max-prompt", "300"]) == 1
    told = capsys.readouterr().out
    assert "fail  Prompts: " in told
    assert "(16 too long, the longest has " in told


def test_prompts_that_do_not_fit_stop_the_run_before_its_first_step(tmp_path: Path, judge: LoopbackJudge) -> None:
    rows = [dialogue(n, 1) for n in range(4)]
    rows[2]["situation"] = "word " * 700
    inputs = pd.DataFrame(rows)
    asked = {"model": "tiny", "judge": "loopback", "epochs": 1, "max_prompt": 1500, "max_completion_length": 8}
    run = lay_out(tmp_path, "grpo", asked, inputs, RUBRIC)
    with pytest.raises(UserError, match=r"1 of 4 turns do not fit in 1500 tokens, the longest has \d{4}; .*leave_out"):
        grpo.run(run, tmp_path)
    assert len(judge.prompts) == 1, "nobody was asked to judge"
    assert events(run, "checks")[0]["checks"][-1]["level"] == "fail"
    run = lay_out(tmp_path, "grpo", {**asked, "too_long": "leave_out", "max_steps": 1, "epochs": 0}, inputs, RUBRIC)
    grpo.run(run, tmp_path)
    last = events(run, "checks")[0]["checks"][-1]
    assert last["level"] in ("ok", "warn")


def test_a_job_writes_its_list_and_one_that_fails_loads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_model("tiny", tmp_path)
    run = lay_out(tmp_path, "sft", {"model": "tiny", "max_steps": 1}, dialogues(2))
    sft.run(run, tmp_path)
    assert {c["name"] for c in events(run, "checks")[0]["checks"]} >= {"Dialogues", "Validation", "Disk", "Prompts"}
    monkeypatch.setattr(checks, "free_disk", lambda home: 1000)
    monkeypatch.setattr(sft, "load_together", lambda *_: pytest.fail("loaded"))
    run = lay_out(tmp_path, "sft", {"model": "tiny", "max_steps": 1}, dialogues(2), seed=1)
    with pytest.raises(UserError, match=r"disk: about .* GiB free"):
        sft.run(run, tmp_path)


def test_a_form_can_look_without_loading_torch() -> None:
    code = (
        "import sys, pipeline.checks.judge, pipeline.presets; sys.exit(any(m in sys.modules for m in ('torch', 'trl')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def of_stage(stage: str, home: Path, inputs: pd.DataFrame, **config: Any) -> Plan:
    if stage == "grpo":
        return plan(home, inputs, **config)
    return Plan(home, SftConfig.model_validate({"model": "tiny"} | config), inputs)


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_the_estimate_of_prompts_holds_beside_the_exact_count(tmp_path: Path, judge: LoopbackJudge, stage: str) -> None:
    """The exact one is transformers' own, with the chat template; ours may only lack some tokens a message."""
    find_model("tiny", tmp_path)
    rows = [dialogue(n, 2) | {"situation": "words " * 400 * (n % 3)} for n in range(9)]
    for room in (4000, 1000, 400):
        limit = {"max_length": room} if stage == "sft" else {"max_prompt": room}
        asked = of_stage(stage, tmp_path, pd.DataFrame(rows), max_steps=100, **limit)
        estimate, exact = prompts.prompts_estimate(asked), fit.prompts_check(asked)
        assert estimate.level == exact.level, (room, estimate, exact)
        if exact.level == "fail" and "do not fit" in exact.told:
            ours = int(re.findall(r"the longest has ([\d,]+)", estimate.told)[0].replace(",", ""))
            theirs = int(re.findall(r"the longest has (\d+)", exact.told)[0])
            assert 0 <= theirs - ours <= 60
            assert estimate.told.split(" of ")[0].split()[0] == exact.told.split()[0], "as many do not fit"


def test_turns_that_do_not_fit_bar_the_start_unless_they_are_left_out(tmp_path: Path, judge: LoopbackJudge) -> None:
    find_model("tiny", tmp_path)
    rows = pd.DataFrame([dialogue(n) | {"situation": "words " * 900 * (n % 2)} for n in range(40)])
    refused = prompts.prompts_estimate(plan(tmp_path, rows, max_prompt=800, max_steps=500))
    left = prompts.prompts_estimate(plan(tmp_path, rows, max_prompt=800, max_steps=500, too_long="leave_out"))
    assert (refused.level, left.level) == ("fail", "warn")
    assert "do not fit in 800 tokens" in refused.told
    assert left.told.endswith("they are left out")
    few = prompts.prompts_estimate(plan(tmp_path, rows, max_prompt=800, max_steps=1, too_long="leave_out"))
    assert "of the first 100" not in few.told, "only the turns that the run takes are looked at"


def test_prompts_are_counted_later_where_no_tokenizer_is(tmp_path: Path, judge: LoopbackJudge) -> None:
    asked = plan(tmp_path)
    told = prompts.prompts_estimate(asked)
    assert (told.level, "not on this machine yet" in told.told) == ("warn", True)
    find_model("tiny", tmp_path)
    assert prompts.prompts_estimate(asked).level == "ok"
    (tmp_path / "models" / "tiny" / "tokenizer.json").write_text("{")
    spoilt = prompts.prompts_estimate(asked)
    assert (spoilt.level, "tokenizer.json cannot be read" in spoilt.told) == ("warn", True)


def test_what_no_run_can_use_bars_the_start(tmp_path: Path) -> None:
    find_model("tiny", tmp_path)
    rows = pd.DataFrame([dialogue(n, answers=["No spans.", "None."]) for n in range(3)])
    assert "not one turn can be used" in prompts.prompts_estimate(of_stage("sft", tmp_path, rows)).told
