"""Real dialogues with four-span targets: EmpatheticDialogues' own words, put into the form by templates.

    python -m bench.real_dialogues SOURCE.jsonl.gz OUT.jsonl --count 400 [--skip 0] [--seed 0]

Of each conversation the first reply is taken. Its situation is what the person tells, the emotion is the label under
which they wrote it, and the response is what the listener really answered. Understanding and reasoning, which nobody
wrote, are two sentences by template, the same for every dialogue but for the words put into them: a model learns the
form from them, and nothing about how people understand each other.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.spans import Spans, render_spans

LONGEST = 60  # words of situation and first utterance together: what a small model on a processor can still be given
LONGEST_REPLY = 30  # as the prompt asks
TOLD = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--skip", type=int, default=0, help="so many of the same order first, for a part of its own")
    parser.add_argument("--seed", type=int, default=0, help="of the order in which conversations are taken")
    asked = parser.parse_args()
    chosen = write(asked.source, asked.out, asked.count, asked.skip, asked.seed)
    print(json.dumps({"dialogues": chosen, "file": str(asked.out)}))


def write(source: Path, out: Path, count: int, skip: int, seed: int) -> int:
    """Write `count` dialogues as KardiaBench lines, after the first `skip` of a seeded order; gives how many."""
    with gzip.open(source, "rt", encoding="utf-8") as handle:
        lines = [json.loads(line) for line in handle]
    random.Random(seed).shuffle(lines)
    found = list(_usable(lines))[skip : skip + count]
    out.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found), encoding="utf-8")
    return len(found)


def _usable(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for line in lines:
        # The mirror holds some conversations twice, the second time under an id with " (1)".
        if not line["conv_id"].endswith(" (1)") and (one := dialogue(line)):
            yield one


def dialogue(line: dict[str, Any]) -> dict[str, Any] | None:
    """The first exchange of a conversation; None when there is no reply or something in it is too long."""
    said = [one["text"].strip() for one in line["utterances"][:2]]
    situation = line["situation"].strip()
    if len(said) < 2 or not all((*said, situation)) or len(f"{situation} {said[0]}".split()) > LONGEST:
        return None
    if len(said[1].split()) > LONGEST_REPLY:
        return None
    answer = Spans(
        understanding=f"They tell of this: {' '.join(situation.split()[:TOLD])}",
        reasoning="What happened matters to them, and being heard would help now.",
        emotion=line["emotion"],
        response=said[1],
    )
    messages = [{"role": "user", "content": said[0]}, {"role": "assistant", "content": render_spans(answer)}]
    return {
        "dialogue_id": f"ed-{line['conv_id']}",
        # Nobody's profile is known; each conversation is another person's.
        "persona_id": f"ed-{line['conv_id']}",
        "person": "",
        "emotion": line["emotion"],
        "situation": situation,
        "messages": messages,
    }


if __name__ == "__main__":
    main()
