"""The files of others as they are: what was said, who rated it, and with which words in which line.

A rating is of a dialogue's last answer. Values are passed on as they stand in the file: whether one is on its scale is
for `bring_in` to say. Where a source gives ratings and no text, the turn says so in its own words.
"""

import csv
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from db.exchange import Problem
from pipeline.emotions import GROUP_OF
from rubrics.errors import UserError
from rubrics.limits import lines_of

NO_RESPONSE = "(The source gives ratings of this response, and not the response.)"
NO_TEXT = "(The source gives ratings of this conversation, and not the conversation.)"
_ANSWERS = {"No": "0", "Unsure": "1", "Yes": "2"}
_SPEAKER = re.compile(r"^(USER|LAMDA): ", re.MULTILINE)
_FENCE = re.compile(r"\A\s*```(?:json)?\s*|\s*```\s*\Z")


class Rating(NamedTuple):
    """One cell: `value` as it is written, empty where it is blank; `note` quotes the words that it rests on."""

    line: int
    dialogue_id: str
    rater: str
    criterion_id: str
    value: str
    note: str = ""


@dataclass
class Told:
    """What a file holds. `instrument` is a name in instruments.yaml; `dialogues` are KardiaBench records."""

    instrument: str
    dialogues: list[dict[str, Any]] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def dices(path: Path) -> Told:
    """ratings_long.csv.gz, with items.jsonl.gz beside it."""
    told = Told("dices")
    for _, item in _objects(_beside(path, "items.jsonl.gz")):
        said = [one for one in _turns(item["context"]) if one["content"]]  # two contexts have a turn of nothing
        said.append(_message("assistant", item["response"]))
        told.dialogues.append({"dialogue_id": f"dices-{item['item_id']}", "messages": said})
    for line, row in _rows(path):
        answer = row["q_overall"].strip()
        told.ratings.append(
            Rating(line, f"dices-{row['item_id']}", row["rater"], "q_overall", _ANSWERS.get(answer, answer))
        )
    return told


def empathy_experts(path: Path) -> Told:
    """RATER_ratings.csv of one of the three sets, the rater named by the file; or conversations_epitome.csv."""
    if path.name.startswith("conversations_epitome"):
        return _epitome(path)
    rater, rows = path.name.partition("_ratings")[0], list(_rows(path))
    key = next(iter(rows[0][1]), "") if rows else ""
    if key == "conv_id":
        told = Told("experts-empatheticdialogues", _listeners(_beside(path, "conversations_empatheticdialogues.csv")))
    elif key == "sp_id":
        told = Told("experts-epitome", _posts(_beside(path, "conversations_epitome.csv")))
    else:
        told = Told("experts-perceived-empathy")
        told.dialogues = [_record(f"experts-{row[key]}", _message("assistant", NO_TEXT)) for _, row in rows]
    for line, row in rows:
        of = f"experts-{row.pop(key)}"
        told.ratings += [Rating(line, of, rater, name, value) for name, value in row.items()]
    return told


def _epitome(path: Path) -> Told:
    """EPITOME's own levels, each with the words of the answer that it rests on, which stand as its evidence."""
    told = Told("experts-epitome", _posts(path))
    for line, row in _rows(path):
        for name in (name for name in row if name.startswith("level_")):
            spans = row[name.replace("level_", "rationales_")].split("|")
            note = "\n".join(f"“{span.strip()}”" for span in spans if span.strip())
            told.ratings.append(Rating(line, f"experts-{row['sp_id']}", "epitome", name, row[name], note))
    return told


def mentalalign(path: Path) -> Told:
    """human_ratings.csv.gz, or judge_raw_MODEL.csv.gz with what the model wrote; contexts.jsonl.gz beside it."""
    contexts = {str(one["conv_id"]): one["context"] for _, one in _objects(_beside(path, "contexts.jsonl.gz"))}
    judge = path.name.partition("judge_raw_")[2].partition(".")[0]
    told = Told("mentalalign")
    for line, row in _rows(path):
        number, model = row.pop("conv_id"), row.pop("response_model")
        of = f"mentalalign-{number}-{model}"
        said = [_message("user", contexts[number])] if contexts.get(number, "").strip() else []
        told.dialogues.append(_record(of, *said, _message("assistant", NO_RESPONSE)))
        scores: dict[str, Any] | None = _judged(row["raw_output"]) if judge else row
        if scores is None:
            told.problems.append(Problem(line, "raw_output is no JSON object with a number for each attribute"))
            continue
        told.ratings += [Rating(line, of, judge or "people", name, str(value)) for name, value in scores.items()]
    return told


