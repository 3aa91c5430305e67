// Acts on their way to the store. Each has a number of its own; it is kept in this browser until the studio has said
// that it is on disk (or why it was refused), and sent again for as long as it has not: the store counts it once.
const SHELF = "kardia.audit"
const BATCH = 50 // acts a message: one answer stays quick
const GATHER_MS = 20 // acts within that time go together
const REST_MS = 150 // without a move before the studio is told where the reader is
const PATIENCE_MS = 3000 // without an answer before it is sent again, which begins the answer anew; so it doubles
const LONGEST_MS = 60000 // a busy studio must be able to finish an answer that takes it long
const pageId = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("")

// waiting: acts without an answer, oldest first. asked: what was sent last and not answered. ask: "open the scores".
// place: where the reader is, placed: whether the studio knows. gone: the last going by a button or link of the page.
const out = { person: null, waiting: [], made: 0, sent: 0, asked: null, place: null, placed: true, gone: "", ask: null, patience: PATIENCE_MS, timer: 0, emit: () => {}, tell: () => {}, keeps: true }

const shelfOf = (id) => `${SHELF}/${out.person}/${id.split("-")[0]}`
const onShelf = (shelf) => JSON.parse(localStorage.getItem(shelf) ?? "[]")
const shelve = (shelf, change) => {
  try {
    const acts = change(onShelf(shelf))
    if (acts.length) localStorage.setItem(shelf, JSON.stringify(acts))
    else localStorage.removeItem(shelf)
  } catch { out.keeps = false } // a full or forbidden shelf: leaving the page asks first
}
const unshelve = (person) => {
  Object.assign(out, { person, waiting: [], asked: null })
  const begin = `${SHELF}/${person}/`
  try {
    const lists = Object.keys(localStorage).filter((name) => name.startsWith(begin)).map(onShelf)
    out.waiting = lists.sort((a, b) => a[0].pressed - b[0].pressed).flat()
  } catch { out.keeps = false }
}
const act = (what) => {
  out.made += 1
  const one = { id: `${pageId}-${out.made}`, pressed: Date.now(), ...what }
  out.waiting.push(one)
  shelve(shelfOf(one.id), (acts) => [...acts, one])
  sendIn(GATHER_MS)
  return one
}
const moveTo = (place) => {
  Object.assign(out, { place, placed: false })
  if (!out.asked && !out.waiting.length) sendIn(REST_MS, true)
}
const goneTo = (place, gone) => Object.assign(out, { place, gone, placed: true })
const sendIn = (pause, again = false) => {
  if (out.asked || (out.timer && !again)) return // one message at a time: the next goes when this one is answered
  clearTimeout(out.timer)
  out.timer = setTimeout(send, pause)
}
const send = () => {
  clearTimeout(out.timer)
  out.sent += 1
  out.asked = { n: out.sent, place: out.place, since: out.asked?.since ?? Date.now() }
  out.emit({ page: pageId, n: out.sent, person: out.person, acts: out.waiting.slice(0, BATCH), place: out.place, gone: out.gone, ask: out.ask })
  out.timer = setTimeout(() => { out.patience = Math.min(out.patience * 2, LONGEST_MS); send() }, out.patience)
  out.tell()
}
const answered = ({ heard, answers }) => {
  const known = new Set(answers.map(({ id }) => id))
  const isOpen = ({ id }) => !known.has(id)
  const shelves = new Set(out.waiting.filter((one) => !isOpen(one)).map(({ id }) => shelfOf(id)))
  const fresh = answers.filter(({ id }) => out.waiting.some((one) => one.id === id))
  out.waiting = out.waiting.filter(isOpen)
  for (const shelf of shelves) shelve(shelf, (acts) => acts.filter(isOpen)) // another tab may have put more on its own
  if (out.asked && heard.page === pageId && heard.n === out.asked.n) {
    clearTimeout(out.timer)
    if (out.asked.place === out.place) out.placed = true
    Object.assign(out, { asked: null, timer: 0, ask: null, patience: PATIENCE_MS })
    if (out.waiting.length) sendIn(0)
    else if (!out.placed) sendIn(REST_MS)
  }
  return fresh
}
const ask = (what) => { out.ask = what; sendIn(0) }
// A message to a studio that was gone is lost; once it is back, everything goes at once.
const link = { state: "" }
const watchLink = () => {
  const state = document.querySelector('[data-testid="stApp"]')?.dataset.testConnectionState ?? ""
  const isBack = state === "CONNECTED" && link.state !== "" && link.state !== "CONNECTED"
  link.state = state
  if (isBack && out.asked) { out.patience = PATIENCE_MS; send() }
}
const hasUnsaved = () => out.waiting.length > 0
const isSilent = () => out.asked !== null && Date.now() - out.asked.since > PATIENCE_MS
const rest = () => { clearTimeout(out.timer); Object.assign(out, { timer: 0, asked: null, emit: () => {}, tell: () => {} }) }
