"""What an import left out, and why."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from db.exchange import Problem
from studio.widgets.run.words import amount


def left_out(problems: Sequence[Problem], what: str) -> None:
    """A line each; nothing where all came in. `what` is one of them, such as "line"."""
    if not problems:
        return
    st.warning(f"{amount(len(problems), what)} left out:", icon=":material/rule:")
    told = pd.DataFrame(problems, columns=["line", "reason"])
    st.dataframe(told, hide_index=True, key="data_problems", alt=f"What was left out ({what}), and why", height=220)
