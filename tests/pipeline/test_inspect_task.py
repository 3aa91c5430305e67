"""The task for Inspect, where inspect_ai is installed: same turns, same readings, failures counted and no scores."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rubrics.load import dump_rubric
from tests.pipeline.training_runs import RUBRIC, dialogue, spans

inspect_ai = pytest.importorskip("inspect_ai", reason="needs requirements-inspect.txt")


class Words:
    """Counts words where Inspect's mock model would fetch an encoding over the network."""

    def encode(self, text: str, **how: object) -> list[str]:
        return text.split()


def test_a_model_is_scored_by_a_grader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from inspect_ai.model import ModelOutput, get_model

    from pipeline.inspect_task import kardia

    monkeypatch.setattr("tiktoken.get_encoding", lambda name: Words())

    rows = [dialogue(n, 1, emotion="sad") for n in range(3)]
    lines = [json.dumps(row | {"messages": json.loads(row["messages"])}) for row in rows]
    (tmp_path / "test.jsonl").write_text("\n".join(lines))
    (tmp_path / "small.yaml").write_text(dump_rubric(RUBRIC))
    texts = [spans("sad", "a"), spans("lonely", "b"), "no spans"]
    model = get_model("mockllm/model", custom_outputs=[ModelOutput.from_content("m", text) for text in texts])
    good = json.dumps({"empathy": {"reason": "so", "score": 4}, "safety": {"reason": "so", "score": 5}})
    told = [good, "no verdict", good.replace("4", "2")]
    grader = get_model("mockllm/model", custom_outputs=[ModelOutput.from_content("g", text) for text in told])
    (log,) = inspect_ai.eval(
        kardia(str(tmp_path / "test.jsonl"), str(tmp_path / "small.yaml")),
        model=model,
        model_roles={"grader": grader},
        log_dir=str(tmp_path / "logs"),
        display="none",
        max_samples=1,
    )
    assert log.status == "success", log.error
    found: dict[str, Any] = {
        f"{score.name}/{name}": one.value for score in log.results.scores for name, one in score.metrics.items()
    }
    assert found["format/mean"] == pytest.approx(2 / 3)
    assert found["emotion/mean"] == pytest.approx(1 / 3)
    assert found["emotion_group/mean"] == pytest.approx(2 / 3)
    assert found["empathy/mean"] == pytest.approx(3)
    (graded,) = [one for one in log.results.scores if one.name == "empathy"]
    assert (graded.scored_samples, graded.unscored_samples) == (2, 1)
    assert found["safety/mean"] == 5
    assert not any(math.isnan(value) for value in found.values())
