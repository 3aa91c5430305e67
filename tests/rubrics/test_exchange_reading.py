"""Telling formats by their content, and files that are hostile or odd: one line each, never a traceback."""

import gzip
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rubrics.errors import UserError
from rubrics.exchange import FORMATS, read, write
from rubrics.exchange import files as limits
from rubrics.exchange.words import ids_for, is_slug, listed, short_name
from rubrics.load import LIBRARY, dump_rubric, library, load_rubric, parse_rubric

GATE = LIBRARY / "regeneration-gate.yaml"
NO_FORMAT = "holds no rubric in a known format (kardia, healthbench, rubric, vera-mh, esc-judge); see docs/exchange.md"
OR_NONE = "; or it is in no known format (kardia, healthbench, rubric, vera-mh, esc-judge)"
CONVERSATION = '{"prompt_id": "p", "rubrics": [{"criterion": "A.", "points": 1}]}'
SHAPES = {
    "healthbench": CONVERSATION,
    "rubric": "- {weight: 1, requirement: A.}",
    "vera-mh": "Question ID\tSeverity\tQuestion\tAnswer\tGOTO\n1\tRed\tWhy?\t\t",
    "esc-judge": '{"criteria": "A", "description": "Is it?"}',
    "kardia": GATE.read_text(encoding="utf-8"),
}


def put(folder: Path, data: str | bytes, name: str = "file.bin") -> Path:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder / name


def whole_or_one_line(path: Path, format: str = "auto") -> int:
    """How many rubrics came in, each the same after a way through YAML; 0 when the file was refused in one line."""
    refused = ""
    try:
        rubrics = read(path, format).rubrics  # type: ignore[arg-type]
    except UserError as error:
        rubrics, refused = [], str(error)
    assert bool(rubrics) != bool(refused)
    assert "\n" not in refused
    assert all(parse_rubric(dump_rubric(rubric)).hash == rubric.hash for rubric in rubrics)
    return len(rubrics)


def refusal(path: Path, format: str = "auto") -> str:
    with pytest.raises(UserError) as refused:
        read(path, format)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
    return str(refused.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dress", ["plain", "bom", "crlf", "gzip", "blank lines"])
def test_content_tells_the_format_whatever_the_name_and_dress(format: str, dress: str, tmp_path: Path) -> None:
    plain = SHAPES[format].encode()
    data = {
        "plain": plain, "bom": b"\xef\xbb\xbf" + plain, "crlf": plain.replace(b"\n", b"\r\n"),
        "gzip": gzip.compress(plain), "blank lines": b"\n\n" + plain + b"\n\n",
    }[dress]  # fmt: skip
    found = read(put(tmp_path, data, "misleading.csv"))
    assert found.format == format
    assert found.rubrics[0].hash == read(put(tmp_path, plain, "misleading.csv")).rubrics[0].hash


def test_our_own_library_comes_back_with_the_same_hash(tmp_path: Path) -> None:
    for rubric in library():
        assert read(put(tmp_path, write(rubric, "kardia"))).rubrics[0].hash == rubric.hash
    body = json.dumps(load_rubric(GATE).model_dump(mode="json"))
    assert read(put(tmp_path, body)).rubrics[0].hash == load_rubric(GATE).hash


def test_every_real_file_of_rubrics_keeps_its_hash_through_yaml(shared_data: Path) -> None:
    imported = 0
    for folder in ("healthbench_sample", "vera_mh", "esc_judge"):
        for path in sorted((shared_data / folder).iterdir()):
            imported += whole_or_one_line(path)
    assert imported == 70 + 1 + 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\t\n", "is empty"),
        (b"\0\0\0\0", "line 1: holds a NUL; is it text?"),
        (b"id: a\ntitle: A\0\n", "line 2: holds a NUL; is it text?"),
        (b"\xff\xfea\0b\0", "is UTF-16 text; save it as UTF-8"),
        (b"id: a\ntitle: \xe4\n", "line 2: is not UTF-8 text; save the file as UTF-8"),
        (b"\x1f\x8b\x08broken", "the gzip file is cut short or damaged; fetch it again"),
        (b"just words", NO_FORMAT),
        (b"42", NO_FORMAT),
        (b"{}", NO_FORMAT),
        (b"[]", NO_FORMAT),
        (b"null", NO_FORMAT),
        (b"a: [1\nb: 2", f"line 2: not valid YAML: expected ',' or ']', but got ':'{OR_NONE}"),
        (b'{\n"rubric": [}', f"line 2: not valid JSON: Expecting value{OR_NONE}"),
        (b"[" * 200_000, f"not a rubric: nested too deeply{OR_NONE}"),
        (b'{"a":' * 200_000, f"not a rubric: nested too deeply{OR_NONE}"),
        (b"- " * 200_000, f"not a rubric: nested too deeply{OR_NONE}"),
        (b"id: 2024-13-45", f"not valid YAML: a value is no sound date or number; put it in quotes{OR_NONE}"),
        (b"id: !!bool maybe", f"not valid YAML: a value is no sound date or number; put it in quotes{OR_NONE}"),
        (b"id: !!int ''", f"not valid YAML: a value is no sound date or number; put it in quotes{OR_NONE}"),
        (b"id: " + b"9" * 5000, f"not valid YAML: a value is no sound date or number; put it in quotes{OR_NONE}"),
        (b"id: !!python/name:os.system", "line 1: not valid YAML: could not determine a constructor for the tag "
                                         f"'tag:yaml.org,2002:python/name:os.system'{OR_NONE}"),
        (b'{"criteria": [], "id": "a", "title": "A"}', "a rubric needs at least one criterion"),
        (b"criteria: 5", "id: is missing"),
    ],
    ids=range(24),
)  # fmt: skip
def test_hostile_and_odd_files_are_refused_in_one_line(data: bytes, reason: str, tmp_path: Path) -> None:
    assert refusal(put(tmp_path, data)) == reason


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == "cannot be read (No such file or directory); check the name and its rights"
    assert refusal(tmp_path) == "cannot be read (Is a directory); check the name and its rights"


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(CONVERSATION.encode())
    assert refusal(put(tmp_path, whole[:-9])) == "the gzip file is cut short or damaged; fetch it again"


