"""What a change of a rubric would do, in sentences. A number that is not known is said to be unknown, never 0."""

from collections.abc import Mapping

from db.impact import Impact

NAMED = 4  # so many criteria are named in a sentence; more are counted


def summary(impact: Impact, names: Mapping[str, str]) -> list[str]:
    """The sentences to read first, the widest consequence before the narrower ones; empty when nothing is known.

    `names` are the criteria's names by id.
    """
    told = [_rewards(impact), _passing(impact), _unknown(impact, names), _gold(impact), _groups(impact)]
    return [sentence for sentence in told if sentence]


def is_empty(impact: Impact) -> bool:
    """Whether nothing that was judged or marked so far bears on the change."""
    counted = (impact.rows, impact.judged, impact.unknown_until_judged, impact.groups, impact.groups_left_out)
    gold = (impact.gold_contradicted_count, impact.gold_resolved_count)
    return not any((*counted, *gold, *impact.left_out.values(), *impact.marks))


def many(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 turn", "1,240 turns"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def listed(ids: tuple[str, ...], names: Mapping[str, str]) -> str:
    """Criteria by name: "Empathy and Safety"; only counted when there are more than a few."""
    if len(ids) > NAMED:
        return many(len(ids), "criterion", "criteria")
    told = [names.get(one, one) for one in ids]
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told)


def moved_words(impact: Impact) -> str:
    """Where rewards move, such as "their mean rises by 0.02, and the furthest falls by 0.31"; "" where none moves."""
    if not impact.moved or impact.mean_move is None or impact.largest_move is None:
        return ""
    return f"the mean of all {_went(impact.mean_move)}, and the one that moves furthest {_went(impact.largest_move)}"


def _rewards(impact: Impact) -> str:
    if not impact.rows:
        return ""
    scored = many(impact.rows, "scored answer")
    if not impact.moved:
        return f"Of {scored}, no reward moves."
    verb = "reward moves" if impact.moved == 1 else "rewards move"
    return f"Of {scored}, {impact.moved:,} {verb}: {moved_words(impact)}."


def _went(move: float) -> str:
    """A direction and a distance; one too small for two digits is not said to be 0."""
    size = f"{abs(move):.2f}" if abs(move) >= 0.005 else "less than 0.01"
    return "stays the same" if move == 0 else f"{'rises' if move > 0 else 'falls'} by {size}"


def _passing(impact: Impact) -> str:
    if not impact.judged:
        return ""
    if not impact.to_fail_count and not impact.to_pass_count:
        return f"The same {many(impact.passes_after, 'answer passes', 'answers pass')} as before."
    fail, newly = impact.to_fail_count, impact.to_pass_count
    told = [f"{many(fail, 'answer')} no longer {_pass(fail)}"] if fail else []
    told += (
        [f"{newly:,}{'' if fail else ' answer' if newly == 1 else ' answers'} newly {_pass(newly)}"] if newly else []
    )
    return f"{', '.join(told)}: {impact.passes_before:,} passed, {impact.passes_after:,} would."


def _pass(number: int) -> str:
    return "passes" if number == 1 else "pass"


def _unknown(impact: Impact, names: Mapping[str, str]) -> str:
    if not impact.criteria_to_judge:
        return ""
    which = listed(impact.criteria_to_judge, names)
    asked = f"until {which} {'is' if len(impact.criteria_to_judge) == 1 else 'are'} judged again"
    if not impact.unknown_until_judged:
        return ""
    return f"What becomes of {many(impact.unknown_until_judged, 'answer')} is not known {asked}."


def _gold(impact: Impact) -> str:
    against, resolved = impact.gold_contradicted_count, impact.gold_resolved_count
    told = [f"{_labels(against)} newly contradicted"] if against else []
    told += [f"{_labels(resolved)} no longer contradicted"] if resolved else []
    return f"{', '.join(told)}." if told else ""


def _labels(number: int) -> str:
    return f"{many(number, 'gold label')} {'is' if number == 1 else 'are'}"


def _groups(impact: Impact) -> str:
    if not impact.groups:
        return ""
    groups = many(impact.groups, "training group")
    if turned := impact.groups_sign_changed:
        return f"In {turned:,} of {groups} training would favour or hold back other answers than before."
    if moved := impact.groups_order_changed:
        return f"In {moved:,} of {groups} answers change places, but training would favour the same ones."
    return f"In {groups}, training would favour the same answers."
