"""How long from a key to painted text, measured by the page itself; also across a page load."""

from typing import Any

import numpy as np
from playwright.sync_api import Page

# The key's own time stamp begins; the frame after the one in which the text became another one ends.
WATCH = """
(() => {
  const found = (selector, root = document) => {
    const one = root.querySelector(selector)
    if (one) return one
    for (const host of root.querySelectorAll('*')) {
      const inner = host.shadowRoot && found(selector, host.shadowRoot)
      if (inner) return inner
    }
    return null
  }
  const text = () => (found(SELECTOR)?.innerText ?? '').trim().slice(0, 2000)
  const look = () => {
    if (!sessionStorage.pressed) return
    const now = text()
    if (!now || now === sessionStorage.before) return void requestAnimationFrame(look)
    requestAnimationFrame(() => setTimeout(() => {
      const took = performance.timeOrigin + performance.now() - Number(sessionStorage.pressed)
      sessionStorage.removeItem('pressed')
      sessionStorage.took = JSON.stringify([...JSON.parse(sessionStorage.took ?? '[]'), took])
    }))
  }
  const begin = (event) => {
    sessionStorage.before = text()
    sessionStorage.pressed = performance.timeOrigin + event.timeStamp
    requestAnimationFrame(look)
  }
  const isAsked = ({ key }) => KEYS.includes(key) && !sessionStorage.pressed
  addEventListener('keydown', (event) => { if (isAsked(event)) begin(event) }, true)
  if (sessionStorage.pressed) requestAnimationFrame(look)
})()
"""


def watch(page: Page, selector: str, keys: list[str]) -> None:
    """From the next document on, note how long each of these keys takes to change the text of that element."""
    page.add_init_script(script(selector, keys))


def script(selector: str, keys: list[str]) -> str:
    """What a page has to run before anything else, so that it notes how long each of these keys takes."""
    return f"const SELECTOR = {selector!r}, KEYS = {keys!r};{WATCH}"


def press(page: Page, key: str, rest_s: float) -> None:
    """Press, wait until the other text is painted, and rest as somebody who reads."""
    page.keyboard.press(key)
    page.wait_for_function("sessionStorage.pressed === undefined", timeout=120_000)
    page.wait_for_timeout(rest_s * 1000)


def opened(page: Page, url: str, rest_s: float) -> None:
    """Open an address, which counts as a key pressed now, and wait as `press` does."""
    page.evaluate("sessionStorage.before = ''; sessionStorage.pressed = performance.timeOrigin + performance.now()")
    page.goto(url)
    page.wait_for_function("sessionStorage.pressed === undefined", timeout=120_000)
    page.wait_for_timeout(rest_s * 1000)


def told(page: Page, name: str) -> dict[str, float]:
    """The figures so far, in milliseconds, and none after."""
    times: list[float] = page.evaluate("JSON.parse(sessionStorage.took ?? '[]')")
    page.evaluate("sessionStorage.removeItem('took')")
    figures: dict[str, Any] = {"p50": np.quantile(times, 0.5), "p95": np.quantile(times, 0.95)}
    print(f"{name}: p50 {figures['p50']:.0f} ms, p95 {figures['p95']:.0f} ms over {len(times)}", flush=True)
    return {part: round(float(value)) for part, value in figures.items()}
