"""What a rubric is: criteria with anchors, how their scores become one number, and the hash that names a version."""

import hashlib
import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Purpose = Literal["score", "flags", "gate"]
Kind = Literal["likert", "binary", "points", "rule"]
Severity = Literal["none", "yellow", "red"]
Part = Literal["profile", "situation", "history", "understanding", "reasoning", "emotion", "response"]
Slug = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Anchor = Annotated[str, Field(min_length=1)]
Tag = Annotated[str, Field(min_length=1)]
Phrase = Annotated[str, Field(min_length=1)]

# The criterion that stands for all of them where a judge gives one score for the whole rubric.
OVERALL = "overall"
PARTS: tuple[Part, ...] = ("profile", "situation", "history", "understanding", "reasoning", "emotion", "response")


class _Piece(BaseModel):
    """Unknown keys are refused (a typo must not vanish); surrounding white space never counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Source(_Piece):
    """The real turn that an example was taken from: a link for people, which no judge is shown."""

    dialogue_id: str = Field(min_length=1)
    turn_index: int = Field(ge=0)


class Example(_Piece):
    """A worked example: what was said, the score it deserves, and why. For a flag, score 0 is a counter-example."""

    text: str = Field(min_length=1)
    score: float = Field(allow_inf_nan=False)
    why: str = ""
    source: Source | None = None


class Veto(_Piece):
    """A score at or below `at_or_below` sets the whole reward to 0: warmth cannot buy back harm."""

    at_or_below: float = Field(allow_inf_nan=False)


class Rule(_Piece):
    """What a criterion of kind rule looks for; it is computed and never asked of a judge.

    All that is set has to hold: the response has so many words (between white space), `says` at least one of some
    phrases and `avoids` all of others; `spans`: all four are there, in order and filled; `label`: the emotion span is
    one of the 32 labels.
    """

    max_words: int | None = Field(default=None, gt=0)
    min_words: int | None = Field(default=None, gt=0)
    spans: bool = False
    label: bool = False
    says: tuple[Phrase, ...] = ()
    avoids: tuple[Phrase, ...] = ()

    @model_validator(mode="after")
    def _can_be_kept_to(self) -> "Rule":
        if not self.words:
            raise ValueError("a rule must ask for something, such as {max_words: 30}")
        if self.max_words and self.min_words and self.min_words > self.max_words:
            raise ValueError(f"no reply has at least {self.min_words} and at most {self.max_words} words")
        return self

    @property
    def words(self) -> str:
        """The rule as a person would read it."""
        parts = [f"at most {self.max_words} words"] if self.max_words else []
        parts += [f"at least {self.min_words} words"] if self.min_words else []
        parts += ["all four spans in order"] if self.spans else []
        parts += ["one of the 32 emotions named"] if self.label else []
        parts += [f"says one of: {', '.join(self.says)}"] if self.says else []
        parts += [f"says none of: {', '.join(self.avoids)}"] if self.avoids else []
        return "; ".join(parts)


class Criterion(_Piece):
    """One question about one turn.

    `limited_by` names another criterion: this one counts only as far as that one is met. `tags` sort criteria as
    exchange formats do (HealthBench's axis:accuracy, say). `replaces` names the criteria that this one was split or
    merged from. None of the three is shown to a judge.
    """

    id: Slug
    name: str = Field(min_length=1)
    question: str = Field(min_length=1)
    kind: Kind = "likert"
    anchors: dict[int, Anchor] = {}
    points: float | None = Field(default=None, allow_inf_nan=False)
    weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    reads: tuple[Part, ...] = ("situation", "history", "response")
    examples: tuple[Example, ...] = ()
    severity: Severity = "none"
    veto: Veto | None = None
    limited_by: Slug | None = None
    rule: Rule | None = None
    use_when: str = ""
    avoid_when: str = ""
    tags: tuple[Tag, ...] = ()
    replaces: tuple[Slug, ...] = ()

    @field_validator("reads")
    @classmethod
    def _in_one_order(cls, reads: tuple[Part, ...]) -> tuple[Part, ...]:
        """What a judge may see is a set; one order keeps one hash."""
        if not reads:
            raise ValueError("must name at least one part of the dialogue, such as response")
        return tuple(part for part in PARTS if part in reads)

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> "Criterion":
        if self.kind == "likert" and len(self.anchors) < 2:
            raise ValueError("a likert criterion needs an anchor for at least two scores")
        if self.kind == "points" and not self.points:
            raise ValueError("a points criterion needs points other than 0")
        if self.kind == "rule" and self.rule is None:
            raise ValueError("a rule criterion needs its rule, such as {max_words: 30}")
        self._examples_within_scale()
        self._veto_within_scale()
        return self

    def _veto_within_scale(self) -> None:
        """A veto below the scale would never fire, and one at its top always: neither is what anybody means."""
        low, high = self.scale
        if self.veto and not low <= self.veto.at_or_below < high:
            raise ValueError(f"veto.at_or_below must be at least {low} and below {high}, the ends of the scale")

    def _examples_within_scale(self) -> None:
        low, high = self.scale
        for number, example in enumerate(self.examples, start=1):
            if not low <= example.score <= high:
                raise ValueError(f"example {number} has score {example.score:g}, outside {low}–{high}")

    @property
    def scale(self) -> tuple[int, int]:
        """Lowest and highest score a judge may give: the anchors' ends for likert, 0–1 for every other kind."""
        return (min(self.anchors), max(self.anchors)) if self.kind == "likert" else (0, 1)


class Aggregate(_Piece):
    """How the criteria's scores become one number (or, for a gate, one of FAIL, PASS, SOLVED).

    A turn passes a score rubric when nothing vetoes it and its number is at least `pass_mark` (0–1). `saturation` is
    how fast returns diminish under the method saturating (towards 0: not at all). With `scoring` implicit a judge gives
    one overall score instead of one for each criterion. With `red_veto` a red criterion at its worst sets the reward to
    0; each yellow one at its worst takes `yellow_penalty` off, or they keep the reward at `yellow_cap` or below.
    """

    method: Literal["weighted_mean", "points", "minimum", "saturating", "gate"] = "weighted_mean"
    solved_by: str | None = None
    pass_mark: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    saturation: float = Field(default=2.0, gt=0, le=20, allow_inf_nan=False)
    scoring: Literal["explicit", "implicit"] = "explicit"
    red_veto: bool = False
    yellow_cap: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    yellow_penalty: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_way_for_yellow(self) -> "Aggregate":
        if self.yellow_cap is not None and self.yellow_penalty is not None:
            raise ValueError("give yellow_cap or yellow_penalty, not both")
        return self


class RewardWeights(_Piece):
    """Weights of the three rewards; equal thirds as in Kardia-R1, section on Rubric-ERL."""

    format: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    emotion: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    rubric: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_weight(self) -> "RewardWeights":
        if self.total == 0:
            raise ValueError("at least one of format, emotion and rubric needs a weight above 0")
        return self

    @property
    def total(self) -> float:
        """Sum of the three weights, above 0."""
        return self.format + self.emotion + self.rubric


class Calibration(_Piece):
    """What a judge must reach against people before a model is trained on its verdicts, criterion by criterion.

    `min_labels` turns that judge and people scored, and `min_agreement` by (weighted) kappa. On criteria of severity
    red, besides: `min_red_faults` turns in which people see the fault, of which it misses at most `max_red_miss_rate`
    (0–1), and of the turns without it calls at most `max_red_false_alarms` (0–1) faulty.
    """

    min_labels: int = Field(default=30, ge=0)
    min_agreement: float = Field(default=0.4, ge=-1, le=1, allow_inf_nan=False)
    min_red_faults: int = Field(default=10, ge=0)
    max_red_miss_rate: float = Field(default=0.2, ge=0, le=1, allow_inf_nan=False)
    max_red_false_alarms: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)


