"""A judge beside people on the same turns, for one version of a rubric: what `rubrics.calibration` measures.

* Verdicts are those of scoring runs that asked the judge as training does, at temperature 0 and unweighted, by that
  very version; a panel is a judge of its own. Of a turn judged twice the newest verdict counts; one that failed is
  counted as failed and is no score.
* People's labels are what they marked by that version: in dialogues that they finished (flags), or scored.
* Gold goes before people: what was settled, or set as the reference, by that version.
"""

import json
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from db.agreement import FlagTable, flag_table
from db.rubric_records import Version
from db.store import Cursor, Store, rows_of
from pipeline.spans import read_spans
from rubrics.calibration.fault import fault_of
from rubrics.calibration.paired import Paired
from rubrics.overall import as_asked
from rubrics.schema import Criterion

_TURNS = 1 << 20  # more than any dialogue has
Keys = NDArray[np.int64]

_JUDGES = """
    SELECT judge, count(DISTINCT (dialogue_id, turn_index)) AS turns, max(r.created_at) AS newest
    FROM verdicts v JOIN runs r USING (run_id)
    WHERE r.stage = 'score' AND v.rubric_hash = ? AND judge <> 'rule'
        AND coalesce(TRY_CAST(json_extract_string(r.config, '$.temperature') AS DOUBLE), 0) = 0
        AND coalesce(TRY_CAST(json_extract_string(r.config, '$.weighted') AS BOOLEAN), false) = false
    GROUP BY judge ORDER BY newest DESC, judge
"""
_JUDGED = """
    SELECT d.ordinal, v.turn_index, v.criterion_id, v.outcome, v.score
    FROM verdicts v JOIN runs r USING (run_id) JOIN dialogues d USING (dialogue_id)
    WHERE r.stage = 'score' AND v.rubric_hash = ? AND v.judge = ?
        AND coalesce(TRY_CAST(json_extract_string(r.config, '$.temperature') AS DOUBLE), 0) = 0
        AND coalesce(TRY_CAST(json_extract_string(r.config, '$.weighted') AS BOOLEAN), false) = false
    QUALIFY row_number() OVER (PARTITION BY v.dialogue_id, v.turn_index, v.criterion_id
        ORDER BY r.created_at DESC, v.run_id DESC, v.sample_index, v.replicate) = 1
"""
_SCORED = """
    SELECT d.ordinal, s.turn_index, s.person_id AS rater, s.code, s.value
    FROM current_scores s JOIN dialogues d USING (dialogue_id) WHERE s.rubric_id = ? AND s.rubric_version = ?
"""
_GOLD = """
    SELECT d.ordinal, g.turn_index, g.code, max(g.value) AS value FROM (
        SELECT dialogue_id, turn_index, code, 1.0 AS value FROM current_flags
        WHERE is_gold AND rubric_id = $1 AND rubric_version = $2
        UNION ALL SELECT dialogue_id, turn_index, code, is_flagged::DOUBLE FROM current_decisions
        WHERE rubric_id = $1 AND rubric_version = $2
    ) g JOIN dialogues d USING (dialogue_id) GROUP BY ALL
"""
_GOLD_FINISHED = """
    SELECT d.ordinal, unnest(range(d.n_turns)) AS turn_index
    FROM current_finished f JOIN dialogues d USING (dialogue_id)
    WHERE f.is_gold AND f.rubric_id = ? AND f.rubric_version = ?
"""
_SAID = "SELECT ordinal, dialogue_id, messages FROM dialogues WHERE list_contains(?::BIGINT[], ordinal)"


class JudgeUsed(NamedTuple):
    """A judge that was asked by a rubric version: "<endpoint>/<model>", and about how many turns."""

    judge: str
    turns: int


class Gathered(NamedTuple):
    """Everything said by one judge, by people and by gold: a table each, rows by `key` (dialogue and turn)."""

    judged: pd.DataFrame
    people: dict[str, tuple[Keys, NDArray[np.float64]]]
    gold: dict[str, tuple[Keys, NDArray[np.float64]]]
    words: pd.DataFrame


def judges(store: Store, version: Version) -> list[JudgeUsed]:
    """The judges that scoring runs asked by this version, the one used last first."""
    return [JudgeUsed(row["judge"], row["turns"]) for row in store.rows(_JUDGES, [version.hash])]


