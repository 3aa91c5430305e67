"""A finished evaluation without a model: answers laid out, judged over real HTTP, scored by the stage itself."""

from pathlib import Path

import pandas as pd

from pipeline import evaluate
from pipeline.evaluate import ANSWER_TYPES
from pipeline.evaluation import choose_turns
from pipeline.rundir import RunDir
from rubrics.schema import Rubric
from tests.pipeline.training_runs import RUBRIC, dialogue, lay_out, spans


def evaluated(home: Path, *, flags: Rubric | None = None, samples: int = 2, count: int = 6, **config: object) -> RunDir:
    """Two models on one turn of each dialogue: the base never names the emotion, the trained one always does."""
    inputs = pd.DataFrame([dialogue(n, 1, emotion="sad") for n in range(count)])
    asked = {"base": "tiny", "trained": "tiny", "judge": "loopback", "max_turns": count, "samples": samples, **config}
    run = lay_out(home, "evaluate", asked, inputs, RUBRIC, flags=flags)
    rows = []
    for place, (which, emotion) in enumerate((("base", "proud"), ("trained", "sad"))):
        for sample in range(samples):
            for turn in choose_turns(inputs, count, run.request().seed):
                text = spans(emotion, f"{which} {sample} hears {turn.dialogue_id}")
                rows.append((which, *turn[:2], place * samples + sample, text, "", False, sample))
    run.write_output("answers", pd.DataFrame(rows, columns=list(ANSWER_TYPES)).astype(ANSWER_TYPES))
    evaluate.run(run, home)
    return run
