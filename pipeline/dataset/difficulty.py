"""Easy dialogues for fine-tuning, hard ones for GRPO (the rule of Kardia-R1, arXiv 2512.01282, as reported).

With p the share of each verdict that the evaluator gave while a dialogue was written, drafts that were sent back
included, it is easy if `pFAIL < pPASS + pSOLVED` or `pFAIL + pPASS < pSOLVED`, else hard. As the shares sum to 1 the
second clause implies the first, so the rule is pFAIL < 0.5; a tie at one half is hard. Both clauses are kept as told.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

Difficulty = Literal["easy", "hard"]


def difficulty(verdicts: Iterable[str | None]) -> Difficulty:
    """Easy or hard by the verdicts FAIL, PASS, SOLVED of one dialogue; those that were not given do not count.

    Without any verdict a dialogue is hard: nothing says that it was easy.
    """
    counts = Counter(verdict for verdict in verdicts if verdict)
    total = sum(counts.values())
    if not total:
        return "hard"
    fail, passed, solved = (counts[name] / total for name in ("FAIL", "PASS", "SOLVED"))
    return "easy" if fail < passed + solved or fail + passed < solved else "hard"
