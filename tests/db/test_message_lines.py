"""Messages of a line taken all at once are what they are when each is looked at alone, faults and their words too."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from db.formats import BadLine, parse_line, record_of
from pipeline.spans import Spans, render_spans

WHOLE = render_spans(Spans("Tired.", "Rest.", "sad", "That is a lot."))
XML = "<understanding>a</understanding><reasoning>b</reasoning><emotion>c</emotion><response>d</response>"
TEXTS: some.SearchStrategy[Any] = some.sampled_from(
    [WHOLE, XML, WHOLE.replace("sad", " "), "plain <words>", "", " \n", "\x1c", None, 0, 7, ["a"], {}]
)
PIECES = some.one_of(
    some.fixed_dictionaries(
        {"role": some.sampled_from(["system", "user", "assistant", "ASSISTANT", None, 3]), "content": TEXTS}
    ),
    some.sampled_from([None, "user", 5, [], {}, {"role": "user"}, {"content": "a"}]),
)


def told(messages: list[Any]) -> Any:
    try:
        record = record_of(parse_line(json.dumps({"dialogue_id": "k", "messages": messages}).encode()), "kardiabench")
    except BadLine as error:
        return str(error)
    return record.messages


@given(some.lists(PIECES, min_size=1, max_size=4))
def test_together_and_alone_they_are_the_same(messages: list[Any]) -> None:
    alone = [told([message]) for message in messages]
    first_fault = next(((at, one) for at, one in enumerate(alone, start=1) if isinstance(one, str)), None)
    expected: Any = tuple(message for one in alone for message in one)
    if first_fault:
        at, words = first_fault
        expected = words.replace("message 1", f"message {at}", 1)
    assert told(messages) == expected
