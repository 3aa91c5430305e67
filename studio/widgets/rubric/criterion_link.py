"""Links to single criteria: the one that the address names is brought into view, and a # copies its own link."""

import streamlit as st

# The handler is on the document, since the criteria are drawn anew with every run; `defaultPrevented` keeps a second
# one, left by an earlier visit to the page, from answering as well.
_FOLLOW = st.components.v2.component(
    "kardia_follow_criterion",
    js="""
const copy = (event) => {
  const link = event.target.closest?.("a.kr-link")
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  const say = (words) => { link.textContent = words; setTimeout(() => { link.textContent = "#" }, 1800) }
  navigator.clipboard.writeText(link.href).then(() => say("link copied"), () => say(link.href))
}
// Again after a while, for what stands above may still be drawn or go; never once somebody moves the page themselves.
const WHEN = [60, 300, 700, 1500, 3000]
const HANDS = ["wheel", "touchstart", "pointerdown", "keydown"]
const bringIntoView = (anchor) => {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches
  const how = { block: "start", behavior: calm ? "auto" : "smooth" }
  const go = () => document.getElementById(anchor)?.scrollIntoView(how)
  const timers = WHEN.map((pause) => setTimeout(go, pause))
  const stop = () => timers.forEach(clearTimeout)
  for (const hand of HANDS) document.addEventListener(hand, stop, { capture: true, once: true })
}
export default function ({ data, parentElement }) {
  document.addEventListener("click", copy)
  const memory = (parentElement.host ?? parentElement).dataset
  if (memory.place !== data.place) {
    memory.place = data.place
    if (data.anchor) bringIntoView(data.anchor)
  }
  return () => document.removeEventListener("click", copy)
}
""",
)


def follow_criterion(anchor: str, page: str) -> None:
    """Draw nothing; scroll once to the element of id `anchor` ("" for none) on that page, and let every # copy."""
    _FOLLOW(key="follow_criterion", data={"anchor": anchor, "place": f"{page}#{anchor}"}, height=1)
