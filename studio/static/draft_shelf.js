// What is typed stays on a shelf of this tab until the studio has saved it: so it outlives a reload, a crash of the browser
// and a studio that was killed. By the field's key: what the field said before (`was`), and what was typed (`value`).
const SHELF = "kardia.draft/"
// taken: fields that this session of the studio has heard and not saved yet, because somebody has to choose first.
const shelf = { name: "", session: "", taken: new Set() }

const onShelf = () => {
  try { return JSON.parse(sessionStorage.getItem(shelf.name) ?? "{}") } catch { return {} }
}
const putOnShelf = (kept) => {
  try {
    if (Object.keys(kept).length) sessionStorage.setItem(shelf.name, JSON.stringify(kept))
    else sessionStorage.removeItem(shelf.name)
  } catch { /* full or forbidden: leaving the page asks first */ }
}
const shelve = (key, was, value) => {
  const kept = onShelf()
  shelf.taken.delete(key)
  putOnShelf({ ...kept, [key]: { was: kept[key]?.was ?? was, value } })
}
const unshelve = (key) => {
  const { [key]: gone, ...rest } = onShelf()
  if (gone) putOnShelf(rest)
}
// Whose shelf it is; another session of the studio has heard nothing yet.
const openShelf = (name, session) => {
  if (shelf.session !== session) shelf.taken.clear()
  Object.assign(shelf, { name: SHELF + name, session })
}
// Puts away what is saved, and gives what the studio has never heard; `isBusy` says of a field that it is on its way.
const leftOver = (shown, heard, unsaved, isBusy) => {
  const kept = {}
  for (const [key, one] of Object.entries(onShelf())) {
    if (!(key in shown) || isBusy(key)) continue // its part of the form is not open, or it is being typed in
    if (heard[key] === one.value || one.value.trim() === shown[key].trim()) shelf.taken.add(key)
    if (!shelf.taken.has(key)) kept[key] = one
    else if (!unsaved) unshelve(key)
  }
  return kept
}
