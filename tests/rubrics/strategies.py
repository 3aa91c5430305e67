"""Random rubrics that are whole and valid, for property tests."""

from typing import Any

from hypothesis import strategies as st

from rubrics.schema import PARTS, Rubric

# Several scripts, YAML's own signs, odd line breaks; no white space at the ends, which never counts.
TEXT = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\n\t\x85\u2028"), min_size=1
    )
    .map(str.strip)
    .filter(bool)
)
WEIGHTS = st.one_of(st.integers(0, 5), st.floats(0, 10, allow_nan=False)).map(float)


@st.composite
def criteria(draw: st.DrawFn, criterion_id: str, points: bool = False) -> dict[str, Any]:
    """One criterion as plain data; with `points` it earns or loses some."""
    kind = draw(st.sampled_from(["likert", "binary"])) if not points else "points"
    told: dict[str, Any] = {"id": criterion_id, "name": draw(TEXT), "question": draw(TEXT), "kind": kind}
    if kind == "likert":
        scores = draw(st.lists(st.integers(-3, 9), min_size=2, max_size=5, unique=True))
        told["anchors"] = {score: draw(TEXT) for score in scores}
        low, high = min(scores), max(scores)
    else:
        low, high = 0, 1
    if points:
        told["points"] = draw(st.integers(1, 10)) * draw(st.sampled_from([1, 1, -1]))
    told["weight"] = draw(WEIGHTS)
    told["reads"] = draw(st.lists(st.sampled_from(PARTS), min_size=1, unique=True))
    if draw(st.booleans()):
        told["examples"] = [{"text": draw(TEXT), "score": draw(st.integers(low, high)), "why": draw(TEXT)}]
    if draw(st.integers(0, 2)) == 0:
        told["veto"] = {"at_or_below": draw(st.integers(low, high - 1))}
    told["severity"] = draw(st.sampled_from(["none", "none", "yellow", "red"]))
    return told


def _limit_some(draw: st.DrawFn, told: list[dict[str, Any]]) -> None:
    """Limits between merits."""
    merits = [one["id"] for one in told if one.get("points", 0) >= 0]
    for one in told:
        others = [merit for merit in merits if merit != one["id"]]
        if one["id"] in merits and others and draw(st.integers(0, 3)) == 0:
            one["limited_by"] = draw(st.sampled_from(others))


def severities() -> st.SearchStrategy[dict[str, Any]]:
    """What red and yellow criteria do to the reward."""
    shares = st.floats(0.01, 0.99)
    yellow = st.one_of(
        st.just({}), st.builds(lambda s: {"yellow_cap": s}, shares), st.builds(lambda s: {"yellow_penalty": s}, shares)
    )
    return st.builds(lambda red, other: {"red_veto": red, **other}, st.booleans(), yellow)


def scoring() -> st.SearchStrategy[dict[str, Any]]:
    """How fast returns diminish, and whether a judge gives one overall score."""
    return st.builds(
        lambda saturation, implicit: {"saturation": saturation, "scoring": "implicit" if implicit == 0 else "explicit"},
        st.floats(0.1, 10),
        st.integers(0, 3),
    )


@st.composite
def rubrics(draw: st.DrawFn) -> Rubric:
    """A score rubric of one to five criteria by any method, with limits and severities that do something."""
    method = draw(st.sampled_from(["weighted_mean", "minimum", "points", "saturating"]))
    ids = [f"c{number}" for number in range(draw(st.integers(1, 5)))]
    told = [draw(criteria(criterion_id, method == "points")) for criterion_id in ids]
    if method == "points":
        told[0]["points"] = abs(told[0]["points"])
    told[0]["weight"] = told[0]["weight"] or 1.0
    _limit_some(draw, told)
    reward = {"format": draw(WEIGHTS), "emotion": draw(WEIGHTS), "rubric": draw(WEIGHTS)}
    body = {
        "id": "r",
        "title": draw(TEXT),
        "instructions": draw(st.one_of(st.just(""), TEXT)),
        "criteria": told,
        "aggregate": {"method": method, "pass_mark": draw(st.floats(0, 1)), **draw(severities()), **draw(scoring())},
    }
    return Rubric.model_validate(body | ({"reward": reward} if any(reward.values()) else {}))