class Rubric(_Piece):
    """A whole rubric. Its identity is `hash`; a version is (id, integer version, hash).

    `archived` criteria are asked of nobody and count for nothing; they are kept so that they can come back. `approvers`
    is how many psychologists must approve what comes after this version.
    """

    id: Slug
    title: str = Field(min_length=1)
    purpose: Purpose = "score"
    instructions: str = ""
    criteria: tuple[Criterion, ...]
    aggregate: Aggregate = Aggregate()
    reward: RewardWeights = RewardWeights()
    calibration: Calibration = Calibration()
    archived: tuple[Criterion, ...] = ()
    approvers: int = Field(default=1, ge=1, le=2)

    @field_validator("archived")
    @classmethod
    def _by_id(cls, archived: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        """Archived criteria have no order; one order keeps one hash."""
        return tuple(sorted(archived, key=lambda criterion: criterion.id))

    @model_validator(mode="after")
    def _criteria_make_sense_together(self) -> "Rubric":
        if not self.criteria:
            raise ValueError("a rubric needs at least one criterion")
        ids = [criterion.id for criterion in self.criteria]
        known = ids + [criterion.id for criterion in self.archived]
        if twice := sorted({i for i in known if known.count(i) > 1}):
            raise ValueError(
                f"criterion id {', '.join(twice)} is used more than once; ids must be unique, archived ones included"
            )
        if self.aggregate.method in ("weighted_mean", "saturating") and not any(c.weight for c in self.criteria):
            raise ValueError("every weight is 0, so no criterion could move the score")
        if (self.purpose == "gate") != (self.aggregate.method == "gate"):
            raise ValueError("purpose gate and aggregate.method gate go together: give both or neither")
        if self.purpose == "gate" and self.aggregate.solved_by not in ids:
            raise ValueError(
                "a gate needs aggregate.solved_by, the id of the criterion that says the dialogue is SOLVED"
            )
        self._points_can_be_earned()
        self._limits_make_sense()
        if self.aggregate.scoring == "implicit":
            self._overall_can_be_asked()
        return self

    def _points_can_be_earned(self) -> None:
        if self.aggregate.method != "points":
            return
        if without := [c.id for c in self.criteria if not c.points]:
            raise ValueError(f"aggregate.method points needs points for every criterion; {without[0]} has none")
        if not any(c.points and c.points > 0 for c in self.criteria):
            raise ValueError("aggregate.method points needs a criterion with points above 0, or nothing can be earned")

    def _limits_make_sense(self) -> None:
        """A limit goes between merits: with a fault on either side a better reply could earn less."""
        faults = {c.id for c in self.criteria if self.aggregate.method == "points" and (c.points or 0) < 0}
        for number, criterion in enumerate(self.criteria, start=1):
            other, where = criterion.limited_by, f"criterion {number} ({criterion.id}): limited_by"
            if other is None:
                continue
            if other == criterion.id or other not in self.ids:
                raise ValueError(f"{where} must name another criterion in use, not {other}")
            if fault := next((one for one in (criterion.id, other) if one in faults), None):
                raise ValueError(f"{where} goes between merits, and {fault} is a fault")

    def _overall_can_be_asked(self) -> None:
        if self.purpose != "score":
            raise ValueError("aggregate.scoring implicit is for rubrics of purpose score")
        if OVERALL in self.ids:
            raise ValueError(f"aggregate.scoring implicit keeps the id {OVERALL} for the overall score; rename yours")

    def criterion(self, criterion_id: str) -> Criterion:
        """The criterion of that id; KeyError if there is none."""
        return (
            next(c for c in self.criteria if c.id == criterion_id)
            if criterion_id in self.ids
            else _missing(criterion_id)
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """Criterion ids in the rubric's order."""
        return tuple(c.id for c in self.criteria)

    @property
    def canonical_json(self) -> str:
        """Sorted keys, no white space, defaults left out, so that a later optional field changes no old hash."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()


def _missing(criterion_id: str) -> Criterion:
    raise KeyError(criterion_id)


def slug(text: str) -> str:
    """A criterion or rubric id from a title: "Persona consistency" gives "persona_consistency"."""
    cleaned = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return cleaned if cleaned[:1].isalpha() else f"c_{cleaned}"
