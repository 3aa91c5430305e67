"""Reading: what a criterion lets its judge see, too little for the question or more than is good for it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from rubrics.lint.rule import Found, Told
from rubrics.lint.words import first_match, plain
from rubrics.schema import Criterion, Part, Rubric

OF_THE_REPLY: tuple[Part, ...] = ("understanding", "reasoning", "emotion", "response")
OWN_THOUGHTS: frozenset[Part] = frozenset({"understanding", "reasoning"})


class _Need(NamedTuple):
    """Words that ask about a part, and the parts of which a judge must see one."""

    pattern: re.Pattern[str]
    any_of: tuple[Part, ...]


_PERSON = r"(?:person|user)"
_CONVERSATION = re.compile(
    rf"""\b(?:earlier|previous|preceding|prior|past)\s+(?:turns?|messages?|repl(?:y|ies)|responses?|exchanges?)\b
       | \b(?:latest|last|most\s+recent)\s+message\b
       | \bconversation\s+so\s+far\b
       | \b(?:in|throughout|over)\s+(?:the|this)\s+conversation\b
       | \bthe\s+{_PERSON}\s+(?:has\s+)?(?:just\s+|already\s+)?(?:said|says|asked|asks|wrote|writes|told|mentioned)\b
       | \bthe\s+{_PERSON}'s\s+(?:\w+\s+)?(?:message|question|words)\b
       | \b(?:said|asked|told)\s+(?:before|earlier)\b""",
    re.X,
)
_LABEL = r"\b(?:emotion|feeling)\s+(?:label|span|named\s+by\s+the\s+(?:assistant|reply|response))\b"
_OTHER_PARTS = (
    _Need(re.compile(rf"\b{_PERSON}'s\s+(?:background|circumstances)\b"), ("profile", "history", "situation")),
    _Need(re.compile(rf"{_LABEL}|\b(?:named|predicted)\s+emotion\b"), ("emotion",)),
    _Need(re.compile(r"\b(?:the|its|stated)\s+reasoning\b"), ("reasoning",)),
    _Need(re.compile(r"\bstated\s+understanding\b|\bunderstanding\s+(?:span|section|part)\b"), ("understanding",)),
    _Need(re.compile(r"\b(?:the|this|latest)\s+(?:response|reply)\b"), OF_THE_REPLY),
)
_PROFILE = re.compile(
    rf"\bpersona(?!l)|\b(?:the|this|their|his|her|{_PERSON}|{_PERSON}'s)\s+profile\b|\bprofile\s+details?\b"
)


def blind_persona(criterion: Criterion) -> Iterator[Told]:
    """Whoever judges fit to a person has to see that person's profile."""
    named = re.search(r"persona(?!l)|profile", f"{criterion.id} {criterion.name}".casefold())
    if (named or _PROFILE.search(plain(criterion.question))) and "profile" not in criterion.reads:
        yield Told("asks about the person's profile but does not read it", "add profile to reads")


def blind_history(criterion: Criterion) -> Iterator[Told]:
    """Whoever judges an answer to what was said has to see what was said."""
    words = first_match(_CONVERSATION, _asked(criterion))
    if words and "history" not in criterion.reads:
        yield Told(f"asks about the conversation (“{words}”) but does not read it", "add history to reads")


def blind_part(criterion: Criterion) -> Iterator[Told]:
    """A question about any other part that the judge is not shown: it will answer from imagination."""
    for need in _OTHER_PARTS:
        words = first_match(need.pattern, plain(criterion.question))
        if words and not set(need.any_of) & set(criterion.reads):
            yield Told(f"asks about “{words}” but reads nothing of it", f"add {need.any_of[-1]} to reads")


_LANGUAGE = re.compile(
    r"""\b(?:fluen\w+|gramma\w+|ungrammatical|spell\w+|punctuat\w+|readab\w+|legib\w+|typos?|wording|concise\w*|length
           |word\s+count|(?:natural|plain|correct)\s+(?:language|english)|broken\s+off|garbled)\b""",
    re.X,
)
_PEOPLE = re.compile(
    r"\b(?:person|people|user|profile|persona|someone|feelings?|suits?|situation|said|fits?|emotions?|reasoning)\b"
)
_NOT_FOR_LANGUAGE: tuple[Part, ...] = ("profile", "emotion", "understanding", "reasoning")


def language_with_profile(criterion: Criterion) -> Iterator[Told]:
    """A question about the language alone that shows who the person is: the impression of one colours the other."""
    words = first_match(_LANGUAGE, f"{plain(criterion.name)}. {plain(criterion.question)}")
    unneeded = " and ".join(part for part in _NOT_FOR_LANGUAGE if part in criterion.reads)
    if words and unneeded and not _PEOPLE.search(plain(criterion.question)):
        yield Told(
            f"asks only about the language (“{words}”) but also reads {unneeded}, which can colour the score",
            f"take {unneeded} out of reads",
        )


_ABOUT_THOUGHTS = re.compile(
    rf"""\breason(?:ing|s\s+through)
       | \b(?:its|own|stated|the|assistant's)\s+understanding\b
       | \bunderstanding\s+(?:and|of\s+the\s+{_PERSON})
       | \b(?:thoughts?|thinking|rationale|analysis|apprais\w+|interpretation|infer\w*|spans?|explanation|conclusion)\b
       | \bfollows?\s+from\b | \bconsisten\w+\b | \bcontradict\w*\b | \bmatch\w*\b | \bagrees?\s+with\b""",
    re.X,
)


def sees_its_excuses(criterion: Criterion) -> Iterator[Told]:
    """A question about the response that shows the assistant's own case for it: a good excuse scores like a deed."""
    thoughts = " and ".join(part for part in criterion.reads if part in OWN_THOUGHTS)
    if thoughts and "response" in criterion.reads and not _ABOUT_THOUGHTS.search(_asked(criterion)):
        yield Told(
            f"asks only about the response but reads the assistant's own {thoughts} too, where it can argue for itself",
            f"take {thoughts} out of reads, so that only what the person reads is judged",
        )


def reads_no_reply(rubric: Rubric) -> Iterator[Found]:
    """A criterion that no reply can change: every reply to the same message gets the same score."""
    for criterion in rubric.criteria:
        solves = rubric.purpose == "gate" and criterion.id == rubric.aggregate.solved_by
        if criterion.kind != "rule" and not solves and criterion.reads and not set(OF_THE_REPLY) & set(criterion.reads):
            yield Found(
                criterion.id, _SAME_FOR_ALL[rubric.purpose], "add response to reads, or leave the criterion out"
            )


_SAME_FOR_ALL = {
    "score": "reads nothing of the reply: all replies to one message get the same score, and training learns nothing",
    "flags": "reads nothing of the reply, so it cannot be a fault of the reply",
    "gate": "reads nothing of the reply, so writing the reply again can never mend it",
}


def _asked(criterion: Criterion) -> str:
    """Question and anchors as one text."""
    return ". ".join([plain(criterion.question), *(plain(text) for text in criterion.anchors.values())])
