"""A rubric as plain text that a person reads from top to bottom."""

import textwrap

from rubrics.schema import Aggregate, Criterion, Example, Rubric

WIDTH = 100


def rubric_text(rubric: Rubric) -> str:
    """The whole rubric: title, purpose, how scores become one number, then every criterion, wrapped at 100 columns."""
    head = [f"{rubric.title} ({rubric.id})", f"purpose {rubric.purpose} · {_total(rubric)}", f"hash {rubric.hash}"]
    head += ["", *_wrapped(rubric.instructions)] if rubric.instructions else []
    blocks = ["\n".join(head)]
    blocks += [f"{number}. {criterion_text(c)}" for number, c in enumerate(rubric.criteria, start=1)]
    blocks += [f"Archived, not in use: {criterion_text(c)}" for c in rubric.archived]
    return "\n\n".join(blocks)


def criterion_text(criterion: Criterion) -> str:
    """One criterion: question, facts, anchors from low to high, examples; lines after the first are indented."""
    lines = [f"{criterion.name} ({criterion.id})", *_wrapped(criterion.question), *_wrapped(_facts(criterion))]
    lines += _wrapped(f"Use when: {criterion.use_when}") if criterion.use_when else []
    lines += _wrapped(f"Avoid when: {criterion.avoid_when}") if criterion.avoid_when else []
    for score, anchor in sorted(criterion.anchors.items()):
        lines += _wrapped(f"{score} = {anchor}", hanging=4)
    for example in criterion.examples:
        first, *rest = f"Example, {example_text(example)}".splitlines()
        lines += _wrapped(first, hanging=4)
        lines += [line for text in rest for line in _wrapped(text, indent=7)]
    return "\n".join(lines)


def example_text(example: Example) -> str:
    """`score 2: what was said`, then on lines of their own the reason and the real turn that it was taken from."""
    because = f"\nbecause: {example.why}" if example.why else ""
    source = (
        f"\ntaken from {example.source.dialogue_id}, turn {example.source.turn_index + 1}" if example.source else ""
    )
    return f"score {example.score:g}: {example.text}{because}{source}"


def _total(rubric: Rubric) -> str:
    if rubric.purpose == "gate":
        return f"SOLVED when {rubric.aggregate.solved_by} holds and nothing fails"
    if rubric.purpose == "flags":
        return "each criterion is a flag of its own"
    reward = rubric.reward
    weights = f"format {reward.format:g}, emotion {reward.emotion:g}, rubric {reward.rubric:g}"
    return " · ".join([*_method(rubric.aggregate), f"reward {weights}"])


def _method(aggregate: Aggregate) -> list[str]:
    """How scores become one number, and what severities do beside it."""
    steep = f", saturation {aggregate.saturation:g}" if aggregate.method == "saturating" else ""
    facts = ["one overall score" if aggregate.scoring == "implicit" else f"{aggregate.method}{steep}"]
    facts += ["red at its worst sets the reward to 0"] if aggregate.red_veto else []
    cap, penalty = aggregate.yellow_cap, aggregate.yellow_penalty
    facts += [f"yellow at its worst keeps the reward at {cap:g} or below"] if cap is not None else []
    return facts + ([f"each yellow at its worst takes {penalty:g} off"] if penalty is not None else [])


def _facts(criterion: Criterion) -> str:
    low, high = criterion.scale
    facts = [f"{criterion.kind} {low}–{high}", f"reads {', '.join(criterion.reads)}"]
    facts += [f"weight {criterion.weight:g}"] if criterion.weight != 1 else []
    facts += [f"points {criterion.points:g}"] if criterion.points is not None else []
    facts += [criterion.rule.words] if criterion.rule else []
    facts += [f"severity {criterion.severity}"] if criterion.severity != "none" else []
    facts += [f"a score at or below {criterion.veto.at_or_below:g} sets the reward to 0"] if criterion.veto else []
    facts += [f"counts only as far as {criterion.limited_by} is met"] if criterion.limited_by else []
    return " · ".join(facts)


def _wrapped(text: str, indent: int = 3, hanging: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging))
