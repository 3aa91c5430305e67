"""Files of dialogues and rubrics that nobody should have made: each arrives whole, or leaves nothing and one line.

Half of them are made up (any JSON, odd bytes, absurd numbers, depths and lengths), half are real ones spoilt: bytes
taken out, doubled and changed, cut short, zipped badly. What a dialogue says must be in no message either.
"""

import gzip
import json
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from db import demo, exchange
from db.check import check
from db.people import SYSTEM
from db.store import Store
from rubrics.errors import UserError
from rubrics.exchange import read
from rubrics.load import LIBRARY

SAID = "PlantedSentenceOfSomebodysPain"
_TABLES = ("dialogues", "turns", "imports", "import_problems", "history")

TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from([SAID, "=1+1", "\x00", "\ud800", "<|response_begin|>", "🙂" * 9])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
ROLES = st.one_of(st.sampled_from(["user", "assistant", "system"]), JSON)
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES, "content": st.one_of(TEXTS, JSON)}), max_size=4)
RECORDS = st.fixed_dictionaries(
    {"messages": st.one_of(MESSAGES, JSON)},
    optional={
        name: st.one_of(TEXTS, JSON)
        for name in ("dialogue_id", "persona_id", "persona", "person", "mbti", "emotion", "situation", "conv", "dialog")
    },
)
LINES = st.one_of(
    RECORDS.map(lambda told: json.dumps(told, ensure_ascii=True).encode()),
    JSON.map(lambda told: json.dumps(told).encode()),
    st.binary(max_size=60),
    st.sampled_from([b"[" * 5000, b'{"a":' * 3000, b"1" * 5000, b"\xef\xbb\xbf{}", b"", b"\xff\xfe{\x00}\x00", b"NaN"]),
)


def _demo_lines() -> bytes:
    return (demo.FOLDER / "dialogues.jsonl").read_bytes()[:9000]


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Real bytes with a few of them cut out, doubled, changed, or the end missing."""
    told = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(told) - 1)))
        end = min(len(told), at + draw(st.integers(1, 200)))
        how = draw(st.sampled_from(["cut", "double", "change", "end", "insert"]))
        if how == "cut":
            del told[at:end]
        elif how == "double":
            told[at:at] = told[at:end]
        elif how == "change":
            told[at : at + 1] = draw(st.binary(min_size=1, max_size=3))
        elif how == "end":
            del told[at:]
        else:
            told[at:at] = draw(st.sampled_from([b"\n", b"\x00", b"{", b'"', b"\xc3\x28", b"\\ud800", b"- ", b"&a *a"]))
    return bytes(told)


def zipped_badly(data: bytes) -> bytes:
    """A gzip file that ends too soon."""
    packed = gzip.compress(data)
    return packed[: max(3, len(packed) * 2 // 3)]


FILES = st.one_of(
    st.lists(LINES, max_size=6).map(b"\n".join),
    spoilt(_demo_lines()),
    st.lists(LINES, max_size=3).map(b"\n".join).map(gzip.compress),
    st.lists(LINES, max_size=3).map(b"\n".join).map(zipped_badly),
)
LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (n, n, *([n - 1] * 8)) for n in range(98, 110)
)
RUBRICS = st.one_of(
    *(spoilt(path.read_bytes()) for path in sorted(LIBRARY.glob("*.yaml"))),
    JSON.map(lambda told: json.dumps(told).encode()),
    st.binary(max_size=200),
    st.sampled_from(
        [LAUGHS, LAUGHS + b"id: x\ntitle: t\ncriteria: *m\n", b"!!python/object/apply:os.system ['true']\n"]
    ),
)


def fuzzed(folder: Path, files: int) -> dict[str, Any]:
    """Bring in so many files, two of three of dialogues: how many left a traceback or a part, or said too much."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Counter[str]()
    with closing(Store.open(folder / "home")) as store:
        _each(FILES, files * 2 // 3, lambda data: _bring_in(store, folder, data, found))
        found["faults"] = len(check(store))
    _each(RUBRICS, files - files * 2 // 3, lambda data: _read_rubric(folder, data, found))
    names = ("tracebacks", "partial", "told", "faults", "files", "whole", "refused")
    return {f"fuzz_{name}": found[name] for name in names}


def _each(strategy: st.SearchStrategy[bytes], many: int, look: Callable[[bytes], None]) -> None:
    quiet = settings(max_examples=many, database=None, deadline=None, phases=[Phase.generate],
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    seed(20)(quiet(given(strategy)(look)))()


def _bring_in(store: Store, folder: Path, data: bytes, found: Counter[str]) -> None:
    path = folder / ("dirt.jsonl.gz" if data[:2] == b"\x1f\x8b" else "dirt.jsonl")
    path.write_bytes(data)
    found["files"] += 1
    before = _counts(store)
    said = ""
    try:
        report = exchange.import_file(store, SYSTEM, path)
        said = " ".join(one.reason for one in report.problems)
        found["whole"] += 1
        found["partial"] += _counts(store)["dialogues"] - before["dialogues"] != report.dialogues_new
    except UserError as error:
        said = str(error)
        found["refused"] += 1
        found["partial"] += _counts(store) != before
    except Exception:
        _traceback(found, data)
    found["told"] += SAID in said or "\n" in said


def _read_rubric(folder: Path, data: bytes, found: Counter[str]) -> None:
    path = folder / "dirt.yaml"
    path.write_bytes(data)
    found["files"] += 1
    try:
        read(path)
        found["whole"] += 1
    except UserError as error:
        found["refused"] += 1
        found["told"] += "\n" in str(error)
    except Exception:
        _traceback(found, data)


def _traceback(found: Counter[str], data: bytes) -> None:
    found["tracebacks"] += 1
    if found["tracebacks"] <= 3:
        print(f"{data[:300]!r}\n{traceback.format_exc()[-1500:]}", flush=True)


def _counts(store: Store) -> dict[str, int]:
    counts = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in _TABLES)
    return {name: int(value) for name, value in store.rows(f"SELECT {counts}")[0].items()}
