"""Wording: two questions in one, words that nobody can see, words that lead, negations that cancel out, and length."""

import re
from collections.abc import Iterable, Iterator

from rubrics.lint.rule import Told, levels
from rubrics.lint.scale import told_apart_by_degree
from rubrics.lint.words import STOP, any_of, first_match, plain, short, stem, terms, tokens
from rubrics.schema import Criterion

MOST_WORDS = 60
"""Words of a question that a reader keeps in mind; a longer one is told to be long and looked into no further."""


def _third(verbs: Iterable[str]) -> list[str]:
    """Verbs as a statement has them: "asks", "clarifies"."""
    return [f"{v[:-1]}ies" if v.endswith("ify") else f"{v}s" for v in verbs]


def _ing(verbs: Iterable[str]) -> list[str]:
    """Verbs as in "without providing"."""
    return [f"{v.removesuffix('e')}ing" for v in verbs]


def _verb(does: Iterable[str], may_do: Iterable[str]) -> str:
    object_begins = rf"{any_of(may_do)}\s+{any_of(terms('before_an_object'))}\b"
    return rf"(?:{any_of(does)}\b|{object_begins}|(?:keep|point|refer|stay)s?\s+(?:to|with)\b)"


_DOES, _MAY_DO = terms("does"), terms("may_do")
_STATES = _third(_DOES)
_VERBS = frozenset([*_DOES, *_MAY_DO, *_STATES, *_third(_MAY_DO)])
_ADVERB = r"(?:(?:also|then|not|never|\w+ly)\s+)*"
_ASKS = re.compile(r"^(?:do|does|did|can|could|will|would|should|might|has|is)\s+(?!not\b)")
_AUXILIARY = any_of(("are", "can", "could", "did", "do", "does", "has", "have", "is", "should", "was", "will", "would"))
_TWO = (
    re.compile(r"\band\s*/\s*or\b"),
    re.compile(
        rf"(?:\b(?:is|are|be|response|reply|assistant|it)|{any_of(_VERBS)})\s+"
        r"(?P<words>both\s+(?!of\b|sides\b|that\b)[^?.;]*?\sand\s+[\w'-]+)"
    ),
    re.compile(rf"\b(?:and|or)\s+(?:also\s+|then\s+)?{_AUXILIARY}\s+(?:the|it|its|this|there|they)\b"),
    re.compile(r"\band,?\s+if\s+(?:so|yes|not|no)\b"),
    re.compile(
        rf"\b{any_of(_VERBS)}\s+(?P<words>(?:how|what|why|whether)\b[^?.;]*?\band\s+(?:how|what|why|whether))\b"
    ),
    re.compile(
        r"\bwhile\s+(?:also|still|avoiding|maintaining|keeping|ensuring|remaining|respecting|offering)\b(?:\s+\w+)?"
    ),
)


