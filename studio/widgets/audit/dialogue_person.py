"""Who writes in a dialogue: the persona as its source describes it."""

from html import escape

import streamlit as st

from db.dialogues import Dialogue
from db.formats import persona_from_text
from db.masking import is_masked
from studio import session
from studio.widgets.care.cover import covered_html
from studio.widgets.plain_text import plain_html

_FIELDS = {
    "about": "About",
    "signature": "Signature",
    "recent_activities": "Recent activities",
}


def person_panel(dialogue: Dialogue) -> None:
    """Emotion, MBTI, name, situation, then what the person tells of themselves, or that the source tells nothing."""
    facts = [("Feels", emotion_word(dialogue)), ("MBTI", dialogue.mbti), ("Name here", dialogue.anon_username)]
    facts += [("Persona", dialogue.persona_id), ("Source", dialogue.source)]
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    st.html(
        f'<dl class="kardia-facts">{rows}</dl>{_field("Situation", dialogue.situation or "The source tells none.")}'
    )
    if not dialogue.person.strip():
        st.caption(
            "Profiles are kept from your role here."
            if is_masked(session.here())
            else "The source does not describe the person."
        )
        return
    persona = persona_from_text(dialogue.persona_id, dialogue.person)
    told = [(label, getattr(persona, field)) for field, label in _FIELDS.items()]
    st.html(
        "".join(_field(label, text) for label, text in told if text)
        or covered_html(plain_html(dialogue.person, "quiet"), dialogue.person)
    )


def emotion_word(dialogue: Dialogue) -> str:
    """The dialogue's emotion, else its source's own word for it, else nothing."""
    if dialogue.emotion or not dialogue.source_emotion:
        return dialogue.emotion
    return f"{dialogue.source_emotion} (the source's own word)"


def _field(label: str, text: str) -> str:
    words = covered_html(plain_html(text, "quiet"), text)
    return f'<div class="kardia-part"><div class="kardia-speaker">{label}</div>{words}</div>'
