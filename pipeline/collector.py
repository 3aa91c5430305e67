"""The garbage collector in a process that judges.

Thousands of calls under way are tens of thousands of small objects that are alive and in no cycle. Python's default
looks for cycles every 700 new objects, and at every step through more of the old ones; what that takes of the verdicts
a second, `python -m bench.judge` says (usual_collector_per_s_256). Looking a hundred times less often costs a few
megabytes.
"""

import gc


def look_less_often() -> None:
    """Set the collector's thresholds for this whole process."""
    gc.set_threshold(50_000, 20, 100)