def test_size_is_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = put(tmp_path, b"x" * (limits.MAX_DOCUMENT + 1))
    assert refusal(long, "kardia") == "is larger than 1 MB, which no single rubric is; split it"
    assert refusal(long) == "no line holds a rubric in a known format, and it is too large for a single rubric"
    monkeypatch.setattr(limits, "MAX_FILE", limits.MEGABYTE)
    bomb = put(tmp_path, gzip.compress(b"{}\n" * limits.MEGABYTE))
    assert refusal(bomb) == "is larger than 1 MB; split it"


def test_a_format_that_is_not_known_is_named(tmp_path: Path) -> None:
    assert refusal(put(tmp_path, CONVERSATION), "excel").startswith("format excel is not known; choose kardia, healthb")
    with pytest.raises(UserError, match="vera-mh is only read; choose kardia, healthbench, rubric"):
        write(load_rubric(GATE), "vera-mh")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("other", FORMATS)
def test_a_file_read_in_a_format_that_it_is_not_in_is_refused(format: str, other: str, tmp_path: Path) -> None:
    if format != other:
        assert refusal(put(tmp_path, SHAPES[other]), format)


def test_a_control_character_is_refused_in_our_own_format_as_well(tmp_path: Path) -> None:
    text = SHAPES["kardia"].replace("title: ", 'title: "a\\0b" # ', 1)
    assert refusal(put(tmp_path, text)) == "a text holds a control character such as NUL; take it out"


def test_half_a_surrogate_is_refused(tmp_path: Path) -> None:
    line = CONVERSATION.replace("A.", "\\ud800")
    assert "valid string" in refusal(put(tmp_path, line))


def test_a_name_given_apart_titles_what_has_no_title(tmp_path: Path) -> None:
    found = read(put(tmp_path, SHAPES["esc-judge"], "tmp123"), name="warm words.jsonl")
    assert (found.rubrics[0].id, found.rubrics[0].title) == ("esc-judge-warm-words", "ESC-Judge, warm words")
    with pytest.raises(UserError, match=r"^warm words\.txt: is empty$"):
        read(put(tmp_path, ""), name="warm words.txt")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(list(SHAPES.values())),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6), st.binary(max_size=6)), max_size=5),
    st.sampled_from(["auto", *FORMATS]),
)
def test_damage_anywhere_ends_in_rubrics_or_in_one_line(
    tmp_path: Path, text: str, cuts: list[tuple[int, int, bytes]], format: str
) -> None:
    data = text.encode()
    for start, length, other in cuts:
        data = data[:start] + other + data[start + length :]
    whole_or_one_line(put(tmp_path, data), format)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["rubric", "rubrics", "sections", "criteria", "weight", "requirement", "criterion",
                             "points", "tags", "id", "title", "prompt_id", "description", "dimensions", "name"]),
            inner, max_size=5,
        ),
        max_leaves=12,
    ),
    st.sampled_from(["auto", *FORMATS]),
)  # fmt: skip
def test_any_value_ends_in_rubrics_or_in_one_line(tmp_path: Path, value: object, format: str) -> None:
    for text in (json.dumps(value), yaml.safe_dump(value, allow_unicode=True)):
        whole_or_one_line(put(tmp_path, text), format)


@given(st.lists(st.text(max_size=90)))
def test_ids_are_fit_unique_and_always_the_same(texts: list[str]) -> None:
    ids = ids_for(texts)
    assert len(set(ids)) == len(texts)
    assert all(map(is_slug, ids))
    assert ids == ids_for(texts)


def test_words_for_names_and_lists() -> None:
    assert ids_for(["Être là ?", "安全", "1st step", "安全"]) == ["etre_la", "c", "c_1st_step", "c_2"]
    assert ids_for(["Warm", "Warm 2", "Warm"]) == ["warm", "warm_2", "warm_3"]
    assert ids_for(["Warm"], taken={"warm"}) == ["warm_2"]
    assert short_name("One\n two") == "One two"
    assert short_name("w" * 80) == "w" * 59 + "…"
    assert len(short_name("many words " * 20)) <= 60
    assert listed([]) == ""
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(map(str, range(20)), most=2) == "0, 1 and 18 more"
