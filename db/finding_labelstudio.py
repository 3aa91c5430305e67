"""What is found as tasks of Label Studio: a Paragraphs tag, and what each person marked as an annotation of theirs.

A mark on a turn is a label over its whole message: of `flag` with its severity, of `scored` with its number, of `noted`
with nothing but its note. Notes on a dialogue and what somebody finished stand beside the labels. Which rubric version
a mark is by, and who made it, are in the `meta` of its label; `completed_by` would name an account of Label Studio.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from db.rubric_versions import approved
from db.store import Store

Row = dict[str, Any]
_ABOUT = ("dialogue_id", "source", "persona_id", "mbti", "emotion", "situation")
_MARKS = ("flags", "scored_by", "noted_by", "finished_by")
_TO = {"to_name": "dialogue", "origin": "manual"}


def label_config(codes: Iterable[str], criteria: Iterable[str] = ()) -> str:
    """The labelling interface that shows these tasks, with a label for each flag code and each criterion scored."""
    return f"""<View>
  <Header value="$situation"/>
{_labels("flag", codes)}{_labels("scored", criteria)}{_labels("noted", ["note"])}\
  <Choices name="severity" toName="dialogue" perRegion="true" choice="single">
    <Choice value="yellow"/>
    <Choice value="none"/>
    <Choice value="red"/>
  </Choices>
  <Number name="score" toName="dialogue" perRegion="true"/>
  <TextArea name="note" toName="dialogue" perRegion="true"/>
  <Paragraphs name="dialogue" value="$dialogue" layout="dialogue" nameKey="author" textKey="text"/>
  <Header value="Notes on the whole dialogue"/>
  <TextArea name="dialogue_note" toName="dialogue"/>
  <Header value="Finished by rubric version"/>
  <TextArea name="finished" toName="dialogue"/>
</View>
"""


def interface(store: Store) -> str:
    """`label_config` for whatever this store's people may mark, and for what they did mark by rubrics since retired."""
    offered = [version.rubric for version in approved(store)]
    flags = [code for rubric in offered if rubric.purpose == "flags" for code in rubric.ids]
    scores = [code for rubric in offered if rubric.purpose != "flags" for code in rubric.ids]
    flags += [row["code"] for row in store.rows("SELECT DISTINCT code FROM current_flags ORDER BY code")]
    scores += [row["code"] for row in store.rows("SELECT DISTINCT code FROM current_scores ORDER BY code")]
    return label_config(dict.fromkeys(flags), dict.fromkeys(scores))


def _labels(name: str, values: Iterable[str]) -> str:
    """Label Studio takes no control without a label."""
    labels = "".join(f"    <Label value={quoteattr(value)}/>\n" for value in values)
    return f'  <ParagraphLabels name="{name}" toName="dialogue">\n{labels}  </ParagraphLabels>\n' if labels else ""


def task(row: Row) -> Row:
    """One dialogue, with an annotation of everybody who marked or finished it, in the order of their ids."""
    dialogue = [{"author": message["role"], "text": message["content"]} for message in row["messages"]]
    people = sorted({mark["person_id"] for name in _MARKS for mark in row[name]})
    return {
        "data": {**{name: row[name] for name in _ABOUT}, "dialogue": dialogue, "annotators": people,
                 "finished_by": row["finished_by"]},
        "annotations": [{"result": list(_result(_of(row, person), dialogue))} for person in people],
    }  # fmt: skip


def _of(row: Row, person: str) -> dict[str, list[Row]]:
    return {name: [mark for mark in row[name] if mark["person_id"] == person] for name in _MARKS}


def _result(marks: dict[str, list[Row]], dialogue: Sequence[dict[str, str]]) -> Iterator[Row]:
    places = [number for number, message in enumerate(dialogue) if message["author"] == "assistant"]

    def where(mark: Row) -> Row:
        return _whole(places[mark["turn_index"]], dialogue)

    for flag in marks["flags"]:
        yield from _region("flag", flag["code"], flag, where(flag))
    for score in marks["scored_by"]:
        yield from _region("scored", score["criterion_id"], score, where(score))
    for note in marks["noted_by"]:
        if note["turn_index"] is not None:
            yield from _region("noted", "note", note, where(note))
    yield from _texts("dialogue_note", [_about(note) for note in marks["noted_by"] if note["turn_index"] is None])
    finished = [f"{mark['rubric_id']} version {mark['rubric_version']}" for mark in marks["finished_by"]]
    yield from _texts("finished", finished)


def _whole(place: int, dialogue: Sequence[dict[str, str]]) -> Row:
    """All of one message. The browser counts in UTF-16 code units, in which an emoji is two."""
    text = dialogue[place]["text"]
    end = len(text.encode("utf-16-le")) // 2
    return {"start": str(place), "end": str(place), "startOffset": 0, "endOffset": end, "text": text}


def _region(name: str, label: str, mark: Row, where: Row) -> Iterator[Row]:
    """A label over the whole message and what belongs to it, tied together by one id."""
    told = {"by": mark["person_id"], "rubric_id": mark["rubric_id"], "rubric_version": mark["rubric_version"]}
    code = mark.get("code", label)
    told |= {"code": code} if code not in ("", label) else {}
    parts = (name, mark["person_id"], mark["rubric_id"], mark["turn_index"], code)
    one = {"id": "-".join(map(str, parts)), **_TO}
    value = where | {"paragraphlabels": [label]}
    yield {**one, "from_name": name, "type": "paragraphlabels", "value": value, "meta": told}
    if "severity" in mark:
        yield {**one, "from_name": "severity", "type": "choices", "value": where | {"choices": [mark["severity"]]}}
    if "value" in mark:
        yield {**one, "from_name": "score", "type": "number", "value": where | {"number": mark["value"]}}
    if mark["note"]:
        yield {**one, "from_name": "note", "type": "textarea", "value": where | {"text": [mark["note"]]}}


def _about(note: Row) -> str:
    return f"{note['code']}: {note['note']}" if note["code"] else str(note["note"])


def _texts(name: str, texts: list[str]) -> Iterator[Row]:
    """What stands beside the labels: its id is its own in each annotation."""
    if texts:
        yield {"id": name, **_TO, "from_name": name, "type": "textarea", "value": {"text": texts}}
