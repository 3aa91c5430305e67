"""A reply that a model gave on the page Try it, sent to the audit queue: it becomes a dialogue with its origin.

Only what is sent gets here. The dialogue is filed under the run whose model answered, so that lineage finds it when
somebody trains on it later; `extra` says who typed, what answered and what the judge made of it.
"""

from dataclasses import dataclass, field
from typing import Any

from db import history
from db.dialogue_rows import Origin, batch_of, insert_batch, row_of
from db.dialogues import Dialogue
from db.formats import Record
from db.people import Person, authorize
from db.store import Cursor, Store, now, rows_of
from pipeline.turns import Message
from rubrics.errors import UserError

SOURCE = "tried"


@dataclass(frozen=True)
class Talk:
    """What was said, the reply that is sent being its last message; `emotion` is one of the 32 or empty.

    `model` is a run id or the name of a base model. `judged` is what the judge said, as it is to be kept; None for
    nothing.
    """

    model: str
    messages: tuple[Message, ...]
    persona_id: str = ""
    person: str = ""
    mbti: str = ""
    situation: str = ""
    emotion: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    judged: dict[str, Any] | None = None


def send(store: Store, actor: Person, talk: Talk) -> str:
    """Keep the talk as a dialogue that everybody may audit; gives its id, the same however often it is sent.

    Raises UserError when there is no reply in it or the actor may not try models.
    """
    if not talk.messages or talk.messages[-1].role != "assistant":
        raise UserError("There is no reply to send yet; wait until the model has answered")
    return store.write(lambda cursor: _keep(cursor, actor, talk))


def tried_by(dialogue: Dialogue) -> dict[str, Any] | None:
    """Where a dialogue of this kind came from (by, model, settings, judged); None for any other."""
    told = dialogue.extra.get("tried")
    return told if isinstance(told, dict) else None


def _keep(cursor: Cursor, actor: Person, talk: Talk) -> str:
    who = authorize(cursor, actor, "try_model")
    row = row_of(_record(talk, who))
    dialogue_id = f"tried-{row.content_hash[:12]}"
    if rows_of(cursor, "SELECT 1 FROM dialogues WHERE dialogue_id = ?", [dialogue_id]):
        return dialogue_id
    is_run = rows_of(cursor, "SELECT 1 FROM runs WHERE run_id = ?", [talk.model])
    origin = Origin(talk.model if is_run else SOURCE, dialogue_id, now())
    insert_batch(cursor, batch_of([row]), [dialogue_id], origin)
    history.record(cursor, who, "reply_sent", "dialogue", dialogue_id, {"model": talk.model})
    return dialogue_id


def _record(talk: Talk, who: Person) -> Record:
    told = {"by": who.person_id, "model": talk.model, "settings": talk.settings, "judged": talk.judged}
    return Record(
        dialogue_id="",
        persona_id=talk.persona_id,
        persona=None,
        person=talk.person,
        mbti=talk.mbti,
        anon_username="",
        emotion=talk.emotion,
        source_emotion="",
        situation=talk.situation,
        messages=tuple((message.role, message.content) for message in talk.messages),
        extra={"tried": told},
    )


@dataclass(frozen=True)
class Start:
    """A dialogue of a persona as something to begin from: what is known of them, and how they began."""

    dialogue_id: str
    person: str
    mbti: str
    situation: str
    emotion: str
    opening: str


def starts(store: Store, persona_id: str, most: int = 50) -> list[Start]:
    """The first dialogues of a persona in order of arrival; those that were tried here are left out."""
    sql = """
        SELECT dialogue_id, person, mbti, situation, emotion,
            coalesce(list_filter(from_json(messages, '[{"role": "VARCHAR", "content": "VARCHAR"}]'),
                lambda one: one.role = 'user')[1].content, '') AS opening
        FROM dialogues WHERE persona_id = ? AND NOT json_exists(extra, '$.tried') ORDER BY ordinal LIMIT ?
    """
    return [Start(**row) for row in store.rows(sql, [persona_id, most])]
