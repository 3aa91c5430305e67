"""Named models behind OpenAI-compatible endpoints: the embedded one, and the rows of endpoints.toml.

    [judge-7b]                                # one table per endpoint; the name is how runs refer to it
    base_url = "http://127.0.0.1:8000/v1"
    model = "Qwen/Qwen2.5-7B-Instruct"

docs/endpoints.example.toml shows every field. A key never stands in the file: the row names an environment variable.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.files import write_whole
from rubrics.errors import UserError

Capability = Literal["json_schema", "json_object", "plain"]
FILE_NAME = "endpoints.toml"
_CAPABILITIES = Path("cache") / "capabilities.json"


class Endpoint(BaseModel):
    """One model that can be called.

    `capability`: json_schema holds answers to a schema, json_object only to JSON, plain to nothing. `max_concurrency`
    calls are in flight at once, fewer for a while after a 429. A job stops once more than `max_failure_share` of the
    last calls got no answer. `criteria_per_call` is how many criteria of a rubric one call asks about at most; without
    it, all that read the same parts. `timeout_s`
    bounds one call, its retries included, `turn_timeout_s` all calls about one turn and `step_timeout_s` all of one
    training step, waiting in line included. Prices are per million tokens,
    in a currency of your own. `weak`: fit to try things out, not to train on its verdicts.
    `logprobs`: answers come with the probabilities of their tokens when asked. `to_probe`: the row leaves `capability`
    open and nobody has asked the server yet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    base_url: str = ""
    model: str = Field(min_length=1)
    api_key_var: str = ""
    capability: Capability = "json_schema"
    max_concurrency: int = Field(default=8, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    max_failure_share: float = Field(default=0.5, gt=0, le=1)
    criteria_per_call: int | None = Field(default=None, ge=1)
    timeout_s: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    turn_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    step_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    price_in: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    price_out: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    weak: bool = False
    logprobs: bool = False
    embedded: bool = False
    to_probe: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must begin with http:// or https://, such as http://127.0.0.1:8000/v1")
        return url.rstrip("/")

    @property
    def judge_id(self) -> str:
        """What verdicts are signed with: two rows may serve different models under one model name."""
        return f"{self.name}/{self.model}"

    @property
    def is_openai(self) -> bool:
        """Whether OpenAI itself (or Azure's copy) answers: it refuses a few fields that every other server wants."""
        host = urlsplit(self.base_url).hostname or ""
        return host.endswith((".openai.com", ".openai.azure.com"))

    @property
    def is_loopback(self) -> bool:
        """Whether calls stay on this machine."""
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Price of so many tokens."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def api_key(self) -> str:
        """The key from the environment variable that the row names. Raises UserError when that is unset."""
        if not self.api_key_var:
            return "none"  # servers without keys ignore it, but the header must not be empty
        if key := os.environ.get(self.api_key_var, "").strip():
            return key
        raise UserError(
            f"endpoint {self.name}: the environment variable {self.api_key_var} is not set; export your key in it"
        )


# Two calls at a time fill two cores; the server holds more slots so that several rubrics' prefixes stay cached. A slot
# has 4,096 tokens, which a dozen criteria in one call would fill before the dialogue comes.
EMBEDDED = Endpoint(
    name="embedded",
    model="SmolLM2-135M-Instruct-Q4_1",
    max_concurrency=2,
    criteria_per_call=4,
    timeout_s=300.0,
    weak=True,
    embedded=True,
)
_OURS = ("name", "embedded", "to_probe")
_FIXED_FOR_EMBEDDED = ("base_url", "model", "api_key_var", "weak")


def load_endpoints(home: Path, as_probed: bool = True) -> dict[str, Endpoint]:
    """Every endpoint by name: "embedded", then the rows of endpoints.toml. Raises UserError naming file and row.

    Not `as_probed`: what servers could do when they were asked is left open again.
    """
    file = home / FILE_NAME
    endpoints = {EMBEDDED.name: EMBEDDED}
    known = _remembered(home) if as_probed else {}
    for name, row in _read(file).items():
        endpoints[name] = _as_probed(_endpoint(name, row, f"{file}, [{name}]"), known)
    return endpoints


def endpoint(home: Path, name: str) -> Endpoint:
    """The endpoint of that name. Raises UserError that lists the known ones."""
    endpoints = load_endpoints(home)
    if name not in endpoints:
        raise UserError(f"no endpoint is called {name!r}; {home / FILE_NAME} gives: {', '.join(endpoints)}")
    return endpoints[name]


def remember(endpoint: Endpoint, home: Path, can: dict[str, Any]) -> None:
    """Keep what the server behind an endpoint can do: its `capability`."""
    known = _remembered(home) | {_server(endpoint): can}
    file = home / _CAPABILITIES
    write_whole(file, lambda tmp: tmp.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8"))


def _as_probed(found: Endpoint, known: dict[str, Any]) -> Endpoint:
    """What was found out before, where the row leaves it open."""
    if "capability" in found.model_fields_set or found.embedded:
        return found
    try:
        return Endpoint.model_validate({**found.model_dump(), **known[_server(found)]})
    except (KeyError, TypeError, ValidationError):
        return found.model_copy(update={"to_probe": True})


def _remembered(home: Path) -> dict[str, Any]:
    """Server → what it can do; nothing when the file is not there or not ours: then it is asked again."""
    try:
        known = json.loads((home / _CAPABILITIES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _server(endpoint: Endpoint) -> str:
    return f"{endpoint.base_url} {endpoint.model}"


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{file}: cannot be read as TOML: {error}") from error


def _endpoint(name: str, row: Any, where: str) -> Endpoint:
    if not isinstance(row, dict):
        raise UserError(f"{where}: is not a table; write [{name}] on a line and its fields below")
    for field in _OURS:
        if field in row:
            raise UserError(f"{where}, {field}: is not yours to set; the table's title is the name")
    return _overridden(row, where) if name == EMBEDDED.name else _checked({"name": name, **row}, where)


def _overridden(row: dict[str, Any], where: str) -> Endpoint:
    for field in _FIXED_FOR_EMBEDDED:
        if field in row:
            raise UserError(f"{where}, {field}: belongs to the model that ships; give your endpoint another name")
    return _checked({**EMBEDDED.model_dump(), **row}, where)


def _checked(fields: dict[str, Any], where: str) -> Endpoint:
    try:
        found = Endpoint.model_validate(fields)
    except ValidationError as error:
        raise UserError(f"{where}{_in_words(error)}") from error
    if not found.base_url and not found.embedded:
        raise UserError(f"{where}, base_url: is missing, such as http://127.0.0.1:8000/v1")
    return found


def _in_words(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        fields = ", ".join(name for name in Endpoint.model_fields if name not in _OURS)
        return f", {field}: is not a field of an endpoint; the fields are {fields}"
    return f", {field}: {'is missing' if first['type'] == 'missing' else first['msg'].removeprefix('Value error, ')}"
