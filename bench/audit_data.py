"""A whole KardiaBench of dialogues by our own generator, with what 20 people and one judge made of it.

22,080 dialogues with 178,080 turns (the size of KardiaBench, arXiv 2512.01282), the same every time. Words come from a
seeded vocabulary of 20,000 whose frequencies fall as 1/rank (Zipf), so that a search meets frequent, rare and absent
ones. About 650 letters an exchange: what the person wrote, then the four spans of an answer.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from db.store import Cursor, Store
from pipeline.emotions import EMOTIONS
from pipeline.spans import Spans, render_spans
from rubrics.load import LIBRARY, load_rubric

DIALOGUES, TURNS, RATERS = 22_080, 178_080, 20
VOCABULARY = 20_000
TYPES = [a + b + c + d for a in "IE" for b in "NS" for c in "FT" for d in "PJ"]
_SPREAD = 0.25  # how much the length of a text varies
_WORDS = {"user": 26, "understanding": 13, "reasoning": 18, "response": 34}
_ONSETS = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "ch", "sh", "th")
_SYLLABLES = [first + vowel for first in _ONSETS for vowel in "aeiou"]


def vocabulary() -> list[str]:
    """Distinct words, the most frequent first; frequent ones are short, as in any language."""
    random, words = np.random.default_rng(7), dict[str, None]()
    while len(words) < VOCABULARY:
        syllables = 1 + int(len(words) > 60) + int(len(words) > 3000)
        words["".join(_SYLLABLES[n] for n in random.integers(0, len(_SYLLABLES), syllables))] = None
    return list(words)


def write_file(path: Path) -> Path:
    """The KardiaBench lines, one dialogue each."""
    with path.open("w", encoding="utf-8") as handle:
        for line in lines():
            handle.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def dialogue_id(number: int) -> str:
    return f"kb-{hashlib.md5(str(number).encode()).hexdigest()[:12]}"


def turns_in(number: int) -> int:
    """8 turns, and 9 in as many dialogues as it takes to reach 178,080."""
    return 8 + int(number % 46 < 3)


def lines() -> Iterator[dict[str, object]]:
    random, words = np.random.default_rng(11), np.array(vocabulary(), dtype=object)
    shares = np.cumsum(1 / (np.arange(VOCABULARY) + 2.7))
    for number in range(DIALOGUES):
        yield _line(number, random, words, shares / shares[-1])


def _line(number: int, random: np.random.Generator, words: np.ndarray, shares: np.ndarray) -> dict[str, object]:
    turns, sizes = turns_in(number), np.array(list(_WORDS.values()))
    lengths = np.maximum(4, (sizes * (1 + _SPREAD * random.standard_normal((turns, 4)))).astype(int))
    drawn = words[np.searchsorted(shares, random.random(int(lengths.sum()) + 12))].tolist()
    texts = _cut(drawn, [12, *lengths.ravel().tolist()])
    emotion, persona = EMOTIONS[number % 32], number % 671
    messages = []
    for turn in range(turns):
        said, understanding, reasoning, response = texts[1 + 4 * turn : 5 + 4 * turn]
        answer = render_spans(Spans(understanding, reasoning, emotion, response))
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
    mbti = TYPES[persona % 16]
    return {
        "dialogue_id": dialogue_id(number),
        "persona_id": f"p{persona:03}",
        "person": f"MBTI: {mbti}\nAbout: {words[persona]} {words[persona + 900]}\nSignature: {words[persona + 5000]}",
        "mbti": mbti,
        "anon_username": f"user_{number:05x}",
        "emotion": emotion,
        "situation": texts[0],
        "messages": messages,
    }


def _cut(words: Sequence[str], lengths: Sequence[int]) -> list[str]:
    texts, start = [], 0
    for length in lengths:
        texts.append(" ".join(words[start : start + length]).capitalize() + ".")
        start += length
    return texts


def mark_everything(store: Store) -> None:
    """What 20 people flagged (each read every dialogue to the end), scores, gold flags and a scoring run, in one write.

    Set down as rows, not by `audits.flag`: this is the store as it stands after months, and no measurement.
    """
    flags, score = load_rubric(LIBRARY / "unsafe-turns.yaml"), load_rubric(LIBRARY / "kardia-empathy.yaml")

    def work(cursor: Cursor) -> None:
        cursor.execute(_PEOPLE)
        cursor.execute("CREATE TEMP TABLE place AS SELECT dialogue_id, turn_index, text_hash, "
                       "row_number() OVER (ORDER BY ordinal, turn_index) - 1 AS n "
                       "FROM turns JOIN dialogues USING (dialogue_id)")  # fmt: skip
        cursor.execute(
            _MARKS, {"flags": flags.id, "codes": list(flags.ids), "score": score.id, "criteria": list(score.ids)}
        )
        cursor.execute(_RUN, [score.id, score.hash])
        cursor.execute(_VERDICTS, [score.id, score.hash, list(score.ids)])
        cursor.execute(_REWARDS)
        cursor.execute("DROP TABLE place")

    store.write(work)


RUN_ID = "20261123-091200-score-3f9a"
_PEOPLE = f"""
    INSERT INTO person_events BY NAME
    SELECT (SELECT coalesce(max(seq), 0) FROM person_events) + n + 1 AS seq, TIMESTAMP '2026-11-01' AS created_at,
        'rater-' || n AS person_id, 'Rater ' || n AS name, ['annotator'] AS roles, true AS active, 'kardia' AS actor
    FROM range({RATERS}) AS numbers(n)
