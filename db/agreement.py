"""Ratings from audits, as tables of turns × raters: what `rubrics.reliability` measures agreement on.

* A turn without a flag, in a dialogue that a person finished by one of the versions asked for, is a real 0. Dialogues
  that they did not finish are missing, whatever they flagged there; so is a criterion that their version has not.
* A score counts as soon as it is given; nobody's silence is a score.
* Gold is no rater, and neither is an incident. A judge is one only when asked for, and its name says that it is none
  of the people.
* Marks count as they stand now: somebody who finished again by a newer version counts there.

Everything goes through SQL into arrays: 20 people × 178,080 turns are 3.6 million ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from db.store import Cursor, Store, rows_of
from rubrics.reliability import Ratings

Level = Literal["flag", "severity"]
Versions = int | Sequence[int]

# Instead of a code: whether a turn carries any flag of the rubric (or the severest of them).
ANY = ""
# Before a judge's name among the raters.
MACHINE = "judge: "
_TURNS = 1 << 20  # more than any dialogue has

_FINISHED = """
    SELECT d.ordinal, d.n_turns, f.person_id, f.rubric_version
    FROM current_finished f JOIN dialogues d USING (dialogue_id)
    WHERE f.rubric_id = ? AND NOT f.is_gold AND list_contains(?::INT[], f.rubric_version)
        AND (? IS NULL OR list_contains(?::TEXT[], f.person_id))
"""
_FLAGGED = """
    SELECT d.ordinal, f.turn_index, p.rater, f.code,
        CASE f.severity WHEN 'red' THEN 2.0 WHEN 'yellow' THEN 1.0 ELSE 0.0 END AS severity
    FROM current_flags f JOIN dialogues d USING (dialogue_id)
    JOIN (SELECT unnest(?::TEXT[]) AS person_id, generate_subscripts(?::TEXT[], 1) - 1 AS rater) p USING (person_id)
    WHERE f.rubric_id = ? AND NOT f.is_gold
"""
_ASKED = """
    SELECT version, unnest(json_extract_string(body, '$.criteria[*].id')) AS code FROM rubric_versions
    WHERE rubric_id = ?
"""
_SCORED = """
    SELECT d.ordinal, s.turn_index, s.person_id AS rater, s.value, s.rubric_version
    FROM current_scores s JOIN dialogues d USING (dialogue_id)
    WHERE s.rubric_id = ? AND s.code = ? AND list_contains(?::INT[], s.rubric_version)
        AND (? IS NULL OR list_contains(?::TEXT[], s.person_id))
"""
# What a judge said of a turn last; a call that failed is no verdict and never a score.
_JUDGED = """
    SELECT d.ordinal, v.turn_index, v.judge AS rater, v.score AS value, v.rubric_version
    FROM verdicts v JOIN runs r USING (run_id) JOIN dialogues d USING (dialogue_id)
    WHERE r.stage = 'score' AND v.rubric_id = ? AND v.criterion_id = ? AND list_contains(?::INT[], v.rubric_version)
        AND v.score IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY v.dialogue_id, v.turn_index, v.judge
        ORDER BY r.created_at DESC, v.run_id DESC, v.sample_index, v.replicate) = 1
