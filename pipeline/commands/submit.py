"""`python -m pipeline submit`: hand a queued run to another machine, by ssh, Slurm or Ray Jobs.

The run directory must lie where the other machine sees it too (a shared folder), and this code and its packages must
be there under the same path. What the run then does is the ordinary command on its directory; resume is the same again.
"""

import shlex
import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from pipeline import jobs
from pipeline.commands import add_home
from pipeline.rundir import RunDir
from rubrics.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "pipeline" / "train" / "accelerate"
# How accelerate (where there are GPUs) and torchrun call a machine's number, and the first machine's address and port.
_PLACE = {
    True: ("--machine_rank", "--main_process_ip", "--main_process_port"),
    False: ("--node-rank", "--master-addr", "--master-port"),
}
SHARDING = ("gpus", "fsdp2", "zero3")
# Seconds: Slurm says so long before its limit that the run is to stop. A launcher hands that on and kills what has not
# ended after thirty seconds, in which a large model's last step is not saved, unless it is told to wait.
TOLD_S, WAITS_S = 120, 110
_PATIENCE = f"export TORCH_ELASTIC_SHUTDOWN_TIMEOUT={WAITS_S}"


def run(name: str, parser: ArgumentParser, words: list[str]) -> int:
    """Submit, or with --dry print what would be submitted."""
    add_home(parser)
    parser.add_argument("run_dir", type=Path, metavar="D", help="a queued run (made with --queue), or one to resume")
    parser.add_argument("--via", required=True, choices=_VIA, help="who takes it there")
    parser.add_argument("--host", default="", help="ssh: the other machine, as ssh knows it")
    parser.add_argument("--address", default="", help="ray: such as http://head:8265; $RAY_ADDRESS when left out")
    parser.add_argument("--python", default="python", help="the interpreter there; python")
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines; 1")
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="GPUs on each, 0 to train on processors; 1")
    parser.add_argument("--sharding", choices=SHARDING, default="gpus", help="how several GPUs share the model; gpus")
    parser.add_argument("--hours", type=int, default=24, metavar="N", help="slurm: the limit of time; 24")
    parser.add_argument("--dry", action="store_true", help="print the command and start nothing")
    asked = parser.parse_args(words)
    there = RunDir.open(asked.run_dir.resolve())
    if there.status().state != "queued":
        jobs.resume(asked.home, there)
    command = _VIA[asked.via](asked, there, work(asked, there))
    print(shlex.join(command))
    return 0 if asked.dry else _started(command)


def work(asked: Namespace, there: RunDir) -> list[str]:
    """The command that trains, to be run on the other machine (on each of several)."""
    job = ["-m", "pipeline", there.request().stage, "--run-dir", str(there.path), "--home", str(asked.home.resolve())]
    if asked.nodes * max(1, asked.gpus) == 1:
        return [asked.python, *job]
    return [asked.python, *_launcher(asked), *job]


def _launcher(asked: Namespace) -> list[str]:
    """accelerate, or without GPUs torchrun: several processes of accelerate on processors take MPI."""
    if not asked.gpus:
        return ["-m", "torch.distributed.run", "--nnodes", str(asked.nodes), "--nproc-per-node", "1"]
    config = ["--config_file", str(CONFIGS / f"{asked.sharding}.yaml")]
    count = ["--num_processes", str(asked.nodes * asked.gpus), "--num_machines", str(asked.nodes)]
    return ["-m", "accelerate.commands.launch", *config, *count]


def _ssh(asked: Namespace, there: RunDir, command: list[str]) -> list[str]:
    if not asked.host:
        raise UserError("submit, --host: ssh needs the other machine, as in --host gpu1")
    if asked.nodes > 1:
        raise UserError("submit, --nodes: ssh takes a run to one machine; use slurm for several")
    log = shlex.quote(str(there.path / "submitted.log"))
    # Detached from the connection, so that closing the laptop ends nothing.
    return ["ssh", asked.host, f"cd {shlex.quote(str(ROOT))} && nohup {shlex.join(command)} >>{log} 2>&1 </dev/null &"]


def _slurm(asked: Namespace, there: RunDir, command: list[str]) -> list[str]:
    """One task a node; srun fills in which node it is and who the first one is."""
    line = shlex.join(command)
    if asked.nodes > 1:
        rank, address, port = _PLACE[bool(asked.gpus)]
        where = f'{rank} "$SLURM_NODEID" {address} "$FIRST" {port} 29500'
        line = line.replace(" -m pipeline ", f" {where} -m pipeline ", 1)
        first = f'{_PATIENCE}; FIRST=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n1)'
        line = f"{first}; export FIRST; srun sh -c {shlex.quote(f'exec {line}')}"
    options = [
        f"--job-name={there.run_id}",
        f"--nodes={asked.nodes}",
        "--ntasks-per-node=1",
        f"--time={asked.hours}:00:00",
    ]
    # A cluster without GPUs knows no such resource, not even none of it.
    options += [f"--gres=gpu:{asked.gpus}"] if asked.gpus else []
    options += [f"--chdir={ROOT}", f"--output={there.path / 'submitted.log'}"]
    # Two minutes before the limit the run is told to stop; it saves its last step, and can be submitted again. Where
    # srun starts it on each node it is told there, since neither a shell nor srun hands the signal on.
    if asked.nodes == 1:
        patience = f"{_PATIENCE}; " if asked.gpus > 1 else ""
        return ["sbatch", *options, f"--signal=B:TERM@{TOLD_S}", f"--wrap={patience}exec {line}"]
    return ["sbatch", *options, f"--signal=TERM@{TOLD_S}", f"--wrap={line}"]


def _ray(asked: Namespace, there: RunDir, command: list[str]) -> list[str]:
    if asked.nodes > 1:
        raise UserError("submit, --nodes: a Ray job trains on one node; use slurm for several")
    address = ["--address", asked.address] if asked.address else []
    gpus = ["--entrypoint-num-gpus", str(asked.gpus)]
    name = ["--submission-id", f"{there.run_id}-{there.status().attempt + 1}"]
    return ["ray", "job", "submit", *address, *gpus, *name, "--no-wait", "--", *command]


def _started(command: list[str]) -> int:
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError as error:
        raise UserError(f"{command[0]}: is not on this machine's PATH") from error


_VIA: dict[str, Callable[[Namespace, RunDir, list[str]], list[str]]] = {"ssh": _ssh, "slurm": _slurm, "ray": _ray}
