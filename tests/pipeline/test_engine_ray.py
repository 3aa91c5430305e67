"""The same dialogues on Ray: the same bytes as in one process, and a node that dies takes none with it."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.mock_roles import serving
from pipeline import jobs
from pipeline.attempts import read_lines
from pipeline.commands.stages import execute_here
from pipeline.endpoints import EMBEDDED
from pipeline.regenerate import check_reachable
from pipeline.rundir import RunDir
from rubrics.errors import UserError
from rubrics.load import load_rubric
from tests.pipeline.regenerate_runs import ALL_LOOPBACK
from tests.pipeline.test_regenerate_killed import GATE, queued, seeds

ray: Any = pytest.importorskip("ray", reason="ray is not installed: pip install -r requirements-ray.txt")
pytestmark = pytest.mark.slow


def submitted(home: Path, folder: Path, count: int, **config: Any) -> RunDir:
    return jobs.submit(
        home,
        "regenerate",
        {**ALL_LOOPBACK, "max_exchanges": 3, **config},
        inputs=seeds(count, 10),
        rubric=load_rubric(GATE),
        reference=None,
        requested_by="me",
        seed=3,
        path=folder / "the-run",
    )


def test_two_nodes_of_which_one_dies_write_what_one_process_writes(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    home = tmp_path / "home"
    with serving(latency_s=0.05) as mock:
        queued(home, mock, 1)
        here = submitted(home, tmp_path / "here", 60)
        assert execute_here(here, home) == 0
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        second = cluster.add_node(num_cpus=1)
        try:
            run = submitted(home, tmp_path / "there", 60, engine="ray", actors=2)
            killer = threading.Thread(target=kill_when_busy, args=[cluster, second, run])
            killer.start()
            process = execute_with(run, home, cluster.address)
            killer.join()
            assert process == 0, run.status().message
        finally:
            ray.shutdown()
            cluster.shutdown()
    mine, theirs = ((one.path / "outputs/dialogues.jsonl").read_bytes() for one in (run, here))
    assert mine == theirs
    ends = Counter(line["dialogue_id"] for line in written(run) if line["kind"] == "end")
    assert set(ends.values()) == {1}, "none twice"
    drafts = Counter(
        (one["dialogue_id"], one["exchange"], one["revision"]) for one in written(run) if one["kind"] == "answer"
    )
    assert set(drafts.values()) == {1}


def written(run: RunDir) -> list[dict[str, Any]]:
    return list(read_lines(run.path / "outputs" / "attempts.jsonl"))


def kill_when_busy(cluster: Any, node: Any, run: RunDir) -> None:
    """End the second node once some dialogues have ended and others are under way."""
    deadline = time.monotonic() + 180
    while run.status().done < 10 and time.monotonic() < deadline:
        time.sleep(0.05)
    cluster.remove_node(node, allow_graceful=False)


def execute_with(run: RunDir, home: Path, address: str) -> int:
    """In a process of its own, that joins the cluster by its address."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    command = [sys.executable, "-m", "pipeline", "regenerate", "--run-dir", str(run.path), "--home", str(home)]
    return subprocess.run(command, env={**os.environ, "RAY_ADDRESS": address}, timeout=400).returncode


def test_an_endpoint_of_this_machine_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="serves this machine alone"):
        check_reachable({"embedded": EMBEDDED})
