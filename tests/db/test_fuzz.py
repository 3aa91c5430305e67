"""A short walk through what bench/trust.py does 20,000 times: files that nobody should have made."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bench.trust_fuzz import JSON, LAUGHS, fuzzed, spoilt
from db.check import check
from db.others import import_ratings
from db.people import SYSTEM
from db.store import Store, table_rows
from rubrics.errors import UserError
from rubrics.exchange import read


def test_dirt_arrives_whole_or_leaves_nothing_and_one_line(tmp_path: Path) -> None:
    found = fuzzed(tmp_path, 150)
    assert found["fuzz_files"] >= 140
    assert found["fuzz_whole"] > 5, "some of it must be good, or nothing is tried"
    assert {name: found[f"fuzz_{name}"] for name in ("tracebacks", "partial", "told", "faults")} == {
        "tracebacks": 0,
        "partial": 0,
        "told": 0,
        "faults": 0,
    }


def test_a_billion_laughs_are_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "laughs.yaml"
    file.write_bytes(LAUGHS + b"id: x\ntitle: t\ncriteria: *m\n")
    with pytest.raises(UserError):
        read(file)


class Source(NamedTuple):
    """A small whole file of a source, and the one that lies beside it, if any."""

    source: str
    name: str
    data: bytes
    beside: str = ""
    texts: bytes = b""


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


ITEMS = lines(
    {"item_id": 1, "context": "USER: Hi\nLAMDA: Oh", "response": "Hello"},
    {"item_id": 2, "context": "", "response": "x"},
)
SAID = [{"speaker": "Human", "message": "I am sad."}, {"speaker": "AI", "message": "Why?"}]
DUO = {"dialogue_id": 1, "emotion": "sad", "dialogue": SAID, "subjective_evaluation": {"empathy": 4},
       "objective_evaluation": {"empathy_scores": [3, None, "5"]}}  # fmt: skip
POSTS = (
    b"sp_id,seeker_post,response_post,level_emotional_reactions,rationales_emotional_reactions\n"
    b"1,It hurts.,I see.,2,I see\n"
)
CONTEXTS = lines({"conv_id": 1, "context": "It hurts."}, {"conv_id": 2, "context": ""})
JUDGED = b'conv_id,response_model,raw_output\n1,m,"{""Empathy"": 3, ""Overall"": 4}"\n2,m,"```json\n{}\n```"\n'
SOURCES = [
    Source("dices", "r.csv", b"item_id,rater,q_overall\n1,r1,No\n1,r2,Yes\n2,r1,Unsure\n", "items.jsonl.gz", ITEMS),
    Source("empathy-experts", "conversations_epitome.csv", POSTS),
    Source("empathy-experts", "expert1_ratings.csv", b"id,m_understood,m_validating\n1,3,4\n2,,9\n"),
    Source("mentalalign", "judge_raw_m.csv", JUDGED, "contexts.jsonl.gz", CONTEXTS),
    Source(
        "mentalalign",
        "human_ratings.csv",
        b"conv_id,response_model,Empathy\n1,m,3\n2,m,\n",
        "contexts.jsonl.gz",
        CONTEXTS,
    ),
    Source("duo", "duo.jsonl", lines(DUO, {**DUO, "dialogue_id": 2, "dialogue": SAID[:1]})),
]


@pytest.mark.parametrize("told", SOURCES, ids=[f"{one.source} {one.name}" for one in SOURCES])
def test_ratings_that_are_spoilt_come_in_whole_or_leave_nothing_and_one_line(tmp_path: Path, told: Source) -> None:
    """A file, and the texts beside it, with bytes changed, or another file altogether; the whole one once first."""
    anything = st.one_of(
        JSON.map(lambda one: lines(one)), st.binary(max_size=80), st.just(b'{"a":' * 5000), st.just(b"")
    )
    found = Counter[str]()
    with closing(Store.open(tmp_path / "home")) as store:

        def look(data: bytes, texts: bytes) -> None:
            found[_brought_in(store, tmp_path, told, data, texts)] += 1

        look(told.data, told.texts)
        assert found == {"whole": 1}
        _each(st.tuples(spoilt(told.data) | anything, st.just(told.texts)), look)
        _each(st.tuples(st.just(told.data), spoilt(told.texts or b"{}") | anything), look)
        assert check(store) == []
    assert set(found) == {"whole", "refused"}


def _each(strategy: st.SearchStrategy[tuple[bytes, bytes]], look: Callable[[bytes, bytes], None]) -> None:
    quiet = settings(max_examples=40, database=None, deadline=None, phases=[Phase.generate],
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    seed(20)(quiet(given(strategy)(lambda both: look(*both))))()


def _brought_in(store: Store, folder: Path, told: Source, data: bytes, texts: bytes) -> str:
    """Either "whole", or "refused" when it left nothing but one line."""
    (folder / told.name).write_bytes(data)
    if told.beside:
        (folder / told.beside).write_bytes(gzip.compress(texts))
    before, said = store.read(table_rows), ""
    try:
        report = import_ratings(store, SYSTEM, folder / told.name, told.source)
    except UserError as error:
        said = str(error)
    now = store.read(table_rows)
    if said:
        assert "\n" not in said
        assert now == before
        return "refused"
    assert now["dialogues"] - before["dialogues"] == report.dialogues_new
    assert now["audit_events"] - before["audit_events"] == report.ratings_new
    return "whole"
