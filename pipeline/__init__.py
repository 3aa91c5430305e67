"""The jobs: regenerate, score, sft, grpo, evaluate. Importing this package loads nothing heavy.

Libraries that we train with tell their makers that they are in use. Nothing leaves this machine but calls to the
configured endpoints and what somebody asked for by a hub id, so that is turned off here, before any is imported.
"""

import os

_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
for _name, _value in _QUIET.items():
    os.environ.setdefault(_name, _value)
