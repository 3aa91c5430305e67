// What is typed in a field of the draft is handed over after a pause, without leaving the field: the key that Streamlit
// takes a field over by (Ctrl+Enter in a text area, Enter in a line) is sent in the writer's place. Until the studio has
// said that it heard exactly this text, the bar says "Saving…" and leaving the page asks first. What it never heard of
// stands on the shelf (draft_shelf.js) and is handed over once there is a studio again.
const PAUSE_MS = 800 // after the last key
const LONGEST_MS = 3000 // while somebody types on and on
const NUMBER_PAUSE_MS = 2000 // a number is written anew when it is taken over: not before it is whole
const QUIET_MS = 2000 // without a key before the page may take over what others saved
const SILENCE_MS = 10000 // without an answer before the bar says so
const FIELDS = '[data-testid="stTextArea"] textarea, [data-testid="stTextInput"] input, [data-testid="stNumberInput"] input'

// pending: fields that are typed in; awaited: what was handed over and not heard yet, by the key of its field;
// known: what was in a field before somebody typed; kept: what was handed over from the shelf last, and when.
const state = { keys: new Set(), pending: new Map(), known: new WeakMap(), awaited: new Map(), unsaved: false, listening: false, typedAt: 0, asked: {}, kept: {}, tell: () => {} }

const keyOf = (field) => {
  const names = [...(field.closest('[class*="st-key-"]')?.classList ?? [])]
  return names.map((name) => name.replace(/^st-key-/, "")).find((name) => state.keys.has(name))
}
const isField = (target) => target?.matches?.(FIELDS) && target.closest(".st-key-editor_fields") && keyOf(target)
const saving = () => state.pending.size > 0 || state.awaited.size > 0 || Object.keys(state.kept.fields ?? {}).length > 0
const isBusy = (key) => state.awaited.has(key) || [...state.pending.keys()].some((field) => keyOf(field) === key)

const handOver = (field) => {
  clearTimeout(state.pending.get(field)?.timer)
  state.pending.delete(field)
  if (state.known.get(field) !== field.value) { // else it was typed and taken back: there is nothing to hear
    state.awaited.set(keyOf(field), { value: field.value, since: Date.now() })
    setTimeout(() => state.tell(), SILENCE_MS)
  }
  state.known.set(field, field.value)
  state.tell()
}
const pressEnter = (field) => {
  const ctrlKey = field.tagName === "TEXTAREA"
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter", keyCode: 13, ctrlKey, bubbles: true, cancelable: true }))
}
const commit = (field) => {
  if (!field.isConnected) return state.pending.delete(field)
  pressEnter(field)
  handOver(field)
}
// Whoever was quicker than this script has typed unheard: their field is handed over as well.
const catchUp = () => {
  const field = document.activeElement
  if (isField(field)) setTimeout(() => pressEnter(field), PAUSE_MS)
  document.querySelector(".st-key-save_bar")?.toggleAttribute("data-listening", true)
}
const remember = ({ target }) => {
  if (isField(target) && !state.known.has(target)) state.known.set(target, target.value)
}
const typed = (event) => {
  const field = event.target
  if (!isField(field) || event.isComposing) return
  state.typedAt = Date.now()
  const began = state.pending.get(field)?.began ?? Date.now()
  clearTimeout(state.pending.get(field)?.timer)
  const pause = field.type === "number" ? NUMBER_PAUSE_MS : Math.min(PAUSE_MS, Math.max(0, began + LONGEST_MS - Date.now()))
  state.pending.set(field, { began, timer: setTimeout(() => commit(field), pause) })
  if (field.type !== "number") shelve(keyOf(field), state.known.get(field) ?? "", field.value)
  state.tell()
}
const left = ({ target }) => { if (state.pending.has(target)) handOver(target) } // Streamlit takes over what is left
const hidden = () => { if (document.hidden) for (const field of [...state.pending.keys()]) commit(field) }
const leaving = (event) => { if (saving() || state.unsaved) event.preventDefault() }

const LISTENERS = [
  [document, "beforeinput", remember], [document, "input", typed], [document, "compositionend", typed],
  [document, "focusout", left], [document, "visibilitychange", hidden], [window, "beforeunload", leaving],
]
// Heard word for word; or long ago, and the studio has answered since: then there was nothing new for it in this field.
const isSettled = (heard, { value, since }) =>
  heard === value || (typeof heard === "number" && heard === Number(value)) || isOld(since)
// Once is enough: a second request would carry what the fields showed before the first was answered.
const isAsked = (newer) => state.asked.newer === newer && !isOld(state.asked.since)
const isOld = (since) => Date.now() - since >= SILENCE_MS

export default function ({ data, parentElement, setTriggerValue }) {
  const words = parentElement.querySelector(".words")
  state.keys = new Set(data.fields)
  state.unsaved = data.unsaved
  state.tell = () => {
    const silent = [...state.awaited.values()].some(({ since }) => isOld(since))
    words.textContent = silent ? "Not saved yet: the studio does not answer" : saving() ? "Saving…" : ""
    document.querySelector(".st-key-save_bar")?.toggleAttribute("data-saving", saving())
  }
  openShelf(data.shelf, data.session)
  for (const [key, sent] of state.awaited) if (isSettled(data.heard[key], sent)) state.awaited.delete(key)
  const kept = leftOver(data.shown, data.heard, data.unsaved, isBusy)
  const isNew = JSON.stringify(kept) !== JSON.stringify(state.kept.fields ?? {})
  if (isNew || isOld(state.kept.since)) {
    state.kept = { fields: kept, since: Date.now() }
    if (Object.keys(kept).length) setTriggerValue("kept", kept)
  }
  if (!saving()) state.known = new WeakMap()
  state.tell()
  const quiet = !saving() && Date.now() - state.typedAt > QUIET_MS
  if (data.newer && quiet && !isAsked(data.newer)) {
    state.asked = { newer: data.newer, since: Date.now() }
    setTriggerValue("look", data.newer)
  }
  for (const [where, what, act] of LISTENERS) where.addEventListener(what, act, true) // a second time changes nothing
  if (!state.listening) catchUp()
  state.listening = true
  return () => {
    for (const [where, what, act] of LISTENERS) where.removeEventListener(what, act, true)
    for (const { timer } of state.pending.values()) clearTimeout(timer)
    Object.assign(state, { pending: new Map(), awaited: new Map(), unsaved: false, listening: false, tell: () => {} })
  }
}
