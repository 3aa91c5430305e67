"""Input fields that write into a draft's body, which is saved at once: nothing typed hangs on a widget or a button.

The body is the truth: a widget is only told what to show when it shows something else, because a browser that is told
drops what is being typed there. Each widget also carries the body's value as its default: a click that cuts a run short
can keep the browser from ever being told, and it would then send the default back as if a person had chosen it.

What a browser sends right after it was told may have been on its way before: the old value, which nobody chose again.
It is not taken for a choice, or one writer's page would undo what another has just written.

A browser also keeps what is typed until it was heard. What it kept through a reload, a crash or a studio that was
killed comes back through `left_over`.
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Literal, TypeVar

import streamlit as st

from studio.widgets.rubric import saving
from studio.widgets.rubric.bodies import Body, set_field

Write = Callable[[Any], None]
T = TypeVar("T")

TWO_LINES = 130  # characters that a field of the form holds in two lines, in a narrow window nearly
SHORT_PX = 96  # the least that a text area with a label can be
_DRAWN, _HEARD, _TOLD, _TEXTS = "draft_fields", "draft_fields_heard", "draft_fields_told", "draft_texts"
_ECHO_S = 3.0  # so long after a field was told another value, the one before it is taken to have been on its way
_REMEMBERED = 8  # fields that can be on their way at once: nobody types in more between two runs of the page


def begin() -> None:
    """Forget which fields were on the page; called before the first is drawn."""
    st.session_state[_DRAWN], st.session_state[_TEXTS] = [], {}


def drawn() -> list[str]:
    """The keys of the fields on the page: what is typed in one of these is saved without anybody asking."""
    return list(st.session_state.get(_DRAWN, []))


def shown() -> dict[str, str]:
    """What the fields of text on the page say, by which a browser knows what it need not keep any more."""
    return {key: value for key, (value, _) in st.session_state.get(_TEXTS, {}).items()}


def left_over(kept: Mapping[str, Mapping[str, str]]) -> list[saving.LeftOver]:
    """What a browser kept (by the field's key: `was` and `value`), of the fields of text that are on the page."""
    texts: dict[str, tuple[str, Write]] = st.session_state.get(_TEXTS, {})
    known = [(key, one) for key, one in kept.items() if key in texts]
    return [saving.LeftOver(texts[key][1], str(one["was"]).strip(), str(one["value"]).strip()) for key, one in known]


def heard() -> dict[str, Any]:
    """The fields that were taken over last, with their values, by which a browser knows that it was heard."""
    found: dict[str, Any] = st.session_state.get(_HEARD, {})
    return found


def into(piece: Body, field: str, default: Any) -> Write:
    """What writes one field of a piece; its default is the same as saying nothing."""
    return lambda value: set_field(piece, field, value, default)


def text(label: str, key: str, value: str, write: Write, **options: Any) -> None:
    """One line of text."""
    default = _show_text(key, value, write)
    st.text_input(label, value=default or "", key=key, on_change=_take, args=(key, write), **options)


def long_text(label: str, key: str, value: str, write: Write, **options: Any) -> None:
    """Several lines of text; the field grows with them."""
    default = _show_text(key, value, write)
    height: Literal["content"] | int = "content" if len(value) > TWO_LINES or value.count("\n") > 1 else SHORT_PX
    st.text_area(label, value=default or "", key=key, height=height, on_change=_take, args=(key, write), **options)


def number(label: str, key: str, value: float, write: Write, step: float = 0.5, **options: Any) -> None:
    """A number; an emptied field keeps the last one."""
    default = _show(key, value)
    shown: float | Literal["min"] = "min" if default is None else default
    # %g writes a number as people do: what is taken over while somebody is still in the field looks as they typed it.
    written: dict[str, Any] = {} if isinstance(value, int) else {"format": "%g"}
    st.number_input(
        label, value=shown, key=key, step=step, on_change=_take_number, args=(key, write), **written, **options
    )


def choice(label: str, key: str, value: Any, options: Sequence[Any], words: Callable[[Any], str], write: Write) -> None:
    """One of several; a stored value that is not among the options is offered as well, so that it is not lost.

    `words` must say the same of an option on every run: a browser remembers its choice by the label.
    """
    offered = list(options) if value in options else [*options, value]
    index = 0 if _show(key, value) is None else offered.index(value)
    st.selectbox(label, offered, index=index, key=key, format_func=words, on_change=_take, args=(key, write))


def several(
    label: str,
    key: str,
    value: list[Any],
    options: Sequence[Any],
    words: Callable[[Any], str],
    write: Write,
    **more: Any,
) -> None:
    """Any of several, in the order of the options."""
    default = _show(key, value, lambda a, b: set(a) == set(b))
    st.multiselect(
        label,
        options,
        default=default,
        key=key,
        format_func=words,
        on_change=_take,
        args=(key, lambda chosen: write([one for one in options if one in chosen])),
        **more,
    )


def _show_text(key: str, value: str, write: Write) -> str | None:
    st.session_state.setdefault(_TEXTS, {})[key] = (value, write)
    return _show(key, value, _same_text)


def _show(key: str, value: T, same: Callable[[Any, Any], bool] = lambda a, b: bool(a == b)) -> T | None:
    """The default to give the widget; None where it stands and is told another value (one may not do both)."""
    st.session_state.setdefault(_DRAWN, []).append(key)
    if key in st.session_state and not same(st.session_state[key], value):
        st.session_state.setdefault(_TOLD, {})[key] = (st.session_state[key], value, monotonic())
        st.session_state[key] = value
        return None
    return value


def _is_echo(key: str) -> bool:
    """Whether the browser sent what the field showed before it was told; if so, it is told once more."""
    before, value, when = st.session_state.get(_TOLD, {}).get(key, (None, None, 0.0))
    if monotonic() - when > _ECHO_S or st.session_state[key] != before:
        return False
    st.session_state[key] = value
    return True


def _same_text(shown: str | None, value: str) -> bool:
    return (shown or "").strip() == value.strip()


def _take(key: str, write: Write) -> None:
    if _is_echo(key):
        return
    value = st.session_state[key]
    write(value.strip() if isinstance(value, str) else value)
    _keep(key, value)


def _take_number(key: str, write: Write) -> None:
    if _is_echo(key):
        return
    value = st.session_state[key]
    if value is not None:
        write(value)
    _keep(key, value)


def _keep(key: str, value: Any) -> None:
    """Saved here and not by the page: a click on a link to another page still takes the field over on its way."""
    saving.save_all()
    earlier = {name: said for name, said in heard().items() if name != key}
    told = value if isinstance(value, str | int | float) else ""
    st.session_state[_HEARD] = dict([*earlier.items(), (key, told)][-_REMEMBERED:])
