"""What the code must never do, looked for in all of it; and what limits hold back."""

import ast
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.jobs import all_runs
from pipeline.personas.read import read_profiles
from pipeline.plan import read_personas, read_situations
from pipeline.rundir import RunDir
from pipeline.spreadsheet import as_text, csv_bytes, from_text
from pipeline.walk.read import read_conversations
from rubrics import limits
from rubrics.errors import UserError
from rubrics.limits import check_table, lines_of, text_of

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
    safe = safe_loaders(module)
    for node in ast.walk(module):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import) and (found := {one.name.split(".")[0] for one in node.names} & PICKLES):
            yield f"{where}: imports {found}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLES:
            yield f"{where}: imports {node.module}"
        if isinstance(node, ast.Call):
            yield from _unsafe_call(where, node, safe)


def safe_loaders(module: ast.Module) -> set[str]:
    """Loaders of YAML that make nothing but plain data: PyYAML's own, and classes of this file built on those."""
    own = {"yaml.SafeLoader", "yaml.CSafeLoader"}
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    return own | {one.name for one in classes if any(names(base) in own for base in one.bases)}


def _unsafe_call(where: str, node: ast.Call, safe: set[str]) -> Iterator[str]:
    called, given = names(node.func), {one.arg: one.value for one in node.keywords}

    def is_true(name: str) -> bool:
        value = given.get(name)
        return isinstance(value, ast.Constant) and value.value is True

    def is_false(name: str) -> bool:
        value = given.get(name)
        return isinstance(value, ast.Constant) and value.value is False

    if called in ("eval", "exec", "os.system", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle"):
        yield f"{where}: calls {called}"
    loader = given.get("Loader") or next(iter(node.args[1:]), None)
    if called in ("yaml.load", "yaml.load_all") and (loader is None or names(loader) not in safe):
        yield f"{where}: loads YAML without a safe loader"
    if called == "torch.load" and not is_true("weights_only"):
        yield f"{where}: torch.load would unpickle"
    if "allow_pickle" in given and not is_false("allow_pickle"):
        yield f"{where}: {called} would unpickle"
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
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text, yaml.Loader)",
        "yaml.load_all(text, Loader=yaml.UnsafeLoader)",
        "class Mine(yaml.Loader): pass\nyaml.load(text, Loader=Mine)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=is_ours)",
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


def test_a_whole_text_is_read_within_limits_and_what_is_no_text_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.csv.gz"
    file.write_bytes(gzip.compress(b"\xef\xbb\xbfa,b\r\n1,\xc3\xbc\n"))
    assert text_of(file) == "a,b\r\n1,ü\n"
    monkeypatch.setattr(limits, "MAX_TEXT", 5)
    with pytest.raises(UserError, match="split it"):
        text_of(file)
    for data in (
        b"\xff\xfe",
        gzip.compress(b"\xff"),
        gzip.compress(b"abc" * 99)[:-9],
        b"\x1f\x8b\x08\x00" + b"\xff" * 40,
    ):
        file.write_bytes(data)
        with pytest.raises(UserError) as told:
            text_of(file)
        assert "\n" not in str(told.value)


BOMBED: list[Callable[[Path], object]] = [read_personas, read_situations, read_profiles, read_conversations]


@pytest.mark.parametrize("read", BOMBED)
@pytest.mark.parametrize("data", ["endless", "damaged", "deep", "long cell"])
def test_every_reader_of_a_file_from_elsewhere_holds_to_the_limits(
    tmp_path: Path, read: Callable[[Path], object], data: str
) -> None:
    file = tmp_path / ("f.csv.gz" if data == "long cell" else "f.jsonl.gz")
    with gzip.open(file, "wb") as packed:
        packed.writelines(
            {"deep": [b'{"a":' * 200_000], "long cell": [b"a,b\n", b"x" * 200_000, b",1\n"]}.get(data, [])
        )
        for _ in range(80 if data == "endless" else 0):
            packed.write((b"0" * 1000 + b"\n") * 1000)
    if data == "damaged":
        file.write_bytes(b"\x1f\x8b\x08\x00" + b"\xff" * 40)
    with pytest.raises(UserError) as told:
        read(file)
    assert "\n" not in str(told.value)


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


def test_tables_of_a_run_from_elsewhere_are_held_to_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.widgets.run import samples

    run = RunDir(tmp_path)
    for file in (tmp_path / "inputs.parquet", run.output("samples")):
        file.parent.mkdir(exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.table({"n": list(range(1000))}), file)
    reads: list[Callable[[], object]] = [
        run.inputs,
        lambda: run.read_output("samples"),
        lambda: samples._read(run, "samples"),
    ]
    monkeypatch.setattr(limits, "MAX_ROWS", 999)
    for read in reads:
        with pytest.raises(UserError, match="larger than"):
            read()
    monkeypatch.setattr(limits, "MAX_ROWS", 1000)
    assert [len(read()) for read in reads] == [1000] * 3  # type: ignore[arg-type]


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
