"""A data set folder that `datasets.load_dataset(folder)` opens.

train.jsonl test.jsonl     KardiaBench's record exactly: person, mbti, emotion, situation, anon_username, messages
easy.jsonl hard.jsonl      the train dialogues again, easy ones for SFT and hard ones for GRPO
attempts.parquet           every draft, critique and revision of all that was written
marks.parquet              what the filters found; marked dialogues are in marked.jsonl and not in the others
README.md                  the card
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.dataset.card import card
from pipeline.dataset.read import Source
from pipeline.dataset.split import split
from pipeline.files import unwritable
from pipeline.prompts import assistant_messages
from rubrics.errors import UserError

RECORD = ("person", "mbti", "emotion", "situation", "anon_username", "messages")
EXPORTED = ("train", "test", "easy", "hard", "marked")


def export(
    source: Source, folder: Path, licence: str, test_share: float, seed: int, with_marked: bool
) -> dict[str, int]:
    """Write the folder, whole or not at all, and give the number of dialogues by file.

    Raises UserError when it exists already, when every dialogue is marked, or when the split cannot be made.
    """
    if folder.exists():
        raise UserError(f"{folder}: exists already; choose another --out")
    marked = set() if with_marked else set(source.marks["dialogue_id"])
    good = [place for place, line in enumerate(source.lines) if line["dialogue_id"] not in marked]
    if not good:
        raise UserError("every dialogue is marked by a filter; look at the marks, or keep them with --with-marked")
    lines = [source.lines[place] for place in good]
    sides = split(lines, test_share, seed)
    parts: dict[str, list[dict[str, Any]]] = {name: [] for name in EXPORTED}
    for place, line, side in zip(good, lines, sides, strict=True):
        parts[side].append(line)
        if side == "train":
            parts[source.difficulties[place]].append(line)
    parts["marked"] = [line for line in source.lines if line["dialogue_id"] in marked]
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        draft.mkdir(parents=True)
        _write(draft, source, parts)
        (draft / "README.md").write_text(card(source, lines, sides, parts, licence, folder.name), encoding="utf-8")
        draft.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {name: len(found) for name, found in parts.items()}


def record(line: Mapping[str, Any]) -> dict[str, Any]:
    """KardiaBench's record of a dialogue; its messages begin with the system prompt that the assistant was given."""
    said = [{"role": m["role"], "content": m["content"]} for m in line["messages"] if m["role"] != "system"]
    system = assistant_messages(line.get("person", ""), line.get("situation", ""), [])[:1]
    return {**{name: line.get(name, "") for name in RECORD[:-1]}, "messages": [*system, *said]}


def _write(folder: Path, source: Source, parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    for name, lines in parts.items():
        if lines:
            text = "".join(json.dumps(record(line), ensure_ascii=False) + "\n" for line in lines)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    # As lines too: `datasets` reads every file of a folder with the reader of the first.
    for name, frame in (("attempts", source.attempts), ("marks", source.marks)):
        frame.to_json(folder / f"{name}.jsonl", orient="records", lines=True, force_ascii=False)
