"""A talk with one or two models while it goes on: what was said, what each answered, what the judge makes of it.

It lives in the session alone and is written down nowhere. Answers and verdicts come in threads of their own, so that a
reply is there before its verdict, and a page that is closed keeps nobody waiting.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipeline import served
from pipeline.prompts import assistant_messages
from pipeline.reply_judge import Judged, judge_reply
from pipeline.served import Reply
from pipeline.turns import Message, Turn
from rubrics.errors import UserError
from rubrics.schema import Rubric
from studio.widgets.run.model_names import require_nameable

# A large model is read from a disk that others use, too.
READY_WITHIN_S = 600.0
_LOOK_EVERY_S = 0.2
# One verdict at a time: two would start two judges and slow each other.
_judging = threading.Lock()


class Person(NamedTuple):
    """Who one speaks as: what the model is told of them, and the emotion that an answer should name, or none."""

    persona_id: str = ""
    profile: str = ""
    mbti: str = ""
    situation: str = ""
    emotion: str = ""


class Bench(NamedTuple):
    """What judges the replies: an endpoint's name and a rubric version."""

    judge: str
    rubric: Rubric
    version: int


@dataclass
class Answer:
    """One model's answer to one message: text and tokens so far, then the reply, then what the judge makes of it.

    `kept_as` is the dialogue that it was sent as.
    """

    bench: Bench | None
    asked_at: float = field(default_factory=time.monotonic)
    so_far: tuple[str, int] = ("", 0)
    reply: Reply | None = None
    problem: str = ""
    judged: Judged | None = None
    judge_problem: str = ""
    kept_as: str = ""

    @property
    def is_awaited(self) -> bool:
        """Whether something of it is still to come."""
        if self.reply is None:
            return not self.problem
        return bool(self.bench) and self.judged is None and not self.judge_problem


@dataclass
class Talk:
    """What was said to `models`, one or two, and the answers of each, message by message."""

    models: tuple[str, ...]
    person: Person
    temperature: float
    max_tokens: int
    said: list[str] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    @property
    def is_awaited(self) -> bool:
        """Whether any answer or verdict is still to come."""
        return any(answer.is_awaited for own in self.answers.values() for answer in own)

    def history(self, model: str, place: int) -> tuple[Message, ...]:
        """What this model reads before its answer number `place` (from 0): each model has its own past."""
        told: list[Message] = []
        for said, answer in zip(self.said[: place + 1], [*self.answers[model][:place], None], strict=True):
            told.append(Message("user", said))
            if answer and answer.reply:
                told.append(Message("assistant", answer.reply.text))
        return tuple(told)

    def turn(self, model: str, place: int) -> Turn:
        """The answer as a turn to be judged. It must be there."""
        reply = self.answers[model][place].reply
        if reply is None:
            raise ValueError(f"answer {place} is not there yet")
        who = self.person
        return Turn("talk", place, who.profile, who.situation, self.history(model, place), reply.text, who.emotion)


def say(home: Path, talk: Talk, text: str, bench: Bench | None) -> None:
    """Say something to every model of the talk; answers and verdicts come later, into `talk.answers`."""
    talk.said.append(text)
    for model in talk.models:
        talk.answers.setdefault(model, []).append(Answer(bench))
        _later(partial(_answered, home, talk, model, len(talk.said) - 1))


def _answered(home: Path, talk: Talk, model: str, place: int) -> None:
    answer = talk.answers[model][place]
    messages = assistant_messages(talk.person.profile, talk.person.situation, talk.history(model, place))

    def so_far(text: str, tokens: int) -> None:
        answer.so_far = (text, tokens)

    try:
        answer.reply = served.ask(_ready(home, model), messages, talk.max_tokens, talk.temperature, so_far)
    except UserError as error:
        answer.problem = str(error)
    except Exception as error:  # a thread has nobody to tell, and the page must not wait for ever; the text stays out
        answer.problem = f"something went wrong in the studio ({type(error).__name__})"
    if answer.reply and answer.bench:
        _judged(home, talk.turn(model, place), answer, answer.bench)


def _judged(home: Path, turn: Turn, answer: Answer, bench: Bench) -> None:
    try:
        with _judging:
            answer.judged = judge_reply(home, bench.judge, bench.rubric, bench.version, turn)
    except UserError as error:
        answer.judge_problem = str(error)
    except Exception as error:
        answer.judge_problem = f"something went wrong in the studio ({type(error).__name__})"


def _ready(home: Path, model: str) -> served.Served:
    """The model's server once it answers. Raises UserError when it does not come up."""
    require_nameable(model, home)
    served.start(home, model)
    deadline = time.monotonic() + READY_WITHIN_S
    while (found := served.look(home, model)).state == "starting" and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    if found.state != "ready":
        raise UserError(found.message or "the model could not be loaded in ten minutes; look whether memory is free")
    return found


def _later(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="try a model", daemon=True).start()
