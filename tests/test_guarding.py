"""What the code must never do, looked for in all of it; and what limits hold back."""

import ast
import gzip
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from db.spreadsheet import as_text, csv_bytes, from_text
from pipeline.jobs import all_runs
from pipeline.rundir import RunDir
from rubrics import limits
from rubrics.errors import UserError
from rubrics.limits import check_table, lines_of

REPOSITORY = Path(__file__).resolve().parents[1]
FLOORS = ("rubrics", "db", "pipeline", "studio")
PICKLES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for floor in FLOORS:
        for path in sorted((REPOSITORY / floor).rglob("*.py")):
            yield path.relative_to(REPOSITORY), ast.parse(path.read_text(encoding="utf-8"))


def names(node: ast.AST) -> str:
    """A call's name as it is written, such as "yaml.load"."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "?", *reversed(parts)])


def faults(path: Path, module: ast.Module) -> Iterator[str]:
    """Each unsafe thing in one file."""
    for node in ast.walk(module):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import) and (found := {one.name.split(".")[0] for one in node.names} & PICKLES):
            yield f"{where}: imports {found}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLES:
            yield f"{where}: imports {node.module}"
        if isinstance(node, ast.Call):
            yield from _unsafe_call(where, names(node.func), {one.arg: one.value for one in node.keywords})


def _unsafe_call(where: str, called: str, given: dict[str | None, ast.expr]) -> Iterator[str]:
    def is_true(name: str) -> bool:
        value = given.get(name)
        return isinstance(value, ast.Constant) and value.value is True

    if called in ("eval", "exec", "os.system", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle"):
        yield f"{where}: calls {called}"
    if called == "yaml.load" and "Loader" not in given:
        yield f"{where}: loads YAML without a safe loader"
    if called == "torch.load" and not is_true("weights_only"):
        yield f"{where}: torch.load would unpickle"
    if is_true("trust_remote_code") or is_true("shell") or is_true("unsafe_allow_html"):
        yield f"{where}: {called} with trust_remote_code, shell or unsafe_allow_html"


def test_no_code_unpickles_evaluates_or_trusts() -> None:
    found = [line for path, module in sources() for line in faults(path, module)]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import yaml\nyaml.load(text)",
        "torch.load(path)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "st.markdown(text, unsafe_allow_html=True)",
        "subprocess.run(words, shell=True)",
        "eval(text)",
    ],
)
def test_each_of_them_would_be_found(code: str) -> None:
    assert list(faults(Path("x.py"), ast.parse(code)))


def test_the_agent_api_and_usage_statistics_are_off() -> None:
    from studio.__main__ import _settings
    from studio.identity import Identity

    told = _settings("127.0.0.1", 1, Identity())
    assert told["server.enableAgentApi"] is False
    assert told["browser.gatherUsageStats"] is False
    assert told["server.maxUploadSize"] <= 200
    assert told["server.allowedHosts"] == ["127.0.0.1", "localhost"]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc", "＝1+1", "'=1", "''x", "plain", "", "a=b"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_is_a_formula_and_every_cell_comes_back(cell: str) -> None:
    written = as_text(cell)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝"))
    assert from_text(written) == cell


def test_a_table_keeps_its_numbers_and_marks_its_formulas() -> None:
    import pandas as pd

    told = csv_bytes(pd.DataFrame({"note": ["=HYPERLINK(1)", "fine"], "n": [-1.5, 2.0]})).decode()
    assert told == "note,n\n'=HYPERLINK(1),-1.5\nfine,2.0\n"


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "bomb.jsonl.gz"
    with gzip.open(bomb, "wb") as packed:
        for _ in range(80):
            packed.write((b"0" * 1000 + b"\n") * 1000)
    with pytest.raises(UserError, match="over 200 times its size"):
        for _ in lines_of(bomb):
            pass
    monkeypatch.setattr(limits, "MAX_UNPACKED", 5_000_000)
    with pytest.raises(UserError, match="split it"):
        for _ in lines_of(bomb):
            pass


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_LINE", 1_000)
    file = tmp_path / "one.jsonl"
    file.write_bytes(b"x" * 5_000)
    with pytest.raises(UserError, match="has a line of over"):
        list(lines_of(file))


def test_a_table_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"n": list(range(1000))}), file)
    check_table(file)
    monkeypatch.setattr(limits, "MAX_ROWS", 999)
    with pytest.raises(UserError, match="larger than"):
        check_table(file)


@pytest.mark.parametrize("name", ["../outside", "..", ".", "", "/etc", "linked", "a/../../outside", "no-such-run"])
def test_no_name_of_a_run_leads_out_of_the_home(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "request.json").write_text("{}")
    home = tmp_path / "home"
    (home / "runs" / "a").mkdir(parents=True)
    (home / "runs" / "linked").symlink_to(outside)
    (home / "runs" / "outside").symlink_to(outside)
    with pytest.raises(UserError, match="no such run"):
        RunDir.of(home, name)
    assert all_runs(home) == []
