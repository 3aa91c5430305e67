from pathlib import Path

import pytest

from pipeline.endpoints import Endpoint, endpoint, load_endpoints
from rubrics.errors import UserError

EXAMPLE = Path(__file__).parents[2] / "docs" / "endpoints.example.toml"


def written(home: Path, text: str) -> Path:
    (home / "endpoints.toml").write_text(text, encoding="utf-8")
    return home


def test_without_a_file_there_is_the_embedded_model(tmp_path: Path) -> None:
    endpoints = load_endpoints(tmp_path)
    assert list(endpoints) == ["embedded"]
    assert endpoints["embedded"].weak
    assert endpoints["embedded"].embedded


def test_every_row_of_the_example_is_an_endpoint(tmp_path: Path) -> None:
    endpoints = load_endpoints(written(tmp_path, EXAMPLE.read_text(encoding="utf-8")))
    assert list(endpoints) == ["embedded", "openai", "vllm", "ollama", "llama-server"]
    assert endpoints["openai"].price_out == 0.60
    assert endpoints["openai"].is_openai
    assert not endpoints["vllm"].is_openai


def test_a_row_overrides_limits_of_the_embedded_model(tmp_path: Path) -> None:
    found = endpoint(written(tmp_path, "[embedded]\nmax_concurrency = 7\n"), "embedded")
    assert found.max_concurrency == 7
    assert found.embedded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[a]\nbase_url = "http://h/v1"\nmodel = "m"\nmax_concurency = 3',
            ["[a]", "max_concurency", "max_concurrency"],
        ),
        ('[a]\nbase_url = "http://h/v1"\nmodel = "m"\nmax_concurrency = 0', ["[a]", "max_concurrency"]),
        ('[a]\nbase_url = "http://h/v1"\nmodel = "m"\ncapability = "json"', ["[a]", "capability", "json_schema"]),
        ('[a]\nbase_url = "http://h/v1"', ["[a]", "model", "missing"]),
        ('[a]\nmodel = "m"', ["[a]", "base_url", "missing"]),
        ('[a]\nbase_url = "localhost:8000"\nmodel = "m"', ["[a]", "base_url", "http://"]),
        ('[a]\nname = "b"', ["[a]", "name"]),
        ('["a b"]\nbase_url = "http://h/v1"\nmodel = "m"', ["[a b]", "name"]),
        ('[embedded]\nbase_url = "http://h/v1"', ["[embedded]", "base_url", "another name"]),
        ("a = 3", ["[a]", "table"]),
        ("[a\nb = 1", ["TOML", "line 1"]),
        ('[a]\nbase_url = "http://h/v1"\nmodel = "m"\nprice_in = nan', ["[a]", "price_in"]),
    ],
)
def test_a_fault_is_told_with_file_and_row(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as told:
        load_endpoints(written(tmp_path, text))
    for word in [str(tmp_path / "endpoints.toml"), *words]:
        assert word in str(told.value)
    assert "\n" not in str(told.value)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'gpt'.*embedded"):
        endpoint(tmp_path, "gpt")


def test_the_key_comes_from_the_named_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for you")
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    keyless = Endpoint(name="a", base_url="http://h/v1", model="m")
    assert keyless.api_key() == "none"
    keyed = keyless.model_copy(update={"api_key_var": "JUDGE_KEY"})
    with pytest.raises(UserError, match=r"endpoint a.*JUDGE_KEY"):
        keyed.api_key()
    monkeypatch.setenv("JUDGE_KEY", " secret ")
    assert keyed.api_key() == "secret"


def test_cost_is_per_million_tokens() -> None:
    priced = Endpoint(name="a", base_url="http://h/v1", model="m", price_in=2.0, price_out=10.0)
    assert priced.cost(500_000, 100_000) == pytest.approx(2.0)


def test_two_rows_with_one_model_name_sign_differently() -> None:
    one = Endpoint(name="a", base_url="http://h/v1", model="default")
    assert one.judge_id != one.model_copy(update={"name": "b"}).judge_id
