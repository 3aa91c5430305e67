"""Dialogue files in and out, with third-party files as they are and with files that are broken in every way we know."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import exchange
from db.dialogues import dialogue, inputs_frame, sources
from db.exchange import export_lines, import_file, import_lines, imports, problems
from db.history import recent
from db.people import SYSTEM, Person, add_person
from db.store import Store
from pipeline.turns import turns_of
from rubrics.errors import UserError

GOOD = """<|understanding_begin|>She is worn out.<|understanding_end|>
<|reasoning_begin|>Rest comes first.<|reasoning_end|>
<|emotion_begin|>anxious<|emotion_end|>
<|response_begin|>That sounds exhausting.<|response_end|>"""
XML = GOOD.replace("_begin|>", ">").replace("<|", "<").replace("_end|>", ">")
for _name in ("understanding", "reasoning", "emotion", "response"):
    _first, _, _rest = XML.partition(f"<{_name}>")
    XML = f"{_first}<{_name}>{_rest.replace(f'<{_name}>', f'</{_name}>', 1)}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def line(**changes: Any) -> dict[str, Any]:
    """A KardiaBench line; a change to None takes the field away."""
    whole = {
        "dialogue_id": "k1",
        "person": "MBTI: INFP\nAbout: I paint at night.\nSignature: slow is smooth\nRecent activities: a new job",
        "mbti": "INFP",
        "anon_username": "user_7f",
        "emotion": "anxious",
        "situation": "A new job.",
        "messages": [
            {"role": "system", "content": "You listen."},
            {"role": "user", "content": "I start on Monday."},
            {"role": "assistant", "content": GOOD},
        ],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    path.write_text(text, encoding="utf-8")
    return path


def records(path: Path) -> list[dict[str, Any]]:
    """A public file as plain data, read without any code of ours."""
    with gzip.open(path) as lines:
        return [json.loads(text) for text in lines]


def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    tables = ("dialogues", "turns", "personas", "imports", "import_problems", "history")
    return {table: store.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}


# --- third-party files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "format", "dialogues"),
    [
        ("empatheticdialogues/ed_train.jsonl.gz", "empatheticdialogues", 19_553),
        ("empatheticdialogues/ed_valid.jsonl.gz", "empatheticdialogues", 2_762),
        ("esconv/esconv_train.jsonl.gz", "esconv", 910),
        ("esconv/esconv_valid.jsonl.gz", "esconv", 195),
    ],
)
def test_every_dialogue_of_a_public_file_arrives_once(
    store: Store, shared_data: Path, file: str, format: str, dialogues: int
) -> None:
    said = records(shared_data / file)
    listeners = {"empatheticdialogues": ("utterances", "listener"), "esconv": ("dialog", "sys")}[format]
    answers = sum(piece["speaker"] == listeners[1] for one in said for piece in one[listeners[0]])

    report = import_file(store, SYSTEM, shared_data / file)

    assert (report.format, report.dialogues_new, report.problems, report.renamed) == (format, dialogues, [], 0)
    assert report.turns == answers
    assert sources(store).to_dict("records") == [{"source": format, "dialogues": dialogues, "turns": answers}]
    assert store.rows("SELECT count(*) AS n FROM turns")[0]["n"] == answers

    before = everything(store)
    again = import_file(store, SYSTEM, shared_data / file)
    assert (again.dialogues_new, again.dialogues_known, again.turns) == (0, dialogues, 0)
    assert again.import_id == report.import_id
    assert everything(store) == before


def test_empathetic_dialogues_keep_every_word_and_the_nine_doubled_conversations(
    store: Store, shared_data: Path
) -> None:
    path = shared_data / "empatheticdialogues/ed_train.jsonl.gz"
    import_file(store, SYSTEM, path)
    said = {one["conv_id"]: one for one in records(path)}
    doubled = [conversation for conversation in said if conversation.endswith(" (1)")]
    assert len(doubled) == 9
    for conversation in [*doubled, *list(said)[:50]]:
        stored, original = dialogue(store, f"ed-{conversation}"), said[conversation]
        assert (stored.emotion, stored.situation) == (original["emotion"], original["situation"])
        roles = {"speaker": "user", "listener": "assistant"}
        assert stored.messages == tuple((roles[u["speaker"]], u["text"]) for u in original["utterances"])


def test_esconv_keeps_its_own_emotion_words_strategies_and_survey(store: Store, shared_data: Path) -> None:
    path = shared_data / "esconv/esconv_valid.jsonl.gz"
    import_file(store, SYSTEM, path)
    originals = records(path)
    ids = [row["dialogue_id"] for row in store.rows("SELECT dialogue_id FROM dialogues ORDER BY ordinal")]
    for dialogue_id, original in zip(ids, originals, strict=True):
        stored = dialogue(store, dialogue_id)
        assert (stored.emotion, stored.source_emotion) == ("", original["emotion_type"])
        assert len(stored.messages) == len(original["dialog"])  # nothing merged
        assert stored.extra["strategies"] == [u["strategy"] for u in original["dialog"] if u["speaker"] == "sys"]
        assert stored.extra["survey_score"] == original["survey_score"]


# --- KardiaBench -----------------------------------------------------------------------------------------------------


def test_a_kardiabench_line_arrives_with_person_persona_and_spans(store: Store, tmp_path: Path) -> None:
    report = import_file(store, SYSTEM, write(tmp_path / "k.jsonl", line()))
    stored = dialogue(store, "k1")
    assert (report.format, report.turns, stored.n_turns) == ("kardiabench", 1, 1)
    assert stored.person == line()["person"]
    assert [message.role for message in stored.messages] == ["system", "user", "assistant"]
    persona = store.rows("SELECT * FROM personas")[0]
    assert persona == {
        "persona_id": stored.persona_id,
        "mbti": "INFP",
        "about": "I paint at night.",
        "signature": "slow is smooth",
        "recent_activities": "a new job",
    }
    hashed = hashlib.sha256(GOOD.encode()).hexdigest()[:16]
    assert store.rows("SELECT * FROM turns") == [{"dialogue_id": "k1", "turn_index": 0, "text_hash": hashed}]
    turn = next(turns_of(inputs_frame(store, ["k1"])))
    assert turn.spans == ("She is worn out.", "Rest comes first.", "anxious", "That sounds exhausting.")
    entry = recent(store, subject_kind="import")[0]
    assert (entry.actor, entry.action, entry.subject_id) == ("kardia", "import_data", report.import_id)


def test_xml_spans_are_kept_in_the_pipe_form(store: Store, tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": XML}]
    assert "<response>" in XML
    assert "</response>" in XML
    import_file(store, SYSTEM, write(tmp_path / "x.jsonl", line(messages=messages)))
    assert dialogue(store, "k1").messages[1].content == GOOD


def test_an_assistant_message_without_markers_is_all_response(store: Store, tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello there"}]
    import_file(store, SYSTEM, write(tmp_path / "x.jsonl", line(messages=messages)))
    assert next(turns_of(inputs_frame(store, ["k1"]))).spans == ("", "", "", "Hello there")


def test_a_persona_object_becomes_profile_text_and_one_persona_for_many_dialogues(store: Store, tmp_path: Path) -> None:
    persona = {"persona_id": "p9", "mbti": "ESTJ", "about": "Nurse", "signature": "", "recent_activities": ["a", "b"]}
    first = line(person=None, persona=persona, mbti=None)
    import_file(store, SYSTEM, write(tmp_path / "p.jsonl", first, {**first, "dialogue_id": "k2"}))
    stored = dialogue(store, "k2")
    assert (stored.persona_id, stored.mbti) == ("p9", "ESTJ")
    assert stored.person == "MBTI: ESTJ\nAbout: Nurse\nRecent activities: a; b"
    assert store.rows("SELECT count(*) AS n FROM personas")[0]["n"] == 1


SECRET = "I never told anyone about the bridge"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{not json", "is not JSON: Expecting property name enclosed in double quotes at character 2"),
        ("[1, 2]", "is not a JSON object"),
        ("[" * 100_000, "is JSON too deep or too large to read"),
        (line(emotion="depression"), 'emotion "depression" is not one of the 32'),
        (line(emotion=SECRET), "emotion is not one of the 32"),
        (line(messages=[]), "has no messages"),
        (line(messages="hello"), 'has no list "messages", which every kardiabench line has'),
        (line(messages=[{"role": "user", "content": "  "}]), "message 1 has no text in content"),
        (
            line(messages=[{"role": "therapist", "content": SECRET}]),
            "message 1 has no role of system, user or assistant",
        ),
        (line(messages=[["user", SECRET]]), "message 1 has no role of system, user or assistant"),
        (line(messages=[{"role": ["user"], "content": SECRET}]), "message 1 has no role of system, user or assistant"),
        (line(situation=7), "situation is not text"),
        (line(persona=SECRET), "persona is not an object with persona_id, mbti, about, signature, recent_activities"),
        (
            '{"messages": [{"role": "user", "content": "\\ud800"}]}',
            "holds half of a surrogate pair, which is no character",
        ),
        (
            line(messages=[{"role": "assistant", "content": GOOD.replace("emotion_begin", "response_begin") + SECRET}]),
            "message 1: spans: expected the opening marker of emotion, found <|response_begin|> at character "
            f"{GOOD.index('<|emotion_begin')}",
        ),
    ],
)
def test_a_broken_line_is_named_quotes_nothing_and_stops_nothing(
    store: Store, tmp_path: Path, bad: dict[str, Any] | str, reason: str
) -> None:
    path = write(tmp_path / "some.jsonl", line(), "", bad, line(dialogue_id="k2"))
    report = import_file(store, SYSTEM, path)
    assert [(problem.line, problem.reason) for problem in report.problems] == [(3, reason)]
    assert report.dialogues_new == 2
    assert problems(store, report.import_id) == report.problems
    assert SECRET not in report.problems[0].reason
    assert imports(store).loc[0, "problems"] == 1


def test_bytes_that_are_not_utf8_break_one_line_only(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b'{"messages": "caf\xe9"}\n\xef\xbb\xbf' + json.dumps(line()).encode())
    report = import_file(store, SYSTEM, path)
    assert [tuple(problem) for problem in report.problems] == [(1, "is not UTF-8 text, at byte 18")]
    assert report.dialogues_new == 1


def test_different_dialogues_under_one_id_both_arrive_and_stay_known(store: Store, tmp_path: Path) -> None:
    other = line(situation="Another day.")
    path = write(tmp_path / "clash.jsonl", line(), other, line())
    report = import_file(store, SYSTEM, path)
    assert (report.dialogues_new, report.dialogues_known, report.renamed) == (2, 1, 1)
    ids = [row["dialogue_id"] for row in store.rows("SELECT dialogue_id FROM dialogues ORDER BY ordinal")]
    assert ids[0] == "k1"
    assert ids[1].startswith("k1~")
    assert dialogue(store, ids[1]).situation == "Another day."
    swapped = import_file(store, SYSTEM, write(tmp_path / "swapped.jsonl", other, line()))
    assert (swapped.dialogues_new, swapped.dialogues_known) == (0, 2)


@pytest.mark.parametrize("limits", [{"_BATCH": 2}, {"_BATCH": 3}, {"_BATCH_BYTES": 1500}])
def test_a_file_in_many_pieces_arrives_as_in_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    """Numbers of broken lines, renamed and doubled dialogues, and personas, whichever piece they fall into."""
    clashes = [line(dialogue_id=f"d{n % 4}", situation=f"Day {n % 5}.") for n in range(24)]
    anew = line(dialogue_id="p", persona={"persona_id": "p1", "about": "I paint."})
    path = write(tmp_path / "pieces.jsonl", "{broken", "", line(), *clashes, "{", anew, "", "[]")
    with closing(Store.open(tmp_path / "whole")) as whole:
        expected, in_one = import_file(whole, SYSTEM, path), rows_without_time(whole)
    for name, limit in limits.items():
        monkeypatch.setattr(exchange, name, limit)
    report = import_file(store, SYSTEM, path)
    assert [problem.line for problem in report.problems] == [1, 28, 31]
    assert replace(report, import_id="") == replace(expected, import_id="")
    assert rows_without_time(store) == in_one


def rows_without_time(store: Store) -> list[list[dict[str, Any]]]:
    dialogues = store.rows("SELECT * EXCLUDE (import_id, created_at) FROM dialogues ORDER BY ordinal")
    return [dialogues, *(store.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in ("turns", "personas"))]


def test_a_second_import_of_a_file_leaves_no_trace(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "k.jsonl", line(), "{broken", line(dialogue_id="k2"))
    first = import_file(store, SYSTEM, path)
    before = everything(store)
    again = import_file(store, SYSTEM, path)
    assert (again.dialogues_new, again.dialogues_known, again.turns) == (0, 2, 0)
    assert (again.import_id, again.problems) == (first.import_id, first.problems)
    assert everything(store) == before


def test_lines_without_an_id_get_the_same_one_every_time(store: Store, tmp_path: Path) -> None:
    nameless, other = line(dialogue_id=None), line(dialogue_id=None, extra_note="seen twice")
    import_file(store, SYSTEM, write(tmp_path / "a.jsonl", nameless, other))
    again = import_file(store, SYSTEM, write(tmp_path / "b.jsonl", other, nameless, line()))
    assert (again.dialogues_new, again.dialogues_known) == (1, 2)


def test_a_named_format_must_be_the_files(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "k.jsonl", line())
    with pytest.raises(UserError, match=r"k\.jsonl: no line is in the format esconv"):
        import_file(store, SYSTEM, path, "esconv")
    assert import_file(store, SYSTEM, path, "kardiabench").dialogues_new == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"name,age\nann,7\n", "line 1 is not JSON"),
        (b'{"text": "hello"}\n', "line 1 has no list of messages under messages, utterances, dialog"),
        (gzip.compress(b'{"messages": []}\n' * 1000, mtime=0)[:-20], "cut short or damaged"),
        (b"\x1f\x8b nonsense", "cut short or damaged"),
    ],
)
def test_a_file_that_is_no_dialogue_file_leaves_nothing_behind(
    store: Store, tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "file.jsonl"
    path.write_bytes(content)
    before = everything(store)
    with pytest.raises(UserError, match=says):
        import_file(store, SYSTEM, path)
    assert everything(store) == before


def test_a_missing_file_and_a_folder_are_said_to_be_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        import_file(store, SYSTEM, tmp_path / "nowhere.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        import_file(store, SYSTEM, tmp_path)


def test_nothing_of_a_file_stays_when_the_store_fails_half_way(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    before = everything(store)
    with monkeypatch.context() as patch:
        patch.setattr("db.exchange._insert_report", fail)
        with pytest.raises(RuntimeError):
            import_file(store, SYSTEM, write(tmp_path / "k.jsonl", line()))
    assert everything(store) == before
    assert import_file(store, SYSTEM, tmp_path / "k.jsonl").dialogues_new == 1


def test_who_may_not_import_or_export_is_refused_before_anything_happens(store: Store, tmp_path: Path) -> None:
    viewer = add_person(store, SYSTEM, "vera", "Vera", ["viewer", "annotator"])
    before = everything(store)
    with pytest.raises(UserError, match="Vera may not import data"):
        import_file(store, viewer, write(tmp_path / "k.jsonl", line()))
    with pytest.raises(UserError, match="Vera may not export data"):
        export_lines(store, viewer)
    pretender = Person("vera", "Vera", ("admin",))
    with pytest.raises(UserError, match="Vera may not import data"):
        import_file(store, pretender, tmp_path / "k.jsonl")
    assert everything(store) == before


def test_an_export_brings_everything_back_into_an_empty_store(store: Store, tmp_path: Path, shared_data: Path) -> None:
    import_file(store, SYSTEM, write(tmp_path / "k.jsonl", line(), line(situation="Another day."), line(mood="grey")))
    import_file(store, SYSTEM, shared_data / "esconv/esconv_valid.jsonl.gz")
    exported = list(export_lines(store, SYSTEM))
    assert len(exported) == 2 + 195

    same = import_lines(store, SYSTEM, (text.encode() for text in exported), "export", "export")
    assert (same.dialogues_new, same.dialogues_known, same.problems) == (0, 197, [])

    other = Store.open(tmp_path / "other")
    report = import_lines(other, SYSTEM, (text.encode() for text in exported), "export", "export")
    assert (report.dialogues_new, report.problems) == (197, [])
    ids = [row["dialogue_id"] for row in store.rows("SELECT dialogue_id FROM dialogues ORDER BY ordinal")]
    assert inputs_frame(other, ids).equals(inputs_frame(store, ids))
    assert len(list(turns_of(inputs_frame(other, ids)))) == store.rows("SELECT count(*) AS n FROM turns")[0]["n"]
    last = ids[-1]
    assert dialogue(other, last).extra["survey_score"] == dialogue(store, last).extra["survey_score"]
    other.close()


def test_dialogues_written_by_a_run_are_filed_under_that_run(store: Store) -> None:
    outputs = store.home / "runs" / "20261123-091204-regenerate-3f9a" / "outputs"
    outputs.mkdir(parents=True)
    import_file(store, SYSTEM, write(outputs / "dialogues.jsonl", line()))
    assert dialogue(store, "k1").source == "20261123-091204-regenerate-3f9a"


# --- what is kept of a line is the same whichever reader took it -----------------------------------------------------


def test_the_content_hash_is_of_plain_json_with_every_message_a_pair(store: Store, tmp_path: Path) -> None:
    odd = '\x00\x0b\x1f\x7f\u2028 "quoted" \\ / é \U0001f642\t\n'
    long = odd * 300  # hashed in several pieces
    said = [("user", odd), ("assistant", "Yes"), ("user", long)]
    messages = [{"role": role, "content": content, "mood": "calm"} for role, content in said]
    import_file(store, SYSTEM, write(tmp_path / "odd.jsonl", line(situation=odd, messages=messages)))
    fields = [line()["person"], "INFP", "user_7f", "anxious", "", odd, [[m["role"], m["content"]] for m in messages]]
    canonical = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    row = store.rows("SELECT messages, content_hash FROM dialogues")[0]
    assert row["content_hash"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert json.loads(row["messages"]) == [{"role": m["role"], "content": m["content"]} for m in messages]


def test_numbers_that_only_python_reads_and_the_last_of_two_equal_names_are_kept(store: Store, tmp_path: Path) -> None:
    text = json.dumps(line(size=10**30, share=0.1, none=[None])).replace('"mbti"', '"mbti": "ESTJ", "mbti"')
    import_file(store, SYSTEM, write(tmp_path / "numbers.jsonl", text))
    assert dialogue(store, "k1").mbti == "INFP"
    assert dialogue(store, "k1").extra == {"size": 10**30, "share": 0.1, "none": [None]}