def newest(store: Store, version: Version) -> tuple[int, int, str]:
    """Changes whenever the figures could: the newest mark, the newest decision, the newest verdict's run."""
    found = store.rows(
        """
        SELECT (SELECT coalesce(max(seq), 0) FROM audit_events) AS mark,
            (SELECT coalesce(max(seq), 0) FROM adjudication_events) AS decision,
            (SELECT count(*) || coalesce(max(run_id), '') FROM verdicts WHERE rubric_hash = ?) AS verdict
        """,
        [version.hash],
    )[0]
    return int(found["mark"]), int(found["decision"]), str(found["verdict"])


def pairs(store: Store, version: Version, judge: str) -> list[Paired]:
    """Judge and people on each criterion that a judge is asked, in the rubric's order."""
    found = gather(store, version, judge)
    return [_paired(criterion, version, found) for criterion in asked(version)]


def asked(version: Version) -> list[Criterion]:
    """The criteria that are put to a judge; rules are computed."""
    return [criterion for criterion in as_asked(version.rubric).criteria if criterion.kind != "rule"]


def paired_table(store: Store, version: Version, judge: str) -> pd.DataFrame:
    """A row a turn and criterion: dialogue_id, turn_index, criterion_id, judge's outcome and score, people's ratings
    (how many, lowest, highest), the truth and where it is from, words of the response. It names nobody.
    """
    found = gather(store, version, judge)
    frames = [_told(criterion, version, found) for criterion in asked(version)]
    return pd.concat(frames, ignore_index=True).sort_values(["dialogue_id", "turn_index"], kind="stable")


