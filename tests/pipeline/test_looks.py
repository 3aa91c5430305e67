"""Looks at a model as it learns: who is held out, what is kept of each look, and which weights a run ends with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from pipeline.configs import SftConfig
from pipeline.holdout import hold_out
from pipeline.probing.rewrites import probes
from pipeline.rundir import RunDir
from pipeline.stage import Cancelled
from pipeline.train import grpo, looks, meritless, sft
from pipeline.train.looks import Best, best_of, save_best
from rubrics.errors import UserError
from tests.pipeline.loopback_judge import LoopbackJudge
from tests.pipeline.training_runs import RUBRIC, dialogue, dialogues, events, lay_out

pytestmark = pytest.mark.usefixtures("one_thread")

LOOKING = {"validation_share": 0.3, "validation_turns": 3, "validation_every": 1}


def sft_run(home: Path, inputs: pd.DataFrame | None = None, **config: object) -> RunDir:
    asked = {"model": "tiny", "max_steps": 4, "save_steps": 2, "learning_rate": 1e-2, **LOOKING, **config}
    return lay_out(home, "sft", asked, dialogues(8) if inputs is None else inputs)


def grpo_run(home: Path, **config: object) -> RunDir:
    asked = {"model": "tiny", "judge": "loopback", "max_steps": 3, "max_completion_length": 12, "learning_rate": 1e-2}
    return lay_out(home, "grpo", asked | LOOKING | config, dialogues(8), RUBRIC)


def validation(run: RunDir, name: str) -> dict[int, float]:
    found = {e["step"]: e["metrics"] for e in events(run, "metric") if f"validation/{name}" in e["metrics"]}
    return {step: metrics[f"validation/{name}"] for step, metrics in found.items()}


def test_nobody_is_on_both_sides_and_the_seed_alone_decides() -> None:
    config = SftConfig(validation_share=0.3, validation_turns=4)
    inputs = pd.DataFrame([dialogue(n) | {"persona_id": f"p{n % 7}", "anon_username": f"u{n % 7}"} for n in range(40)])
    one, same, other = (hold_out(inputs, config, seed) for seed in (1, 1, 2))
    assert list(one.held["dialogue_id"]) == list(same.held["dialogue_id"]) != list(other.held["dialogue_id"])
    assert not set(one.train["persona_id"]) & set(one.held["persona_id"])
    assert len(one.train) + len(one.held) == 40
    assert 0.3 <= len(one.held) / 40 < 0.5
    assert one.persons[str(one.held.iloc[0]["dialogue_id"])] == one.held.iloc[0]["persona_id"]


def test_one_person_or_no_validation_leaves_everything_to_train_on() -> None:
    alone = pd.DataFrame([dialogue(n) | {"persona_id": "p", "anon_username": "u"} for n in range(4)])
    assert len(hold_out(alone, SftConfig(validation_turns=4), 0).held) == 0
    assert len(hold_out(dialogues(8), SftConfig(validation_turns=0), 0).held) == 0


def test_a_person_under_two_names_is_told() -> None:
    inputs = pd.DataFrame([dialogue(n) | {"persona_id": f"p{n}", "anon_username": "u"} for n in range(6)])
    with pytest.raises(UserError, match="would be trained on and held out, by anon_username"):
        hold_out(inputs, SftConfig(validation_share=0.4, validation_turns=4), 0)


def test_sft_keeps_the_weights_of_its_lowest_loss_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = iter([3.0, 2.0, 1.0, 2.5, 2.6])
    monkeypatch.setattr(looks, "loss", lambda loaded, rows: next(planted))
    seen: dict[int, torch.Tensor] = {}
    original = looks.save_best

    def spy(run: RunDir, trainer: Any, best: Best) -> None:
        seen[best.step] = next(iter(trainer.model.parameters())).detach().clone()
        original(run, trainer, best)

    monkeypatch.setattr(looks, "save_best", spy)
    run = sft_run(tmp_path)
    sft.run(run, tmp_path)
    assert validation(run, "loss") == {0: 3.0, 1: 2.0, 2: 1.0, 3: 2.5, 4: 2.6}
    assert [e["step"] for e in events(run, "best")] == [0, 1, 2]
    card = json.loads((run.path / "outputs" / "model.json").read_text())
    assert (card["steps"], card["best"]) == (4, {"step": 2, "metric": "validation/loss", "value": 1.0})
    from transformers import AutoModelForCausalLM

    kept = AutoModelForCausalLM.from_pretrained(run.path / "model")
    assert torch.equal(next(iter(kept.parameters())), seen[2])
    assert "step 2, the best by validation/loss" in (run.path / "model" / "README.md").read_text()
    assert not (run.path / "best").exists()
    assert not (run.path / "model" / "look.json").exists()


def test_a_look_that_was_cut_off_is_made_up_for_and_none_is_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = iter([3.0, 2.0, 2.5, 2.4, Cancelled(), 1.0])

    def loss(loaded: object, rows: object) -> float:
        if isinstance(value := next(planted), Cancelled):
            raise value
        return value

    def full(*_: object) -> None:
        raise UserError("model: cannot be written; free space, then resume")

    monkeypatch.setattr(looks, "loss", loss)
    run = sft_run(tmp_path)
    with pytest.raises(Cancelled):
        sft.run(run, tmp_path)
    assert [folder.name for folder in (run.path / "best").iterdir()] == ["step-1"]
    with monkeypatch.context() as patch:
        patch.setattr(sft, "keep_model", full)
        with pytest.raises(UserError, match="free space"):
            sft.run(run, tmp_path)
    sft.run(run, tmp_path)  # with not one look left to plan for
    assert validation(run, "loss") == {0: 3.0, 1: 2.0, 2: 2.5, 3: 2.4, 4: 1.0}
    card = json.loads((run.path / "outputs" / "model.json").read_text())
    assert (card["steps"], card["best"]) == (4, {"step": 4, "metric": "validation/loss", "value": 1.0})
    samples = run.read_output("samples")
    assert samples is not None
    assert sorted(samples["step"].unique()) == [0, 1, 2, 3, 4]


def test_the_last_weights_are_said_to_be_kept_because_that_was_asked(tmp_path: Path) -> None:
    run = sft_run(tmp_path, max_steps=1, keep="last")
    sft.run(run, tmp_path)
    assert "| those of the last step, as was asked;" in (run.path / "model" / "README.md").read_text()
    run = sft_run(tmp_path, max_steps=1, validation_turns=0)
    sft.run(run, tmp_path)
    assert "| those of the last step; nothing was held out" in (run.path / "model" / "README.md").read_text()


def test_the_loss_is_that_of_the_answers_tokens(tmp_path: Path) -> None:
    """Held against cross-entropy over the whole sequence, worked out here."""
    from pipeline.train.data import answer_tokens
    from pipeline.train.models import load_model
    from pipeline.turns import turns_of

    loaded = load_model("tiny", tmp_path)
    turn = next(turns_of(dialogues(1)))
    row = answer_tokens(turn, loaded.tokenizer, 2000)
    assert row is not None
    ids, answer = row
    assert loaded.tokenizer.decode(ids[-answer:]) == turn.text + "<|im_end|>\n"
    logits = loaded.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    worth = [-logits[at - 1, ids[at]].item() for at in range(len(ids) - answer, len(ids))]
    assert looks.loss(loaded, [row]) == pytest.approx(sum(worth) / answer, rel=1e-4)


def test_grpo_answers_the_same_turns_at_every_look_and_keeps_them_with_their_rewards(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    run = grpo_run(tmp_path)
    grpo.run(run, tmp_path)
    samples = run.read_output("samples")
    assert samples is not None
    assert list(samples["step"].unique()) == [0, 1, 2, 3]
    addresses = samples.groupby("step")[["dialogue_id", "turn_index"]].agg(tuple).drop_duplicates()
    assert len(addresses) == 1, "always the same turns"
    assert samples["reward"].notna().all()
    completions = run.read_output("completions")
    assert completions is not None
    assert not set(samples["dialogue_id"]) & set(completions["dialogue_id"]), "nobody of these is learnt from"
    for step, value in validation(run, "reward").items():
        assert value == pytest.approx(samples.loc[samples["step"] == step, "reward"].mean())
    verdicts = run.read_output("sample_verdicts")
    assert verdicts is not None
    score = verdicts.groupby(["step", "dialogue_id", "turn_index"])["score"].apply(lambda own: ((own - 1) / 4).mean())
    kept = samples.set_index(["step", "dialogue_id", "turn_index"])["r_rubric"]
    pd.testing.assert_series_equal(score, kept.sort_index(), check_names=False)
    best = max(validation(run, "reward").values())
    card = json.loads((run.path / "outputs" / "model.json").read_text())
    assert card["best"]["value"] == pytest.approx(best)
    assert events(run, "data")[0]["held_out"] == len(set(hold_out(run.inputs(), _config(run), 0).held["dialogue_id"]))


def _config(run: RunDir) -> SftConfig:
    return SftConfig(validation_share=0.3, validation_turns=3) if run else SftConfig()


def test_looking_changes_nothing_that_is_learnt(tmp_path: Path, judge: LoopbackJudge) -> None:
    """Two runs on the same people, one of which looks at every step and one only at its ends."""
    weights = []
    for every in (1, 100):
        run = grpo_run(tmp_path, validation_every=every, keep="last")
        grpo.run(run, tmp_path)
        weights.append((run.path / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_best_that_is_not_whole_is_passed_over(tmp_path: Path) -> None:
    class Saves:
        def save_model(self, folder: str) -> None:
            Path(folder).mkdir(parents=True)
            (Path(folder) / "model.safetensors").write_bytes(b"weights")

    run = sft_run(tmp_path)
    save_best(run, Saves(), Best(3, "validation/loss", 1.5))
    assert best_of(run) == Best(3, "validation/loss", 1.5)
    save_best(run, Saves(), Best(5, "validation/loss", 1.25))
    assert [path.name for path in (run.path / "best").iterdir()] == ["step-5"]
    (run.path / "best" / "step-5" / "model.safetensors").write_bytes(b"w")
    assert best_of(run) is None


def test_the_card_says_all_that_a_reader_must_know(tmp_path: Path, judge: LoopbackJudge) -> None:
    run = grpo_run(tmp_path, preset="cpu-demo", model="tiny", judge="loopback", max_steps=1, num_generations=4)
    grpo.run(run, tmp_path)
    text = (run.path / "model" / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head["base_model"] == "tiny"
    manifest = json.loads((run.path / "outputs" / "manifest.json").read_text())
    for word in (
        "small, version 3",
        RUBRIC.hash,
        "approved by tomas on 2026-11-01T09:00:00.000: Reads well.",
        "loopback/loopback",
        "The judge was never held against people",
        "Let through although",
        "Dr. Tomas Lindqvist",
        "Empathy has 0 labels",
        "cpu-demo",
        "Not for counselling",
        manifest["data"]["sha256"],
        f"trl {manifest['packages']['trl']}",
        manifest["hardware"]["processor"],
    ):
        assert word in text, word
    assert manifest["arguments"]["beta"] == 0.0
    assert manifest["data"]["dialogues"] == 8
    assert manifest["config"]["preset"] == "cpu-demo"


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["", "merged"])
def test_the_folder_loads_in_plain_transformers(tmp_path: Path, adapter: str) -> None:
    lora = {"lora_rank": 4, "adapter": adapter} if adapter else {}
    run = sft_run(tmp_path, max_steps=2, **lora)
    sft.run(run, tmp_path)
    absent = ("peft", "trl", "accelerate", "pipeline", "rubrics", "db", "studio")
    lines = [
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}))",  # whoever asks for one of them finds none
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        f"folder = {str(run.path / 'model')!r}",
        "model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)",
        "print(tokenizer.decode(model.generate(**tokenizer('It hurts', return_tensors='pt'), max_new_tokens=4)[0]))",
        f"assert not any(sys.modules[name] for name in {absent!r})",
    ]
    env = {"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", "\n".join(lines)], capture_output=True, text=True, env=env, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("It hurts")


@pytest.mark.slow
def test_an_adapter_that_is_kept_stands_beside_its_base_and_trains_little(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    kept, merged = (sft_run(tmp_path, lora_rank=4, adapter=how) for how in ("kept", "merged"))
    for run in (kept, merged):
        sft.run(run, tmp_path)
    assert (kept.path / "model" / "adapter_model.safetensors").is_file()
    assert not (kept.path / "model" / "model.safetensors").exists()
    with_adapter = AutoModelForCausalLM.from_pretrained(kept.path / "model")
    whole = AutoModelForCausalLM.from_pretrained(merged.path / "model")
    ids = torch.arange(5, 25).unsqueeze(0)
    torch.testing.assert_close(with_adapter(ids).logits, whole(ids).logits, atol=1e-4, rtol=1e-3)
    start = AutoModelForCausalLM.from_pretrained(tmp_path / "models" / "tiny")
    assert not torch.allclose(start(ids).logits, whole(ids).logits, atol=1e-3), "nothing was learnt"


@pytest.mark.slow
def test_answers_without_merit_are_judged_beside_the_models_and_paid_for_once(
    tmp_path: Path, judge: LoopbackJudge
) -> None:
    """This judge loves flattery, likes the rubric's own words a little, and nothing else."""
    flattery, echo = probes()["flattery"].texts[0], "wholly safe"

    def answer(prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        score = 5 if flattery in prompt else 4 if echo in prompt else 1
        return {name: {"reason": "so", "score": score} for name in schema["properties"]}

    real = judge.answer
    judge.answer = lambda prompt, schema: real(prompt, schema) if "score" not in str(schema) else answer(prompt, schema)
    run = grpo_run(tmp_path, validation_every=1)
    grpo.run(run, tmp_path)
    told = [event["metrics"] for event in events(run, "metric") if "probe/flattery" in event["metrics"]]
    assert len(told) == 4, "before the first step and after each of three"
    for metrics in told:
        found = {name: metrics[f"probe/{name}"] for name in ("flattery", "echo", "keywords", "empty")}
        assert found == pytest.approx({"flattery": 1.0, "echo": 0.75, "keywords": 0.0, "empty": 0.0})
    asked = [prompt for prompt in judge.prompts if flattery in prompt]
    assert len(asked) == meritless.TURNS, "later looks find these verdicts in the cache"


@pytest.mark.slow
def test_a_judge_that_fails_over_them_is_no_score(tmp_path: Path, judge: LoopbackJudge) -> None:
    flattery = probes()["flattery"].texts[0]
    judge.refuse = lambda prompt: flattery in prompt
    run = grpo_run(tmp_path, max_steps=1)
    grpo.run(run, tmp_path)
    told = {name for event in events(run, "metric") for name in event["metrics"]}
    assert {"probe/keywords", "probe/empty"} <= told
    assert "probe/flattery" not in told