"""


@dataclass(frozen=True)
class FlagTable:
    """Who finished what by which version, and every flag in it: read once, then asked code by code.

    `by_version`: dialogues × raters, the version that somebody finished a dialogue by, 0 where they did not.
    `first_turn`: the row of each dialogue's first turn; `flags`: row, rater, code, severity (0 none, 1 yellow, 2 red).
    """

    raters: tuple[str, ...]
    ordinals: NDArray[np.int64]
    n_turns: NDArray[np.int64]
    by_version: NDArray[np.int64]
    flags: pd.DataFrame
    asked: dict[str, frozenset[int]]

    @property
    def first_turn(self) -> NDArray[np.int64]:
        """The row of each dialogue's first turn."""
        return np.cumsum(self.n_turns) - self.n_turns

    def asked_of(self, code: str) -> NDArray[np.bool_]:
        """Who was asked about that code where (dialogues × raters): they finished by a version that has it."""
        if code == ANY:
            return self.by_version > 0
        return np.isin(self.by_version, list(self.asked.get(code, ())))

    def rated(self, code: str) -> NDArray[np.bool_]:
        """Of all turns, those that `ratings` has: somebody was asked about that code there."""
        return np.repeat(self.asked_of(code).any(axis=1), self.n_turns)

    def ratings(self, code: str = ANY, level: Level = "flag") -> Ratings:
        """One code (ANY: all of them together): 0 and 1, or by severity 0 (no flag, or none), 1 yellow, 2 red.

        Turns that nobody was asked about are no rows.
        """
        asked, rated = self.asked_of(code), self.rated(code)
        dialogues = np.repeat(np.arange(len(self.n_turns)), self.n_turns)
        values = np.where(asked, 0.0, np.nan)[dialogues]
        own = self.flags if code == ANY else self.flags[self.flags["code"] == code]
        given = np.ones(len(own)) if level == "flag" else own["severity"].to_numpy()
        np.maximum.at(values, (own["row"].to_numpy(), own["rater"].to_numpy()), given)
        clusters = np.unique(dialogues[rated], return_inverse=True)[1].astype(np.int64)
        versions = np.unique(self.by_version[asked])
        return Ratings(values[rated], clusters, self.raters, tuple(map(int, versions)))

    def rows_of(self, ordinals: NDArray[np.int64], turns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of these turns; −1 for those of dialogues that nobody finished, or that have no such turn."""
        if not len(self.ordinals):
            return np.full(len(ordinals), -1)
        places = np.searchsorted(self.ordinals, ordinals).clip(0, len(self.ordinals) - 1)
        inside = (self.ordinals[places] == ordinals) & (turns < self.n_turns[places])
        return np.where(inside, self.first_turn[places] + turns, -1)


_NONE = np.zeros(0, dtype=np.int64)


def flag_table(store: Store, rubric_id: str, versions: Versions, people: Sequence[str] | None = None) -> FlagTable:
    """What people (None: everybody) flagged in dialogues that they finished by these versions of the rubric."""
    return store.read(lambda cursor: _flag_table(cursor, rubric_id, _many(versions), _ids(people)))


def flag_ratings(
    store: Store,
    rubric_id: str,
    versions: Versions,
    code: str = ANY,
    level: Level = "flag",
    people: Sequence[str] | None = None,
) -> Ratings:
    """One code as turns × people; see `FlagTable.ratings`. An unflagged turn of a finished dialogue is a real 0."""
    return flag_table(store, rubric_id, versions, people).ratings(code, level)


def score_ratings(
    store: Store,
    rubric_id: str,
    versions: Versions,
    criterion_id: str,
    people: Sequence[str] | None = None,
    judges: bool = False,
) -> Ratings:
    """Scores of one criterion as turns × people; with `judges` each judge is one more rater of the same turns."""
    asked = [rubric_id, criterion_id, _many(versions)]
    ids = _ids(people)

    def work(cursor: Cursor) -> tuple[pd.DataFrame, pd.DataFrame]:
        judged = _judged(cursor, asked) if judges else pd.DataFrame()
        return cursor.execute(_SCORED, [*asked, ids, ids]).df(), judged

    return _table(*store.read(work))


def people_and_judges(store: Store, table: FlagTable, rubric_id: str, versions: Versions, code: str) -> Ratings:
    """As `table.ratings(code)`, each judge of that code being one more rater (named "judge: …") of the same turns."""
    judged = store.read(lambda cursor: _judged(cursor, [rubric_id, code, _many(versions)]))
    kept = table.rated(code)
    own = table.ratings(code)
    names, columns = np.unique(judged["rater"].to_numpy(dtype=str), return_inverse=True)
    rows = table.rows_of(judged["ordinal"].to_numpy(), judged["turn_index"].to_numpy())
    extra = np.full((len(kept), len(names)), np.nan)
    inside = rows >= 0
    extra[rows[inside], columns[inside]] = judged["value"].to_numpy()[inside]
    return Ratings(np.hstack([own.values, extra[kept]]), own.clusters, (*own.raters, *names.tolist()), own.versions)


def worked(store: Store) -> pd.DataFrame:
    """Who worked by which rubric: rubric_id, rubric_version, person_id, dialogues (finished, or with a score)."""
    return store.frame("""
        SELECT rubric_id, rubric_version, person_id, count(DISTINCT dialogue_id) AS dialogues FROM (
            SELECT rubric_id, rubric_version, person_id, dialogue_id FROM current_finished WHERE NOT is_gold
            UNION ALL SELECT rubric_id, rubric_version, person_id, dialogue_id FROM current_scores
        ) GROUP BY ALL ORDER BY ALL
    """)


def newest_mark(store: Store) -> int:
    """The number of the newest mark anybody made: figures computed at the same number are the same."""
    return int(store.rows("SELECT coalesce(max(seq), 0) AS seq FROM audit_events")[0]["seq"])


def _flag_table(cursor: Cursor, rubric_id: str, versions: list[int], people: list[str] | None) -> FlagTable:
    done = cursor.execute(_FINISHED, [rubric_id, versions, people, people]).df()
    places, names = pd.factorize(done["person_id"], sort=True)
    ordinals, first, rows = np.unique(done["ordinal"].to_numpy(np.int64), return_index=True, return_inverse=True)
    by_version = np.zeros((len(ordinals), len(names)), dtype=np.int64)
    by_version[rows, places] = done["rubric_version"].to_numpy()
    raters = [str(name) for name in names]
    flags = cursor.execute(_FLAGGED, [raters, raters, rubric_id]).df()
    asked: dict[str, set[int]] = {}
    for row in rows_of(cursor, _ASKED, [rubric_id]):
        asked.setdefault(row["code"], set()).add(row["version"])
    frozen = {code: frozenset(known) for code, known in asked.items()}
    n_turns = done["n_turns"].to_numpy(np.int64)[first]
    table = FlagTable(tuple(raters), ordinals, n_turns, by_version, flags, frozen)
    flags["row"] = table.rows_of(flags["ordinal"].to_numpy(), flags["turn_index"].to_numpy())
    return FlagTable(tuple(raters), ordinals, n_turns, by_version, _counted(flags, table), frozen)


def _counted(flags: pd.DataFrame, table: FlagTable) -> pd.DataFrame:
    """Only flags of dialogues that their own person finished, of criteria that the version finished by has."""
    flags = flags[flags["row"] >= 0]
    places = np.searchsorted(table.ordinals, flags["ordinal"].to_numpy())
    versions = table.by_version[places, flags["rater"].to_numpy()] if len(flags) else _NONE
    asked = np.zeros(len(flags), dtype=bool)
    for code, known in table.asked.items():
        asked |= (flags["code"] == code).to_numpy() & np.isin(versions, list(known))
    return flags[asked & (versions > 0)]


def _judged(cursor: Cursor, asked: Sequence[object]) -> pd.DataFrame:
    judged = cursor.execute(_JUDGED, list(asked)).df()
    return judged.assign(rater=MACHINE + judged["rater"].astype(str))


def _table(people: pd.DataFrame, judged: pd.DataFrame) -> Ratings:
    keys = people["ordinal"].to_numpy(np.int64) * _TURNS + people["turn_index"].to_numpy(np.int64)
    units = np.unique(keys)
    frames = [people] if judged.empty else [people, _among(judged, units)]
    names = [name for frame in frames for name in sorted(frame["rater"].astype(str).unique())]
    values = np.full((len(units), len(names)), np.nan)
    for frame in frames:
        rows = np.searchsorted(units, frame["ordinal"].to_numpy(np.int64) * _TURNS + frame["turn_index"].to_numpy())
        values[rows, pd.Index(names).get_indexer(frame["rater"].astype(str))] = frame["value"].to_numpy()
    clusters = np.unique(units // _TURNS, return_inverse=True)[1].astype(np.int64)
    return Ratings(values, clusters, tuple(names), tuple(sorted(map(int, people["rubric_version"].unique()))))


def _among(judged: pd.DataFrame, units: NDArray[np.int64]) -> pd.DataFrame:
    """Verdicts on turns that people scored as well."""
    keys = judged["ordinal"].to_numpy(np.int64) * _TURNS + judged["turn_index"].to_numpy(np.int64)
    return judged[np.isin(keys, units)]


def _many(versions: Versions) -> list[int]:
    return [versions] if isinstance(versions, int) else [int(one) for one in versions]


def _ids(people: Sequence[str] | None) -> list[str] | None:
    return None if people is None else list(people)