def gather(store: Store, version: Version, judge: str) -> Gathered:
    """What there is to compare."""
    of = [version.rubric_id, version.version]
    table = flag_table(store, version.rubric_id, version.version) if version.rubric.purpose == "flags" else None

    def work(cursor: Cursor) -> Gathered:
        judged = _keyed(cursor.execute(_JUDGED, [version.hash, judge]).df())
        people = _flags(version, table) if table else _scores(_keyed(cursor.execute(_SCORED, of).df()))
        gold = _gold(version, _keyed(cursor.execute(_GOLD, of).df()), _keyed(cursor.execute(_GOLD_FINISHED, of).df()))
        keys = np.concatenate([judged["key"].to_numpy(), *(one[0] for one in (*people.values(), *gold.values()))])
        ordinals = np.unique(keys // _TURNS).tolist()
        return Gathered(judged, people, gold, _keyed(_words(cursor, ordinals)))

    return store.read(work)


def _words(cursor: Cursor, ordinals: list[int]) -> pd.DataFrame:
    """How many words the response of each turn of these dialogues has."""
    rows = []
    for row in rows_of(cursor, _SAID, [ordinals]):
        answers = [one["content"] for one in json.loads(row["messages"]) if one["role"] == "assistant"]
        words = (len(read_spans(text).response.split()) for text in answers)
        rows += [(row["ordinal"], turn, row["dialogue_id"], count) for turn, count in enumerate(words)]
    return pd.DataFrame(rows, columns=["ordinal", "turn_index", "dialogue_id", "words"])


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    keys = frame["ordinal"].to_numpy(np.int64) * _TURNS + frame["turn_index"].to_numpy(np.int64)
    return frame.assign(key=keys)


def _flags(version: Version, table: FlagTable) -> dict[str, tuple[Keys, NDArray[np.float64]]]:
    turns = np.arange(int(table.n_turns.sum())) - np.repeat(table.first_turn, table.n_turns)
    keys = np.repeat(table.ordinals, table.n_turns) * _TURNS + turns
    return {one.id: (keys[table.rated(one.id)], table.ratings(one.id).values) for one in asked(version)}


def _scores(scored: pd.DataFrame) -> dict[str, tuple[Keys, NDArray[np.float64]]]:
    found = {}
    for code, own in scored.groupby("code"):
        wide = own.pivot(index="key", columns="rater", values="value")
        found[str(code)] = (wide.index.to_numpy(np.int64), wide.to_numpy(np.float64))
    return found


def _gold(version: Version, given: pd.DataFrame, finished: pd.DataFrame) -> dict[str, tuple[Keys, NDArray[np.float64]]]:
    """A turn that gold left, in a dialogue that it finished, is a real 0; elsewhere only what was settled is known."""
    if version.rubric.purpose != "flags":
        return {}
    clear = pd.Series(0.0, index=finished["key"].to_numpy(np.int64))
    found = {}
    for criterion in asked(version):
        own = given[given["code"] == criterion.id]
        known = own.set_index("key")["value"].combine_first(clear)
        found[criterion.id] = (known.index.to_numpy(np.int64), known.to_numpy(np.float64))
    return found


def _paired(criterion: Criterion, version: Version, found: Gathered) -> Paired:
    own, keys = _rows(criterion, found)
    words = found.words.set_index("key")["words"].reindex(keys)
    failed = Counter(own.loc[own["score"].isna(), "outcome"].astype(str))
    people_at, people = found.people.get(criterion.id, _nobody())
    gold_at, gold = found.gold.get(criterion.id, _nothing())
    return Paired(
        criterion.id,
        criterion.scale,
        fault_of(criterion, version.rubric.purpose),
        judge=_at(keys, own["key"].to_numpy(np.int64), own["score"].to_numpy(np.float64)),
        people=_at(keys, people_at, people),
        gold=_at(keys, gold_at, gold),
        clusters=np.unique(keys // _TURNS, return_inverse=True)[1].astype(np.int64),
        words=words.to_numpy(np.float64),
        failed=dict(failed),
    )


def _rows(criterion: Criterion, found: Gathered) -> tuple[pd.DataFrame, Keys]:
    """The criterion's verdicts, and every turn that anybody said something of."""
    own = found.judged[found.judged["criterion_id"] == criterion.id]
    said = (found.people.get(criterion.id, _nobody())[0], found.gold.get(criterion.id, _nothing())[0])
    return own, np.unique(np.concatenate([own["key"].to_numpy(np.int64), *said]))


def _at(keys: Keys, where: Keys, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values laid out by turn; NaN where there are none."""
    laid = np.full((len(keys), *values.shape[1:]), np.nan)
    laid[np.searchsorted(keys, where)] = values
    return laid


def _told(criterion: Criterion, version: Version, found: Gathered) -> pd.DataFrame:
    paired = _paired(criterion, version, found)
    own, keys = _rows(criterion, found)
    named = found.words.set_index("key").reindex(keys)
    rated = pd.DataFrame(paired.people)
    has_gold = np.isfinite(paired.gold)
    return pd.DataFrame(
        {
            "dialogue_id": named["dialogue_id"].to_numpy(),
            "turn_index": keys % _TURNS,
            "criterion_id": criterion.id,
            "outcome": own.set_index("key")["outcome"].reindex(keys).fillna("not judged").to_numpy(),
            "judge": paired.judge,
            "label": paired.truth,
            "label_from": np.where(has_gold, "gold", np.where(np.isfinite(paired.truth), "people", "")),
            "raters": rated.notna().sum(axis=1).to_numpy(),
            "lowest": rated.min(axis=1).to_numpy(),
            "highest": rated.max(axis=1).to_numpy(),
            "words": paired.words,
        }
    )


def labelled(store: Store, version: Version) -> list[str]:
    """Ids of dialogues that people or gold labelled by this version, in order of arrival."""
    sql = f"""
        SELECT DISTINCT d.ordinal, d.dialogue_id FROM ({_LABELLED}) m JOIN dialogues d USING (dialogue_id)
        WHERE m.rubric_id = ? AND m.rubric_version = ? ORDER BY d.ordinal
    """
    return [row["dialogue_id"] for row in store.rows(sql, [version.rubric_id, version.version])]


def known_versions(store: Store) -> list[tuple[str, int]]:
    """Rubric versions, gates aside, that people labelled by, that a judge was asked by in scoring runs, or that models
    are trained by.
    """
    sql = f"""
        SELECT DISTINCT v.rubric_id, v.version FROM rubric_versions v WHERE v.purpose <> 'gate' AND (
            (v.rubric_id, v.version) IN (SELECT (rubric_id, rubric_version) FROM ({_LABELLED}))
            OR v.hash IN (SELECT d.rubric_hash FROM verdicts d JOIN runs r USING (run_id) WHERE r.stage = 'score')
            OR (v.purpose = 'score' AND (v.rubric_id, v.version) IN (
                SELECT (rubric_id, version) FROM rubric_version_states WHERE state = 'approved'))
        ) ORDER BY v.rubric_id, v.version
    """
    return [(row["rubric_id"], int(row["version"])) for row in store.rows(sql)]


_LABELLED = """
    SELECT dialogue_id, rubric_id, rubric_version FROM current_finished
    UNION ALL SELECT dialogue_id, rubric_id, rubric_version FROM current_scores
    UNION ALL SELECT dialogue_id, rubric_id, rubric_version FROM current_decisions
"""


def _nobody() -> tuple[Keys, NDArray[np.float64]]:
    return np.zeros(0, dtype=np.int64), np.zeros((0, 0))


def _nothing() -> tuple[Keys, NDArray[np.float64]]:
    return np.zeros(0, dtype=np.int64), np.zeros(0)
