"""Bring the turn in focus into view when the focus moves, by key or by click."""

import streamlit as st

# On arrival in a dialogue the page stays at its head, where the situation is.
_FOLLOW = st.components.v2.component(
    "kardia_follow_turn",
    js="""
export default function ({ data, parentElement }) {
  const memory = (parentElement.host ?? parentElement).dataset
  if (memory.place === data.place) return
  const moved = memory.place !== undefined
  memory.place = data.place
  if (!moved && data.turn === 0) return
  const target = data.turn === 0 ? ".st-key-audit_head" : `.st-key-exchange_${data.turn}`
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches
  const how = { block: "start", behavior: calm ? "auto" : "smooth" }
  setTimeout(() => document.querySelector(target)?.scrollIntoView(how), 60)
}
""",
)


def follow_turn(dialogue_id: str, turn: int) -> None:
    """Draw nothing, but scroll to that turn when it is another than before."""
    _FOLLOW(key="follow_turn", data={"place": f"{dialogue_id}/{turn}", "turn": turn}, height=1)
