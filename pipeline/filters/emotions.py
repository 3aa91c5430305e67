"""Abrupt jumps of emotion between one assistant turn and the next.

Each label has a place by how pleasant the feeling is (−2 … 2) and how stirred up (0 … 2), after Russell's circumplex
(1980); the places are ours. Support is meant to move people, so a step towards the pleasant may be wider than one into
the unpleasant: relief comes at once, terror out of joy does not without a cause that a dialogue would need a turn for.
"""

from collections.abc import Iterator

from pipeline.filters.mark import Mark, Written

PLACES: dict[str, tuple[int, int]] = {
    "afraid": (-2, 2), "angry": (-2, 2), "annoyed": (-1, 1), "anticipating": (1, 1), "anxious": (-1, 2),
    "apprehensive": (-1, 1), "ashamed": (-2, 1), "caring": (1, 0), "confident": (1, 1), "content": (2, 0),
    "devastated": (-2, 1), "disappointed": (-1, 0), "disgusted": (-2, 1), "embarrassed": (-1, 1), "excited": (2, 2),
    "faithful": (1, 0), "furious": (-2, 2), "grateful": (2, 0), "guilty": (-1, 1), "hopeful": (1, 1),
    "impressed": (1, 1), "jealous": (-1, 1), "joyful": (2, 2), "lonely": (-1, 0), "nostalgic": (0, 0),
    "prepared": (1, 0), "proud": (2, 1), "sad": (-1, 0), "sentimental": (0, 0), "surprised": (0, 2),
    "terrified": (-2, 2), "trusting": (1, 0),
}  # fmt: skip
# In steps of pleasantness. From devastated (−2) to hopeful (1) is 3, and happens when help comes.
FURTHEST_DOWN, FURTHEST_UP = 2, 3


def jumps(dialogue: Written) -> Iterator[Mark]:
    """A mark for each turn whose emotion is too far from the last one's."""
    last = ""
    for turn, spans in enumerate(dialogue.spans):
        now = spans.emotion.strip().lower()
        if now not in PLACES:
            continue
        if last and is_jump(last, now):
            yield Mark(dialogue.dialogue_id, "emotion", f"from {last} to {now} in one turn", turn)
        last = now


def is_jump(before: str, after: str) -> bool:
    """Whether one turn is too few between these labels."""
    step = PLACES[after][0] - PLACES[before][0]
    return step < -FURTHEST_DOWN or step > FURTHEST_UP
