"""Profiles in, personas out, and nothing in them that leads back to anybody."""

import json
import os
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.personas.finders import find
from pipeline.personas.privacy import hashed_name, make_anonymous, secret_of
from pipeline.personas.read import Profile, read_profiles

SECRET = b"x" * 32
SHARED = Path(os.environ.get("KARDIA_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared/data")
PLANTED = Profile(
    username="NightOwl_77",
    mbti="INFP",
    about="I'm 46 and I drive a tower crane in Rotterdam. My daughter Hania Kowalska is fifteen. Write to "
    "marta.k@example.org, or find me as @crimsonfox on www.owlsnest.example.com/about or under +1 212 555 0187.",
    signature="Wind over 15 m/s, we all go home.",
    recent_activities="Quoted “hope is the thing with feathers that perches in the soul”; answered u/somebody_else; "
    "signed as NightOwl_77; asked how to talk to a teenager who answers with fine.",
)
GONE = ("Rotterdam", "Hania", "Kowalska", "marta.k", "example.org", "crimsonfox", "owlsnest", "555", "feathers",
        "somebody_else", "NightOwl", "15 m/s")  # fmt: skip
STAYS = ("tower crane", "daughter", "fifteen", "how to talk to a teenager")


def test_what_leads_back_to_the_owner_is_replaced_and_the_rest_stays() -> None:
    (persona,), report = make_anonymous([PLANTED], SECRET)
    text = "\n".join(persona)
    assert [word for word in GONE if word in text] == []
    assert [word for word in STAYS if word not in text] == []
    assert report.found["about"] == {"e-mail": 1, "handle": 1, "link": 1, "name": 1, "phone number": 1, "place": 1}
    assert report.found["recent_activities"] == {"handle": 2, "quotation": 1}
    assert (report.profiles, report.changed) == (1, 1)


def test_the_report_holds_nothing_of_what_was_found() -> None:
    _, report = make_anonymous([PLANTED], SECRET)
    told = json.dumps(report.as_json())
    assert [word for word in (*GONE, *STAYS) if word in told] == []


def test_the_same_name_gets_the_same_placeholder_in_every_field() -> None:
    profile = Profile("u", "", "My daughter Hania sings. Hania is fifteen.", "", "Asked Ravi about Hania in Leeds.")
    (persona,), _ = make_anonymous([profile], SECRET)
    named = [one for one in find("My daughter Hania sings.") if one.kind in ("PERSON", "LOCATION")]
    assert named, "the model knows the name"
    assert persona.about.count(" 1]") == 2
    assert "Hania" not in persona.recent_activities


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("i live in leeds and like it", "leeds"),
        ("hey my name is kevin and i cook", "kevin"),
        ("find me as night.owl77 there", "night.owl77"),
        ("see https://forum.example.org/u/42 for more", "https://forum.example.org/u/42"),
        ("mail a.b-c@mail.example.co.uk please", "a.b-c@mail.example.co.uk"),
    ],
)
def test_lower_case_and_odd_forms_are_found(text: str, said: str) -> None:
    assert said in [text[one.start : one.end] for one in find(text)]


@pytest.mark.parametrize(
    "text", ["I am an INFP and feel sad.", "Mum and Dad came.", "I work at home, 9 to 5.", "I am 5w4."]
)
def test_what_everybody_says_stays(text: str) -> None:
    assert find(text) == []


def test_user_names_are_hashed_with_the_secret() -> None:
    assert hashed_name("NightOwl_77", SECRET) == hashed_name(" nightowl_77", SECRET)
    assert hashed_name("NightOwl_77", SECRET) != hashed_name("NightOwl_77", b"y" * 32)
    # HMAC-SHA256 of RFC 4231, test case 2.
    assert hashed_name("what do ya want for nothing?", b"Jefe") == "5bdcc146bf60754e"


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KARDIA_SECRET", raising=False)
    first = secret_of(tmp_path / "home")
    assert secret_of(tmp_path / "home") == first
    assert (tmp_path / "home/secret.key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("KARDIA_SECRET", "told by the environment")
    assert secret_of(tmp_path / "home") == b"told by the environment"


def test_profiles_come_from_lines_tables_and_raw_text(tmp_path: Path) -> None:
    lines = tmp_path / "p.jsonl"
    raw = "MBTI: INFP\nAbout: quiet\nSignature: so long\nRecent Activities: read"
    rows = [
        {"username": "a", "bio": "x"},
        {"person": raw, "anon_username": "b"},
        {"persona": {"about": "y", "mbti": "ISTJ"}},
    ]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_profiles(lines) == [
        Profile("a", "", "x", "", ""),
        Profile("b", "INFP", "quiet", "so long", "read"),
        Profile("", "ISTJ", "y", "", ""),
    ]
    table = tmp_path / "p.csv"
    table.write_text(
        'user 1 personas,user 2 personas,talk\n"I bake.\nI knit.",I fly.,Hi\n"I bake.\nI knit.",I swim.,Hi\n'
    )
    assert [profile.about for profile in read_profiles(table)] == ["I bake.\nI knit.", "I fly.", "I swim."]


@pytest.mark.parametrize(
    ("text", "told"), [("{", "line 1: is not JSON"), ("[]", "is not a JSON object"), ("", "holds no profile")]
)
def test_a_file_that_holds_none_is_refused(
    tmp_path: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(text)
    assert main(["personas", str(file), "--out", str(tmp_path / "o.jsonl"), "--home", str(tmp_path)]) == 1
    assert told in capsys.readouterr().err


def test_the_command_writes_personas_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps(PLANTED._asdict()))
    assert main(["personas", str(file), "--out", str(tmp_path / "o.jsonl"), "--home", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "1 profiles, 1 of them changed" in told
    assert [word for word in GONE if word in told + (tmp_path / "o.jsonl").read_text()] == []
    assert json.loads((tmp_path / "o.report.json").read_text())["profiles"] == 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="no data sets in ../shared/data")
def test_personas_of_synthetic_persona_chat_come_in() -> None:
    profiles = read_profiles(SHARED / "synthetic_persona_chat/spc_valid.csv.gz")
    assert len(profiles) == len(set(profiles)) > 1500
    assert all("\n" in profile.about or profile.about for profile in profiles)
