"""Dialogues as they are written: what the person says, each draft, and what the evaluator made of it.

The journal is followed from where it was last read, so that a page need not read gigabytes every two seconds.
Turns that may be hard to read are covered as on the Audit page: by words, since nobody has flagged them yet.
"""

from dataclasses import dataclass, field

import streamlit as st

from db.themes import severe_themes_in
from pipeline.attempts import FILE, Exchange, Past, read_lines_from
from pipeline.rundir import RunDir
from pipeline.spans import read_spans
from pipeline.turns import Message
from studio.widgets.audit.turn_cover import COVERED
from studio.widgets.audit.turn_parts import folded_html, said_html, turn_html
from studio.widgets.care.reader import covers
from studio.widgets.plain_text import plain_html
from studio.widgets.run.words import amount

_SHOWN = 12
_TAIL = 4_000_000
_VERDICTS = {"PASS": "passed", "SOLVED": "passed, and the person has what they came for", "FAIL": "sent back"}
_ENDS = {
    "solved": "solved",
    "max_exchanges": "exchanges used up",
    "judge_failed": "no verdict",
    "call_failed": "endpoint failed",
}


@dataclass
class _Seen:
    """What this page has read of a journal: up to which byte, and the dialogues by when they last moved."""

    place: int = 0
    pasts: dict[str, Past] = field(default_factory=dict)


def watch(run: RunDir) -> None:
    """The dialogues that moved last, one of them open."""
    seen = _follow(run)
    if not seen.pasts:
        st.caption("The first words are on their way.")
        return
    newest = list(seen.pasts)[::-1][:_SHOWN]
    chosen = st.selectbox(
        "Dialogues as they are written, the newest first",
        ["", *newest],
        format_func=lambda one: _label(one, seen.pasts) if one else "Whichever was written to last",
        key="watched",
    )
    dialogue_id = chosen or newest[0]
    _dialogue(dialogue_id, seen.pasts[dialogue_id])


def _follow(run: RunDir) -> _Seen:
    """Take in what was written since; a first look begins near the end of a long journal."""
    file, key = run.path / FILE, f"watch_{run.run_id}"
    seen: _Seen = st.session_state.setdefault(key, _Seen())
    size = file.stat().st_size if file.is_file() else 0
    if size < seen.place:  # a torn line was cut off, or it is another file
        seen = st.session_state[key] = _Seen()
    if not seen.place and size > _TAIL:
        with file.open("rb") as handle:
            handle.seek(size - _TAIL)
            handle.readline()
            seen.place = handle.tell()
    for line, end in read_lines_from(file, seen.place):
        seen.place = end
        past = seen.pasts.pop(line["dialogue_id"], None) or Past()
        try:
            past.take_in(line)
        except IndexError:  # its beginning lies before where this page began to read
            continue
        seen.pasts[line["dialogue_id"]] = past
    while len(seen.pasts) > 5 * _SHOWN:
        del seen.pasts[next(iter(seen.pasts))]
    return seen


def _label(dialogue_id: str, pasts: dict[str, Past]) -> str:
    past = pasts[dialogue_id]
    how = _ENDS[past.ended_by] if past.ended_by else "being written"
    return f"{dialogue_id.rsplit('-', 1)[-1]} · {amount(len(past.exchanges), 'exchange')} · {how}"


def _dialogue(dialogue_id: str, past: Past) -> None:
    for number, exchange in enumerate(past.exchanges, start=past.first):
        key = (dialogue_id, number)
        if _hides(exchange) and key not in st.session_state.setdefault("watch_shown", set()):
            st.html(f'<div class="kardia-covered">{COVERED}</div>')
            st.button("Show this exchange", key=f"watch_show_{number}", on_click=_show, args=[key])
            continue
        st.html(said_html(Message("user", exchange.user_text)) + _drafts(exchange))


def _show(key: tuple[str, int]) -> None:
    st.session_state["watch_shown"].add(key)


def _hides(exchange: Exchange) -> bool:
    return covers() and bool(severe_themes_in("\n".join([exchange.user_text, *(d.text for d in exchange.drafts)])))


def _drafts(exchange: Exchange) -> str:
    """The answer that stands or the newest draft, and the others folded with what was said of them."""
    if not exchange.drafts:
        return ""
    shown = exchange.standing or exchange.drafts[-1]
    others = [draft for draft in exchange.drafts if draft is not shown]
    pieces = [f'<div class="kardia-speaker">Assistant · {_state(exchange)}</div>', turn_html(shown.text)]
    if shown.critique:
        pieces.append(folded_html("What the evaluator says", plain_html(shown.critique, "small")))
    if others:
        told = "".join(
            f'<div class="kardia-part">{plain_html(read_spans(one.text).response or one.text, "quiet")}'
            f"{plain_html(one.critique, 'small')}</div>"
            for one in others
        )
        pieces.append(folded_html(f"{amount(len(others), 'draft')} sent back, with the critique", told))
    return "".join(pieces)


def _state(exchange: Exchange) -> str:
    last = exchange.drafts[-1]
    if exchange.standing and exchange.standing.verdict == "FAIL":
        return "no revision passed, the best one stands"
    return _VERDICTS.get(last.verdict or "", "being judged")
