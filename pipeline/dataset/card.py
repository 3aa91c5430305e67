"""The data set's card: licence, what is in it and how it came about, distributions, rubric versions and models."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipeline.dataset.read import Source
from pipeline.dataset.statistics import by_side, table
from pipeline.filters import __doc__ as filters_told
from pipeline.filters.mark import FILTERS
from pipeline.rundir import Request

_LENGTHS = "Lengths in words; the unit of the published ones is not told.\n\n"
_ROLES = ("user", "assistant", "evaluator")


def card(
    source: Source,
    lines: Sequence[Mapping[str, Any]],
    sides: Sequence[str],
    parts: Mapping[str, Sequence[Any]],
    licence: str,
    name: str,
) -> str:
    """The text of README.md, with the head that `datasets` reads its files from."""
    sections = {
        "What is here": _files(parts),
        "Statistics": _LENGTHS + table(by_side(lines, sides)),
        "Emotions": _counts("emotion", Counter(str(line.get("emotion", "")) for line in lines)),
        "Exchanges": _counts("exchanges", Counter(_exchanges(line) for line in lines)),
        "How it was made": "\n\n".join(_made(request) for request in source.requests),
        "How each dialogue was written": _written(source),
        "What the filters found": _filtered(source),
        "Easy and hard": _difficulty(parts),
        "Who it is about": "Nobody: the dialogues were written by models from profiles and situations. Profiles that "
        "came from real people went through the privacy step (`python -m pipeline personas`) if whoever made this set "
        "used it; the card cannot know. Not for counselling; no dialogue was checked by a clinician unless said here.",
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    head = yaml.safe_dump(_head(parts, licence, name, bool(len(source.marks))), sort_keys=False)
    return f"---\n{head}---\n\n# {name}\n\n{body}\n"


def _head(parts: Mapping[str, Sequence[Any]], licence: str, name: str, has_marks: bool) -> dict[str, Any]:
    def config(title: str, files: Mapping[str, str]) -> dict[str, Any]:
        return {"config_name": title, "data_files": [{"split": at, "path": path} for at, path in files.items()]}

    sides = {side: f"{side}.jsonl" for side in ("train", "test") if parts[side]}
    own = [config(part, {"train": f"{part}.jsonl"}) for part in ("easy", "hard", "marked") if parts[part]]
    configs = [{**config("default", sides), "default": True}, *own]
    configs.append(config("attempts", {"train": "attempts.jsonl"}))
    configs += [config("marks", {"train": "marks.jsonl"})] if has_marks else []
    return {"license": licence, "pretty_name": name, "language": ["en"], "configs": configs}


def _files(parts: Mapping[str, Sequence[Any]]) -> str:
    rows = [f"| {name}.jsonl | {len(found):,} |" for name, found in parts.items()]
    return "\n".join(["| file | dialogues |", "| --- | ---: |", *rows])


def _counts(title: str, counts: Mapping[Any, int]) -> str:
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda one: (-one[1], str(one[0])) if title == "emotion" else (0, one[0]))
    rows = [f"| {value or '(none)'} | {count:,} | {count / total:.1%} |" for value, count in ordered]
    return "\n".join([f"| {title} | dialogues | share |", "| --- | ---: | ---: |", *rows])


def _exchanges(line: Mapping[str, Any]) -> int:
    return sum(message["role"] == "assistant" for message in line["messages"])


def _made(request: Request) -> str:
    reference = request.rubric
    gate = f"{reference.rubric_id} version {reference.version} ({reference.hash[:12]})" if reference else "none"
    by = (
        f", approved by {reference.approved_by} at {reference.approved_at}"
        if reference and reference.approved_by
        else ""
    )
    flags = request.flags
    looked = f"{flags.rubric_id} version {flags.version} ({flags.hash[:12]})" if flags else "none: nobody looked"
    told = [
        f"- run {request.run_id}, asked for by {request.requested_by} at {request.created_at} UTC, seed {request.seed}",
        f"- gate rubric: {gate}{by or ', not approved: from a file'}",
        f"- flags rubric: {looked}",
        *(f"- {role}: {request.models.get(role) or request.config[role]}" for role in _ROLES),
        f"- at most {request.config['max_revisions']} revisions, {request.config['max_exchanges']} exchanges, "
        f"temperature {request.config['temperature']}",
        f"- code {request.code_version or 'unknown'}",
    ]
    return "\n".join(told)


def _written(source: Source) -> str:
    attempts = source.attempts
    kept = attempts[attempts["kept"]]
    failing = int((kept["verdict"] == "FAIL").sum())
    verdicts = Counter(str(one) for one in attempts["verdict"].dropna())
    said = ", ".join(f"{verdicts[name]:,} {name}" for name in ("FAIL", "PASS", "SOLVED"))
    return (
        f"{len(attempts):,} answers were written for {len(kept):,} exchanges; the evaluator said {said}. "
        f"In {failing:,} exchanges no revision passed: the best stands there, and the dialogue is marked. All of it "
        "is in attempts.jsonl: person's words, draft, verdict, critique, merit, and which one stands."
    )


def _filtered(source: Source) -> str:
    total = len(source.lines)
    marked = source.marks.groupby("filter")["dialogue_id"].nunique().to_dict()
    rows = [f"| {name} | {marked.get(name, 0):,} | {marked.get(name, 0) / total:.1%} |" for name in FILTERS]
    told = (filters_told or "").partition("\n\n")[2].rstrip()
    head = f"Of {total:,} dialogues; one may be marked by several filters. Nothing was deleted.\n\n"
    return head + "\n".join(["| filter | marked | share |", "| --- | ---: | ---: |", *rows]) + f"\n\n```\n{told}\n```"


def _difficulty(parts: Mapping[str, Sequence[Any]]) -> str:
    return (
        f"{len(parts['easy']):,} easy and {len(parts['hard']):,} hard dialogues in train. Easy if pFAIL < pPASS "
        "+ pSOLVED or pFAIL + pPASS < pSOLVED, by all verdicts given while a dialogue was written; as the shares "
        "sum to 1 the second clause implies the first, so the rule is pFAIL < 0.5, and a tie is hard."
    )
