"""Try it: talk with a model as a persona, another beside it if one likes, and see what a judge makes of each reply."""

import streamlit as st

from db import people
from db.store import Store
from studio import session
from studio.widgets.care.resources import resources
from studio.widgets.model.list import PAGE
from studio.widgets.names import escaped
from studio.widgets.plain_text import plain_html, plain_text
from studio.widgets.talk.conversation import Bench, Person, Talk, say
from studio.widgets.talk.models import name_of, server_line
from studio.widgets.talk.reply import show_answer
from studio.widgets.talk.setup import choose_bench, choose_models, choose_person, choose_writing

_TALK = "talk"
# The newest replies can be sent by a key, the first model's and the second's.
_KEYS = ("Alt+A", "Alt+B")


def try_page(store: Store) -> None:
    """The whole page; what is chosen can be changed until the first word is said."""
    st.page_link(PAGE, label="All models", icon=":material/arrow_back:", query_params={})
    st.title("Try it")
    if not session.allowed("try_model"):
        able = [escaped(one.name) for one in people.people(store) if people.may(one, "try_model")]
        st.info(f"Models are tried by psychologists and researchers. Here: {', '.join(able)}.", icon=":material/info:")
        return
    _what_this_is()
    talk = _going_on()
    title = "Set-up" if talk is None else _in_short(talk)
    # By another key once it has begun, or it would stay as open as it was.
    key = "try_setup" if talk is None else "try_begun"
    with st.expander(title, key=key, expanded=talk is None, icon=":material/tune:"):
        if talk is None:
            models = choose_models(store)
            person, opening = choose_person(store)
            temperature, tokens = choose_writing()
            talk = Talk(models, person, temperature, tokens)
        else:
            opening = ""
            _as_set_up(talk)
        bench = choose_bench(store)
    typed = st.chat_input(f"Say something{_as_whom(talk.person)}", key="try_said", max_chars=4000)
    if not talk.said and opening and _begin_as_then(opening):
        typed = opening
    if typed and typed.strip():
        _say(store, talk, typed.strip(), bench)
    session.live(_conversation, "1s" if talk.is_awaited else None)(talk, talk.is_awaited)


def _going_on() -> Talk | None:
    """The talk of this session, unless the address asks for another model."""
    talk: Talk | None = st.session_state.get(_TALK)
    asked = st.query_params.get("try", "")
    if talk and asked and asked not in talk.models:
        _forget()
        return None
    return talk


def _what_this_is() -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key="try_note"):
        st.caption(
            "For examining a model. It is no counselling, and what it says may be wrong or hurtful. Nothing typed here "
            "is kept unless you send a reply to the audit queue. If it is about yourself, talk to a person:",
            width="stretch",
        )
        resources("resources_try")


def _as_whom(person: Person) -> str:
    return f" as {person.persona_id}" if person.persona_id else ""


def _in_short(talk: Talk) -> str:
    """Such as "GRPO model 3f9a and SmolLM2-135M (built in); you speak as p01"."""
    names = " and ".join(name_of(one) for one in talk.models)
    return escaped(f"{names}; you speak as {talk.person.persona_id or 'nobody in particular'}")


def _as_set_up(talk: Talk) -> None:
    """What this talk goes by; another set-up begins another talk."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        with st.container(width="stretch"):
            plain_text(talk.person.situation or "No situation was told.", "small")
        st.button("Begin anew", key="try_anew", icon=":material/restart_alt:", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(_TALK, None)


def _begin_as_then(opening: str) -> bool:
    """Offer to begin as the persona did in that dialogue."""
    with st.container(key="try_opening"):
        st.html(f'<div class="kardia-speaker">How they began then</div>{plain_html(opening, "user")}')
        return st.button("Begin with this", key="try_begin", icon=":material/chat:")


def _say(store: Store, talk: Talk, text: str, bench: Bench | None) -> None:
    st.session_state[_TALK] = talk
    say(store.home, talk, text, bench)
    st.rerun()


def _conversation(talk: Talk, was_awaited: bool) -> None:
    """Every exchange, each model in a column of its own; drawn anew each second while something is to come."""
    if was_awaited and not talk.is_awaited:
        st.rerun()
    for model, column in zip(talk.models, st.columns(len(talk.models)), strict=True):
        with column:
            st.markdown(f"**{escaped(name_of(model))}**")
            server_line(model)
    for place, said in enumerate(talk.said):
        st.html(f'<div class="kardia-said"><div class="kardia-speaker">You</div>{plain_html(said, "user")}</div>')
        newest = place == len(talk.said) - 1
        for model, key, column in zip(talk.models, _KEYS, st.columns(len(talk.models)), strict=False):
            with column, st.container(key=f"answer_{talk.models.index(model)}_{place}"):
                show_answer(talk, model, place, key if newest else None)
