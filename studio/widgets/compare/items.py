"""Pairs of replies out of an evaluation's run directory: what two of its models answered to the same messages."""

import random

from db.preferences import Item
from pipeline.report.read import Evaluation
from pipeline.spans import read_spans
from pipeline.turns import seen_by_people, turns_of
from rubrics.errors import UserError


def pairs_of(found: Evaluation, first: str, second: str, most: int, seed: int = 0) -> list[Item]:
    """At most so many pairs, drawn by `seed`; of several answers to a turn the first drawn.

    `first` and `second` are models as the evaluation calls them. Replies that are the same are left out, for nobody can
    prefer one. Raises UserError when there is nothing to compare.
    """
    texts = {which: _texts(found, which) for which in (first, second)}
    scores = {which: _scores(found, which) for which in (first, second)}
    items = [
        Item(
            turn.dialogue_id,
            turn.turn_index,
            turn.situation,
            [(m.role, seen_by_people(m)) for m in turn.history],
            texts[first][turn[:2]],
            texts[second][turn[:2]],
            scores[first].get(turn[:2]),
            scores[second].get(turn[:2]),
        )
        for turn in turns_of(found.run.inputs())
        if turn[:2] in texts[first] and turn[:2] in texts[second]
    ]
    different = [item for item in items if item.first_text != item.second_text]
    if not different:
        raise UserError("The two models gave the same replies, or none: there is nothing to compare")
    return random.Random(seed).sample(different, min(most, len(different)))


def _texts(found: Evaluation, which: str) -> dict[tuple[str, int], str]:
    """What a person would have seen of each answer; one that never came to its response is empty."""
    own = found.answers[found.answers["which"] == which].drop_duplicates(["dialogue_id", "turn_index"])
    texts = (read_spans(text).response for text in own["text"])
    addresses = zip(own["dialogue_id"].astype(str), own["turn_index"].astype(int), strict=True)
    return dict(zip(addresses, texts, strict=True))


def _scores(found: Evaluation, which: str) -> dict[tuple[str, int], float]:
    """The rubric's number, 0–1, of each answer that was judged."""
    rows = found.answer_measures
    own = rows[(rows["which"] == which) & (rows["measure"] == "rubric")].drop_duplicates(["dialogue_id", "turn_index"])
    known = own.dropna(subset="value")
    addresses = zip(known["dialogue_id"].astype(str), known["turn_index"].astype(int), strict=True)
    return dict(zip(addresses, known["value"].astype(float), strict=True))