def duo(path: Path) -> Told:
    """duo_ed_en.jsonl.gz: each dialogue with its user's own ratings, and those of three others where there are any."""
    told = Told("duo")
    for line, one in _objects(path):
        of = f"duo-{one['dialogue_id']}"
        said = [_message("user" if m["speaker"] == "Human" else "assistant", m["message"]) for m in one["dialogue"]]
        emotion = str(one.get("emotion", ""))
        known = emotion.lower() in GROUP_OF
        about = {"emotion": emotion.lower()} if known else {"source_emotion": emotion}
        told.dialogues.append(_record(of, *said) | about | {"situation": one.get("episode", "")})
        own = one.get("subjective_evaluation") or {}
        told.ratings += [Rating(line, of, "user", name, _cell(value)) for name, value in own.items()]
        for name, scores in (one.get("objective_evaluation") or {}).items():
            if name.endswith("_scores"):
                told.ratings += [
                    Rating(line, of, f"rater-{n}", name.removesuffix("_scores"), _cell(value))
                    for n, value in enumerate(scores, start=1)
                ]
    return told


SOURCES: dict[str, Callable[[Path], Told]] = {
    "dices": dices,
    "empathy-experts": empathy_experts,
    "mentalalign": mentalalign,
    "duo": duo,
}
_BY_HEAD = {
    "item_id,rater,q_overall": "dices",
    "conv_id,response_model,": "mentalalign",
    "conv_id,empathy,": "empathy-experts",
    "sp_id,level_": "empathy-experts",
    "sp_id,seeker_post,": "empathy-experts",
    "id,m_understood,": "empathy-experts",
}


def source_of(path: Path) -> str | None:
    """Which of the sources a file is of, by its first line; None when it holds no ratings that we know."""
    try:
        with _open(path) as lines:
            first = next(lines, "")
    except (UserError, UnicodeDecodeError):
        return None  # whoever reads it as dialogues says what is wrong
    found = next((name for head, name in _BY_HEAD.items() if first.startswith(head)), None)
    return found or ("duo" if '"subjective_evaluation"' in first else None)


def _judged(text: str) -> dict[str, Any] | None:
    """The attributes of a model's answer, plain or fenced; what is not JSON is not mended."""
    try:
        told = json.loads(_FENCE.sub("", text))
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    return {name: value for name, value in told.items() if name not in ("Overall", "Explanation")}


def _listeners(path: Path) -> list[dict[str, Any]]:
    """Whoever spoke first is the person. A comma is written "_comma_" there."""
    records: dict[str, dict[str, Any]] = {}
    first: dict[str, str] = {}
    for _, row in _rows(path):
        of, said = f"experts-{row['conv_id']}", row["utterance"].replace("_comma_", ",")
        opener = first.setdefault(of, row["speaker_idx"])
        about = {"emotion": row["context"], "situation": row["prompt"].replace("_comma_", ",")}
        record = records.setdefault(of, _record(of) | about)
        record["messages"].append(_message("user" if row["speaker_idx"] == opener else "assistant", said))
    return list(records.values())


def _posts(path: Path) -> list[dict[str, Any]]:
    records = []
    for _, row in _rows(path):
        said = _message("user", row["seeker_post"]), _message("assistant", row["response_post"])
        records.append(_record(f"experts-{row['sp_id']}", *said))
    return records


def _turns(text: str) -> list[dict[str, str]]:
    pieces = _SPEAKER.split(text)[1:]
    return [
        _message("user" if who == "USER" else "assistant", said.strip())
        for who, said in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _record(dialogue_id: str, *messages: dict[str, str]) -> dict[str, Any]:
    return {"dialogue_id": dialogue_id, "messages": list(messages)}


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _beside(path: Path, name: str) -> Path:
    """The file of that name in the folder of `path` or one of the two above. Raises UserError when there is none."""
    for folder in list(path.resolve().parents)[:3]:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{path}: the texts that it rates are in {name}; put that file beside it")


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by name, with the line that each ends in; a cell too few is blank."""
    with _open(path) as lines:
        reader = csv.DictReader(lines, restval="")
        for row in reader:
            yield reader.line_num, {name: value or "" for name, value in row.items() if name is not None}


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            yield number, json.loads(line)


def _open(path: Path) -> "closing[Generator[str]]":
    """Its lines as text, their ends as they are: a cell of a CSV file may hold some."""
    return closing(line.decode("utf-8-sig") for line in lines_of(path))
