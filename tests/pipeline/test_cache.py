"""The cache of paid answers: kept at once, shared by processes, never lost with one."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.cache import Known, VerdictCache
from rubrics.errors import UserError


def known(reason: str) -> Known:
    return Known(4.0, reason, "stated", "a1b2", 100, 20, 0.003, 1.5)


def test_what_was_put_comes_back_also_later(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "new" / "verdicts.sqlite")
    cache.put_many({b"a": known("one"), b"b": known("zwei – 你好\n")})
    cache.close()
    again = VerdictCache(tmp_path / "new" / "verdicts.sqlite")
    assert again.get_many([b"a", b"b", b"c"]) == {b"a": known("one"), b"b": known("zwei – 你好\n")}


def test_a_later_reply_replaces_an_earlier_one(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "verdicts.sqlite")
    cache.put_many({b"a": known("one")})
    cache.put_many({b"a": known("two")})
    assert cache.get_many([b"a"])[b"a"].reason == "two"


def test_more_keys_than_one_statement_takes(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "verdicts.sqlite")
    many = {str(n).encode(): known(str(n)) for n in range(1234)}
    cache.put_many(many)
    assert cache.get_many(list(many)) == many


def test_all_or_none_is_kept(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "verdicts.sqlite")
    with pytest.raises(UserError):
        cache.put_many({b"a": known("one"), b"b": known("two")._replace(reason=None)})  # type: ignore[arg-type]
    assert cache.get_many([b"a", b"b"]) == {}
    cache.put_many({b"a": known("one")})
    assert cache.get_many([b"a"])


def put_some(path: Path, name: str) -> None:
    cache = VerdictCache(path)
    for n in range(100):
        cache.put_many({f"{name}{n}".encode(): known(f"{name}{n}")})


def test_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.sqlite"
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=put_some, args=(path, name)) for name in "ab"]
    for other in others:
        other.start()
    shared = VerdictCache(path)
    threads = [
        threading.Thread(target=lambda n=n: shared.put_many({f"t{n}".encode(): known(f"t{n}")})) for n in range(50)
    ]
    for thread in threads:
        thread.start()
    for one in [*threads, *others]:
        one.join()
    keys = [f"{name}{n}".encode() for name in "ab" for n in range(100)] + [f"t{n}".encode() for n in range(50)]
    assert {key: found.reason.encode() for key, found in shared.get_many(keys).items()} == {key: key for key in keys}


KILLED = """
import sys
from pathlib import Path
from pipeline.cache import Known, VerdictCache
cache = VerdictCache(Path(sys.argv[1]))
n = 0
while True:
    cache.put_many({str(n).encode(): Known(1.0, "x", "stated", "h", 1, 1, 0.0, 0.0)})
    print(n, flush=True)
    n += 1
"""


def test_nothing_that_was_acknowledged_goes_with_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.sqlite"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(50)]
    os.kill(child.pid, signal.SIGKILL)
    acknowledged += child.stdout.read().split()
    child.wait()
    child.stdout.close()
    assert set(VerdictCache(path).get_many([n.encode() for n in acknowledged])) == {n.encode() for n in acknowledged}


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "verdicts.sqlite").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(UserError, match=r"verdicts\.sqlite: .*move the file away"):
        VerdictCache(tmp_path / "verdicts.sqlite")


def test_a_full_disk_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path / "verdicts.sqlite")
    cache.put_many({b"a": known("one")})
    pages = cache._db.execute("PRAGMA page_count").fetchone()[0]
    cache._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError, match=r"full.*free some space"):
        cache.put_many({str(n).encode(): known("x" * 4000) for n in range(100)})
    assert cache.get_many([b"a"]) == {b"a": known("one")}
    assert sqlite3.connect(tmp_path / "verdicts.sqlite").execute("PRAGMA integrity_check").fetchone() == ("ok",)
