"""`python -m db gate …`: what a training's gate decides by, by the same rules as in the studio."""

import argparse
from pathlib import Path

from db import gate
from db.rubric_commands import Add, Commands, somebody
from db.rubric_records import version
from db.store import Store
from pipeline.endpoints import load_endpoints
from pipeline.gate import GatePass
from pipeline.rundir import write_whole
from rubrics.calibration.limits import shortfalls

DONE, MENDABLE = 0, 1


def add_gate_commands(commands: Commands, add: Add) -> None:
    """Add `gate` and what it can do."""
    example = "example: python -m db gate show kardia-empathy 1 --judge embedded"
    parser = commands.add_parser(
        "gate", help="is a judge good enough to train on: show, export, override", epilog=example
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    which = "kardia-empathy 1 --judge embedded"
    _of(add(actions, "show", "say what keeps a model from being trained", f"gate show {which}", _show))
    one = add(actions, "export", "write it for pipeline grpo --gate", f"gate export {which} --out gate.json", _export)
    _of(one)
    one.add_argument("--out", type=Path, required=True, help="the file to write")
    for name, does, work in (
        ("override", "let models be trained all the same; a psychologist's to decide", _override),
        ("withdraw", "take an override back", _withdraw),
    ):
        one = add(actions, name, does, f'gate {name} {which} --as tomas --reason "To try the set-up"', work)
        _of(one)
        one.add_argument("--reason", required=True, help="why; it stays with every model that is trained by it")
        one.add_argument("--as", dest="actor", required=True, metavar="PERSON", help="whose act this is")


def _of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rubric_id", metavar="ID", help="the rubric's id")
    parser.add_argument("version", type=int, metavar="N", help="the version's number")
    parser.add_argument("--judge", required=True, help="an endpoint's name, or endpoint/model as verdicts are signed")


def _judge(store: Store, asked: argparse.Namespace) -> str:
    known = load_endpoints(store.home)
    name = str(asked.judge)
    return known[name].judge_id if name in known else name


def _show(store: Store, asked: argparse.Namespace) -> int:
    found, judge = version(store, asked.rubric_id, asked.version), _judge(store, asked)
    failed = shortfalls(found.rubric, gate.figures_now(store, found, judge))
    print(f"{found.rubric_id} version {found.version}, {found.state.replace('_', ' ')}, judge {judge}")
    for short in failed:
        print(f"  {short.words}")
    given = gate.standing_override(store, found, judge)
    if given:
        print(f"  overridden by {given.by}: {given.reason}")
    is_open = found.state == "approved" and (not failed or given is not None)
    print("  open: a model may be trained" if is_open else "  closed")
    return DONE if is_open else MENDABLE


def _export(store: Store, asked: argparse.Namespace) -> int:
    found, judge = version(store, asked.rubric_id, asked.version), _judge(store, asked)
    told = GatePass(
        rubric=gate.as_it_stands(found),
        calibration=gate.figures_now(store, found, judge),
        override=gate.standing_override(store, found, judge),
    )
    write_whole(asked.out, lambda part: part.write_text(told.model_dump_json(indent=2) + "\n", encoding="utf-8"))
    print(f"{asked.out}: {found.rubric_id} version {found.version}, judge {judge}")
    return DONE


def _override(store: Store, asked: argparse.Namespace) -> int:
    found, judge = version(store, asked.rubric_id, asked.version), _judge(store, asked)
    of = (asked.rubric_id, asked.version, judge, asked.reason)
    given = gate.grant(store, somebody(store, asked), *of, gate.figures_now(store, found, judge))
    print(f"{asked.rubric_id} version {asked.version}, judge {judge}: overridden by {given.by}")
    return DONE


def _withdraw(store: Store, asked: argparse.Namespace) -> int:
    judge = _judge(store, asked)
    gate.withdraw(store, somebody(store, asked), asked.rubric_id, asked.version, judge, asked.reason)
    print(f"{asked.rubric_id} version {asked.version}, judge {judge}: the override is withdrawn")
    return DONE
