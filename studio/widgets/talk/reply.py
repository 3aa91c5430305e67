"""One answer of a model: its four parts apart, what the judge makes of it, and the way to the audit queue."""

import time
from html import escape

import streamlit as st

from db import tried
from pipeline.endpoints import load_endpoints
from pipeline.reply_judge import Judged
from pipeline.spans import fault, find_marks, read_spans
from pipeline.turns import Message
from rubrics.errors import UserError
from rubrics.overall import as_asked
from studio import service, session
from studio.widgets.audit.turn_machine import expanded_html
from studio.widgets.audit.turn_parts import folded_html
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_html
from studio.widgets.run.words import OUTCOMES, amount, number
from studio.widgets.talk.conversation import Answer, Bench, Talk
from studio.widgets.talk.models import origin_of

_PARTS = ("understanding", "reasoning", "emotion")


def show_answer(talk: Talk, model: str, place: int, shortcut: str | None) -> None:
    """The answer as far as it has come; `shortcut` is the key that sends it, for the newest ones."""
    answer = talk.answers[model][place]
    if answer.problem:
        st.error(escaped(answer.problem), icon=":material/error:")
    elif answer.reply is None:
        text, tokens = answer.so_far
        if text.strip():
            st.html(plain_html(text, "quiet"))
        wrote = f", {amount(tokens, 'token')} of {talk.max_tokens} at most" if tokens else ""
        st.caption(f":material/hourglass_top: writing for {time.monotonic() - answer.asked_at:.0f} s{wrote}")
    else:
        st.html(answer_html(answer.reply.text, talk.person.emotion))
        cut = ", cut off by the limit of tokens" if answer.reply.truncated else ""
        st.caption(f"{amount(answer.reply.tokens, 'token')} in {answer.reply.seconds:.1f} s{cut}")
        _verdict(answer)
        _send(talk, model, place, shortcut)


def answer_html(text: str, gold: str) -> str:
    """What the person would see, then the model's other three parts, each by itself; a missing one says so."""
    spans, problem = read_spans(text), fault(text) if find_marks(text) else "it wrote none of their markers"
    shown = plain_html(spans.response, "response") if spans.response else _dim("No response: the person sees nothing.")
    pieces = [f'<div class="kardia-part"><div class="kardia-speaker">Response</div>{shown}</div>']
    if find_marks(text):
        pieces += [_part(name, getattr(spans, name), gold) for name in _PARTS]
    if problem:
        pieces.append(_dim(f"The four parts are not all in place: {problem}."))
        pieces.append(folded_html("As it was written", plain_html(text, "machine")))
    return "".join(pieces)


def _part(name: str, said: str, gold: str) -> str:
    body = plain_html(said, "quiet") if said else _dim("(missing)")
    asked = f" · expected: {gold}" if name == "emotion" and gold else ""
    return f'<div class="kardia-part"><div class="kardia-speaker">{name.capitalize()}{asked}</div>{body}</div>'


def _dim(words: str) -> str:
    return f'<div class="kardia-fault">{escape(words)}</div>'


def _verdict(answer: Answer) -> None:
    """The reward, unfolded to its criteria on a click; until it is there, that it is on its way."""
    if answer.bench is None:
        return
    if answer.judge_problem:
        st.warning(f"Not judged: {escaped(answer.judge_problem)}", icon=":material/balance:")
    elif answer.judged is None:
        st.caption(f":material/balance: {answer.bench.judge} is judging it")
    else:
        _reward(answer.judged, answer.bench)


def _reward(judged: Judged, bench: Bench) -> None:
    reward = judged.reward
    whole = f"Reward {number(reward.reward)}"
    if reward.outcome != "scored":
        whole = f"No reward: {OUTCOMES.get(reward.outcome, 'not judged').lower()}"
    head, ledger = expanded_html(reward, judged.verdicts, as_asked(bench.rubric))
    body = f"{head}{ledger}{_dim(_judge_words(bench.judge))}"
    st.html(f'<details class="kardia-fold"><summary><b>{escape(whole)}</b></summary>{body}</details>')


def _judge_words(judge: str) -> str:
    """Who judged, and whether that one is too weak to."""
    known = load_endpoints(service.home()).get(judge)
    weak = ", a weak model. Do not take its scores for a judgement" if known and known.weak else ""
    return f"Judge: {judge}{weak}."


def _send(talk: Talk, model: str, place: int, shortcut: str | None) -> None:
    answer = talk.answers[model][place]
    if answer.kept_as:
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"sent_{model}_{place}"):
            st.caption(":material/check: In the audit queue, for everybody who audits", width="content")
            st.page_link(
                "app_pages/audit.py",
                label="Open it there",
                query_params={"dialogue": answer.kept_as, "turn": str(_turns_before(talk, model, place))},
                width="content",
            )
        return
    pressed = st.button(
        "Send to the audit queue",
        key=f"send_{model}_{place}",
        icon=":material/outbox:",
        type="tertiary" if shortcut is None else "secondary",
        shortcut=shortcut,
    )
    if pressed:
        _sent(talk, model, place)


def _sent(talk: Talk, model: str, place: int) -> None:
    answer = talk.answers[model][place]
    try:
        answer.kept_as = tried.send(service.store(), session.here(), as_talk(talk, model, place))
    except UserError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    st.rerun(scope="fragment" if talk.is_awaited else "app")


def as_talk(talk: Talk, model: str, place: int) -> tried.Talk:
    """What is kept of a talk when the reply at `place` is sent: everything up to it, and where it came from."""
    answer, turn = talk.answers[model][place], talk.turn(model, place)
    origin = origin_of(model)
    settings = {"temperature": talk.temperature, "max_tokens": talk.max_tokens}
    who = talk.person
    return tried.Talk(
        model=origin.model,
        messages=(*turn.history, Message("assistant", turn.text)),
        persona_id=who.persona_id,
        person=who.profile,
        mbti=who.mbti,
        situation=who.situation,
        emotion=who.emotion,
        settings=settings if origin.step is None else settings | {"step": origin.step},
        judged=_as_kept(answer),
    )


def _as_kept(answer: Answer) -> dict[str, object] | None:
    """The reward and the scores behind it, without reasons: those are the judge's own words about what was typed."""
    if answer.judged is None or answer.bench is None:
        return None
    scores = {one.criterion_id: one.score for one in answer.judged.verdicts}
    bench = answer.bench
    by = {"judge": bench.judge, "rubric_id": bench.rubric.id, "rubric_version": bench.version}
    return {**by, "rubric_hash": bench.rubric.hash, **answer.judged.reward._asdict(), "scores": scores}


def _turns_before(talk: Talk, model: str, place: int) -> int:
    return sum(answer.reply is not None for answer in talk.answers[model][:place])
