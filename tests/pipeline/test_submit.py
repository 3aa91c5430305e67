"""A queued training on another machine: by ssh, Slurm and Ray Jobs, with stand-ins for these on the PATH."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file

from pipeline.__main__ import main
from pipeline.commands import submit
from pipeline.rundir import RunDir
from tests.pipeline.regenerate_runs import until
from tests.pipeline.training_runs import dialogues

# What a stand-in for each does with its arguments: it does what the real one would do, here.
STAND_INS = {
    "ssh": 'echo "$@" > "$LOG"; shift; exec sh -c "$*"',
    "sbatch": 'echo "$@" > "$LOG"; for one; do case "$one" in --wrap=*) exec sh -c "${one#--wrap=}";; esac; done',
    "ray": 'echo "$@" > "$LOG"; while [ "$1" != "--" ]; do shift; done; shift; exec "$@"',
}


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "said"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def queued(folder: Path) -> RunDir:
    rows = [{**row, "messages": json.loads(row["messages"])} for row in dialogues(4).to_dict("records")]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["sft", "--home", str(folder), "--out", str(folder / "out"), "--inputs", str(folder / "in.jsonl")]
    assert main([*words, "--model", "tiny", "--max-steps", "2", "--queue"]) == 0
    run = RunDir.open(folder / "out")
    assert run.status().state == "queued"
    return run


@pytest.mark.slow
@pytest.mark.parametrize("via", ["ssh", "slurm", "ray"])
def test_one_command_takes_a_queued_run_there(via: str, stand_ins: Path) -> None:
    run = queued(stand_ins)
    words = [
        "submit",
        str(run.path),
        "--home",
        str(stand_ins),
        "--via",
        via,
        "--host",
        "gpu1",
        "--python",
        sys.executable,
    ]
    assert main(words) == 0
    until(lambda: run.status().state == "done", within=120)
    assert (run.path / "model" / "model.safetensors").is_file()


def line_of(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    run = queued(folder)
    capsys.readouterr()
    assert main(["submit", str(run.path), "--home", str(folder), "--dry", *words]) == 0
    return shlex.split(capsys.readouterr().out)


def test_several_machines_are_told_apart_by_slurm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(tmp_path, capsys, "--via", "slurm", "--nodes", "2", "--gpus", "4", "--sharding", "fsdp2")
    assert {"--nodes=2", "--ntasks-per-node=1", "--gres=gpu:4"} <= set(line)
    wrapped = line[-1].removeprefix("--wrap=")
    assert subprocess.run(["bash", "-n", "-c", wrapped], check=False).returncode == 0
    assert wrapped.startswith("export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=110; "), "before srun, which hands it on"
    for part in ("--num_processes 8", "--num_machines 2", "fsdp2.yaml", '--machine_rank "$SLURM_NODEID"', "$FIRST"):
        assert part in wrapped
    assert wrapped.index("--machine_rank") < wrapped.index("-m pipeline sft"), (
        "before the module, or it is ours to read"
    )


def test_without_gpus_torchrun_joins_the_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(tmp_path, capsys, "--via", "slurm", "--nodes", "2", "--gpus", "0")
    assert not [word for word in line if "gres" in word]
    assert "--signal=TERM@120" in line, "each node's own process is told to stop, not the shell before it"
    wrapped = line[-1].removeprefix("--wrap=")
    for part in ("torch.distributed.run --nnodes 2", '--node-rank "$SLURM_NODEID"', '--master-addr "$FIRST"'):
        assert part in wrapped


@pytest.mark.parametrize("gpus", ["0", "1"])
def test_one_process_is_started_as_it_is(gpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(tmp_path, capsys, "--via", "slurm", "--gpus", gpus)
    assert line[-1].startswith("--wrap=exec python -m pipeline sft ")
    assert "--signal=B:TERM@120" in line, "the only process there is"


def test_a_launcher_waits_nearly_as_long_as_slurm_before_it_kills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = line_of(tmp_path, capsys, "--via", "slurm", "--gpus", "8", "--sharding", "zero3")
    start = "--wrap=export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=110; exec python -m accelerate.commands.launch "
    assert line[-1].startswith(start)
    for name, value in {"": 30, "110": 110}.items():
        known = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": name} if name else {}
        code = "from torch.distributed.launcher.api import LaunchConfig; print(LaunchConfig(1, 1, 1).shutdown_timeout)"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | known)
        assert told.stdout.strip() == str(value), "what the installed launcher makes of it"


def test_one_gpu_needs_no_launcher(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(tmp_path, capsys, "--via", "ray", "--address", "http://head:8265")
    assert line[line.index("--") + 1 :][:3] == ["python", "-m", "pipeline"]
    assert line[:5] == ["ray", "job", "submit", "--address", "http://head:8265"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--via", "ssh"], "ssh needs the other machine"),
        (["--via", "ssh", "--host", "a", "--nodes", "2"], "to one machine"),
        (["--via", "ray", "--nodes", "2"], "on one node"),
    ],
)
def test_what_cannot_be_is_told(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queued(tmp_path)
    assert main(["submit", str(run.path), "--home", str(tmp_path), *words]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("name", submit.SHARDING)
def test_accelerate_reads_every_configuration(name: str) -> None:
    config = load_config_from_file(str(submit.CONFIGS / f"{name}.yaml"))
    assert config.num_processes in (2, 8)
    if name == "fsdp2":
        assert config.fsdp_config["fsdp_version"] == 2
    if name == "zero3":
        assert config.deepspeed_config["zero_stage"] == 3