def _one_after_the_other(does: Iterable[str], may_do: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?P<before>[\w'-]+),?\s+(?P<words>and\s+{_ADVERB}{_verb(does, may_do)})")


def _three(does: Iterable[str]) -> re.Pattern[str]:
    one = rf"{_ADVERB}{any_of(does)}"
    return re.compile(rf"\b{one},\s+{one},?\s+and\s+{one}\b")


# A question has "offer", a statement (HealthBench writes criteria so) has "offers".
_ASKED = (_three(_DOES), _one_after_the_other(_DOES, _MAY_DO))
_STATED = (_three(_STATES), _one_after_the_other(_STATES, _third(_MAY_DO)))


def compound(criterion: Criterion) -> Iterator[Told]:
    """One score for two questions: a reply that does one half has no score, and half is soon paid as the whole."""
    if words := two_in_one(short_question(criterion)):
        yield Told(
            f"the question asks for two things at once (“{words}”), and a reply that does only one has no fair score",
            "make two criteria of it, or ask for the one thing that matters and put the other into an anchor",
        )


def two_in_one(question: str) -> str:
    """The words that make one question two, or "". Lists of nouns or adjectives ("warm and natural") pass."""
    asked = re.findall(r"[^?.!]+\?", question)
    if len(asked) > 1:
        return short(asked[1].strip())
    return next((words for pattern in _TWO if (words := first_match(pattern, question))), "") or _two_doings(question)


def _two_doings(question: str) -> str:
    """One doing after another. Two verbs side by side share one object ("names and explores the feeling") and pass."""
    three, two = _ASKED if _ASKS.match(question) else _STATED
    if words := first_match(three, question):
        return words
    second = next((m for m in two.finditer(question) if not _shares_object(m["before"])), None)
    if second is None:
        return ""
    first = next((f"{word} … " for word in tokens(question[: second.start()]) if word in _VERBS), "")
    return first + second["words"]


def _shares_object(before: str) -> bool:
    return before in _VERBS or before.endswith("ly")


_VAGUE, _VAGUELY = any_of(terms("vague")), any_of(terms("vaguely"))
_OF_ITS_OWN = any_of([*_VERBS, *_ing(_DOES), *terms("of_its_own")])
# "Is the tone …" or "The tone is …": said of the reply, not of what it talks about.
_IT_IS = (
    rf"(?:(?:^|(?<=[.:]\s))is\s+(?:\w+\s+){{0,4}}?|{any_of(terms('of_a_reply'))}\s+(?:is|seems|sounds)\s+(?:\w+\s+)?)"
)
_VAGUE_IN_QUESTION = re.compile(
    rf"""\b(?:
        {_OF_ITS_OWN}\s+(?:it\s+)?(?:an?\s+|the\s+)?(?P<graded>{_VAGUE}\s+(?:\w+\s+)?{any_of(terms("of_a_reply"))})
      | {_IT_IS}(?P<is_so>{_VAGUE})(?=\W*$|\s+(?:for|to|in|given)\b)
      | {_IT_IS}(?P<so_much>{_VAGUELY}\s+\w+)
      | (?<!how\sto\s)(?P<does_so>{_VAGUELY}\s+{any_of(_VERBS)}(?!\s+(?:\w+\s+)?(?:that|by)\b))
      | {any_of([*_VERBS, *terms("meets")])}\s+(?:(?!how\b|to\b)\w+\s+){{0,2}}(?P<done_so>{_VAGUELY})
      | (?P<how_well>how\s+well)
      | (?P<quality>high[-\s]quality)
    )\b""",
    re.X,
)
_GRADES = frozenset(terms("grades", "vague", "vaguely"))


def vague_question(criterion: Criterion) -> Iterator[Told]:
    """A word of praise in the question that nothing else in the criterion spells out."""
    spelt_out = any(criterion.anchors.values()) or criterion.use_when or criterion.examples
    words = first_match(_VAGUE_IN_QUESTION, short_question(criterion))
    if words and not spelt_out:
        yield Told(
            f"“{words}” is in the eye of the beholder, and neither anchors nor examples say what to look for",
            "say what somebody would see in such a reply, or describe it in anchors",
        )


def vague_anchors(criterion: Criterion) -> Iterator[Told]:
    """Anchors that grade ("Good empathy") without naming anything that a reader could point at."""
    elsewhere = told_apart_by_degree(criterion)
    vague = [s for s, text in sorted(criterion.anchors.items()) if s not in elsewhere and only_grades(criterion, text)]
    if vague:
        yield Told(
            f"the anchor of {levels(vague)} grades without saying what to look for (“{criterion.anchors[vague[0]]}”)",
            "describe words or acts of a reply at that level which somebody could point at",
        )


def only_grades(criterion: Criterion, anchor: str) -> bool:
    """Whether nothing is left of an anchor without its grading words and the criterion's own name."""
    named = {stem(word) for word in tokens(criterion.name)}
    words = tokens(anchor)
    return bool(words) and not [w for w in words if w not in STOP and w not in _GRADES and stem(w) not in named]


_LEADS = re.compile(
    r"""\b(?:obviously|of\s+course|needless\s+to\s+say|undoubtedly|unquestionably|without\s+(?:a\s+)?doubt|surely
           |as\s+everyone\s+knows|don't\s+you\s+(?:think|agree))\b
      | \b(?:clearly|plainly|simply)\s+(?:good|bad|better|best|worse|wrong|right|great|poor|harmful|excellent)\b
      | ^(?:is|are|does|do|did|was|were|has|have|can|could|would|should)n't\b
      | ,\s*(?:(?:is|are|does|do|did|was|were|has|have)n't\s+\w+|right)\s*\?""",
    re.X,
)
_PRAISES_FIRST = re.compile(
    r"""\b(?:the|this|that|its)\s+(?:excellent|wonderful|great|brilliant|amazing|outstanding|perfect|beautiful|terrible
           |awful|horrible|terrific)\s+(?:response|reply|answer|assistant|supporter|advice|work)\b""",
    re.X,
)


def leading(criterion: Criterion) -> Iterator[Told]:
    """Words that tell a judge the answer before it has looked."""
    question = plain(criterion.question)
    texts = [question, *(plain(text) for text in criterion.anchors.values()), plain(criterion.use_when)]
    found = [first_match(_PRAISES_FIRST, question), *(first_match(_LEADS, text) for text in texts)]
    if words := next(filter(None, found), ""):
        yield Told(
            f"“{words}” suggests an answer before the reply has been read",
            "ask so that yes and no are equally easy to say, and leave the verdict to the score",
        )


_CANCELS_OUT = re.compile(
    r"""\b(?:not|never|\w+n't)\s+(?:\w+\s+)?(?:fail|avoid|lack|omit|neglect|refrain)s?\b
      | \b(?:not|never)\s+without\b
      | \b(?:fail|avoid|refrain)s?\s+(?:to\s+|from\s+)?(?:avoid|avoiding|not|refrain|omit|omitting|failing)\b
      | \bnot\s+(?:in|un|im)(?:appropriate|helpful|kind|safe|clear|likely|accurate|correct|sensitive|reasonable)\b""",
    re.X,
)


def double_negation(criterion: Criterion) -> Iterator[Told]:
    """Two negations in one question: judges lose count of which answer is the good one."""
    if words := first_match(_CANCELS_OUT, short_question(criterion)):
        yield Told(
            f"“{words}” negates twice, and a judge easily answers the opposite",
            "ask for the thing itself, without “not”",
        )


def too_long(criterion: Criterion) -> Iterator[Told]:
    """A question that has to be read twice: parts of it are forgotten, and everyone forgets another part."""
    count = len(plain(criterion.question).split())
    if count > MOST_WORDS:
        yield Told(
            f"the question is {count} words long, and everyone will hold on to another part of it",
            "keep one sentence; move definitions into anchors, and cases into when to use it and when not",
        )


def short_question(criterion: Criterion) -> str:
    """The question's own words, or "" for one so long that it defines its words as it goes."""
    question = plain(criterion.question)
    return question if len(question.split()) <= MOST_WORDS else ""
