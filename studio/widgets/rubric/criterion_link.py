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
const bringIntoView = (anchor, tries) => {
  const found = document.getElementById(anchor)
  if (!found && tries) return setTimeout(() => bringIntoView(anchor, tries - 1), 100)
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches
  found?.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" })
}
export default function ({ data, parentElement }) {
  document.addEventListener("click", copy)
  const memory = (parentElement.host ?? parentElement).dataset
  if (memory.place !== data.place) {
    memory.place = data.place
    if (data.anchor) setTimeout(() => bringIntoView(data.anchor, 20), 60)
  }
  return () => document.removeEventListener("click", copy)
}
""",
)


def follow_criterion(anchor: str, page: str) -> None:
    """Draw nothing; scroll once to the element of id `anchor` ("" for none) on that page, and let every # copy."""
    _FOLLOW(key="follow_criterion", data={"anchor": anchor, "place": f"{page}#{anchor}"}, height=1)