"""
# Raters agree more than by chance: a turn has a risk of its own, and each rater strays from it.
_MARKS = f"""
    INSERT INTO audit_events
    WITH rater AS (SELECT n AS rater, 'rater-' || n AS person_id FROM range({RATERS}) AS numbers(n)),
    finished AS (
        SELECT person_id, 'finish' AS kind, dialogue_id, NULL::INTEGER AS turn_index, NULL::TEXT AS text_hash,
            '' AS code, NULL::TEXT AS severity, NULL::DOUBLE AS value, $flags AS rubric_id, false AS is_gold
        FROM dialogues, rater
    ), flagged AS (
        SELECT person_id, 'flag', dialogue_id, turn_index, text_hash, $codes[(hash(n, 5) % len($codes))::INTEGER + 1],
            ['yellow', 'red'][(hash(n, rater) % 2)::INTEGER + 1], NULL, $flags, false
        FROM place, rater
        WHERE hash(n, 1) % 1000 < 60 AND hash(n, rater, 2) % 100 < 40 OR hash(n, rater, 3) % 1000 < 6
    ), scored AS (
        SELECT person_id, 'score', dialogue_id, turn_index, text_hash,
            $criteria[(hash(n, rater) % len($criteria))::INTEGER + 1], NULL, 1 + hash(n, rater, 4) % 5, $score, false
        FROM place, rater WHERE hash(n, rater, 6) % 200 = 0
    ), gold AS (
        SELECT 'kardia', 'flag', dialogue_id, turn_index, text_hash, $codes[(hash(n, 5) % len($codes))::INTEGER + 1],
            'red', NULL, $flags, true
        FROM place WHERE hash(n, 1) % 1000 < 20
    ), every AS (
        FROM finished UNION ALL FROM flagged UNION ALL FROM scored UNION ALL FROM gold
    )
    SELECT row_number() OVER () AS seq, TIMESTAMP '2026-11-20', person_id, 'bench-' || row_number() OVER (), kind,
        dialogue_id, turn_index, text_hash, code, severity, value, '', rubric_id, 1, is_gold
    FROM every
"""
_RUN = f"""
    INSERT INTO runs (run_id, stage, state, message, requested_by, reason, rubric_id, rubric_version, rubric_hash, done,
        total, unit, cost, tokens_in, tokens_out, attempt, seed, config, parents, code_version, packages, created_at)
    VALUES ('{RUN_ID}', 'score', 'done', '', 'bench', '', ?, 1, ?, {TURNS}, {TURNS}, 'turns', 0, 0, 0, 1, 0,
        '{{"judge": "bench"}}', '[]', '', '{{}}', TIMESTAMP '2026-11-23 09:12:00');
"""
_VERDICTS = f"""
    INSERT INTO verdicts
    SELECT '{RUN_ID}', dialogue_id, turn_index, NULL, criterion_id, 'scored',
        1 + hash(n, place, 7) % 5, 'It takes up what was said.', 'bench/judge', 0, ?, 1, ?, md5(n::TEXT), 0.8, 900, 40,
        0.0001, false
    FROM place, (SELECT unnest(ids) AS criterion_id, unnest(range(len(ids))) AS place FROM (SELECT ?::TEXT[] AS ids))
    ORDER BY n
"""
_REWARDS = f"""
    INSERT INTO rewards
    SELECT '{RUN_ID}', dialogue_id, turn_index, NULL, 1, hash(n, 8) % 2, hash(n, 9) % 100 / 100.0,
        (1 + hash(n, 8) % 2 + hash(n, 9) % 100 / 100.0) / 3, NULL, 'scored'
    FROM place;
    INSERT INTO run_inputs SELECT '{RUN_ID}', dialogue_id FROM dialogues
"""
