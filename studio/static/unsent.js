// Reasons, notes and comments are sent by a button. Until then what is typed stays in this tab of the browser, so that a
// reload, a crash of the browser or a studio that was killed takes none of it; the field is filled again as if by hand.
const SHELF = "kardia.unsent/"
// names: the fields on the page by their keys, and what each is about; sent: the last sending of each that was heard of.
const unsent = { person: "", names: {}, sent: {} }

const box = (key) => document.querySelector(`.st-key-${CSS.escape(key)} textarea`)
const place = (name) => `${SHELF}${unsent.person}/${name}`
const store = (act) => { try { return act(sessionStorage) } catch { return null } } // full or forbidden: as it was before
const nameOf = (field) => unsent.names[Object.keys(unsent.names).find((key) => field.closest?.(`.st-key-${CSS.escape(key)}`))]

const keep = ({ target }) => {
  const name = target.matches?.("textarea") && nameOf(target)
  if (name) store((shelf) => target.value ? shelf.setItem(place(name), target.value) : shelf.removeItem(place(name)))
}
const fill = (field, text) => {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field, text)
  field.dispatchEvent(new Event("input", { bubbles: true }))
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter", keyCode: 13, ctrlKey: true, bubbles: true, cancelable: true }))
}
// Also what was typed before this script knew of its field is kept.
const refill = () => {
  for (const [key, name] of Object.entries(unsent.names)) {
    const field = box(key), text = store((shelf) => shelf.getItem(place(name)))
    if (field && !field.disabled && text && !field.value) fill(field, text)
    else if (field?.value && field === document.activeElement) keep({ target: field })
  }
}

export default function ({ data }) {
  Object.assign(unsent, { person: data.person, names: data.names })
  for (const [name, when] of Object.entries(data.sent)) {
    if (unsent.sent[name] !== when) store((shelf) => shelf.removeItem(place(name)))
    unsent.sent[name] = when
  }
  document.addEventListener("input", keep, true) // a second time changes nothing
  const timers = [0, 500, 2000].map((pause) => setTimeout(refill, pause)) // once the page is drawn, however slowly
  return () => {
    timers.forEach(clearTimeout)
    document.removeEventListener("input", keep, true)
  }
}
