// The dialogue with one turn in focus. What is pressed shows at once; events.js carries it to the store.
const view = { root: null, data: null, known: new Map(), dialogue: null, turn: 0, drawn: null, parts: [], note: null, onward: false, refused: "", warned: null, receipt: "" }

const here = () => view.known.get(view.dialogue)
const turnsOf = (dialogue) => dialogue.exchanges.filter(({ turn }) => turn !== null)
const mayMark = () => view.data.mayMark && !here().final // final: why nothing can be changed here any more
const nameOf = (code) => view.data.codes.find((one) => one.code === code)?.name ?? ""

// What stands: what the store said, and on it what is still on its way there.
const standing = (dialogue) => {
  const now = { flags: [...dialogue.flags], notes: { ...dialogue.notes }, finished: dialogue.finished }
  for (const one of out.waiting.filter((one) => one.dialogue === dialogue.id)) {
    if (one.kind === "flag" || one.kind === "unflag") now.flags = now.flags.filter((flag) => flag.turn !== one.turn || flag.code !== one.code)
    if (one.kind === "flag") now.flags.push({ turn: one.turn, code: one.code, severity: one.severity, note: one.note, name: nameOf(one.code), rubric: one.rubric, version: one.version })
    if (one.kind === "note") now.notes[one.turn] = one.note
    if (one.kind === "finish") now.finished = true
  }
  return now
}
const flagsOn = (turn) => standing(here()).flags.filter((flag) => flag.turn === turn)

const mark = (what) => {
  if (here().final) return refuse(`${here().final}.`)
  if (!mayMark()) return
  hush()
  act({ dialogue: view.dialogue, turn: view.turn, rubric: view.data.rubric, version: view.data.version, ...what })
  paint()
}
const hush = () => Object.assign(view, { refused: "", warned: null })
const refuse = (why) => { hush(); view.refused = why; tell() }
const isCovered = (turn) => here().exchanges.find((one) => one.turn === turn)?.covered
const flag = ({ code, severity }) => {
  // A press sets the flag; where it stands already nothing is to be done. Nobody flags what they cannot see.
  if (isCovered(view.turn)) return refuse("Nothing was flagged: the turn is covered. Enter shows it.")
  if (flagsOn(view.turn).some((flag) => flag.code === code)) return
  mark({ kind: "flag", code, severity, note: "" })
}
const unflag = (turn, code) => mark({ kind: "unflag", turn, code })
const takeBack = () => { const last = flagsOn(view.turn).at(-1); if (last) unflag(view.turn, last.code) }
const show = (turn, part = "") => { hush(); act({ kind: "show", dialogue: view.dialogue, turn, part }) }
const go = (dialogue, turn, isInSight = false) => {
  closeNote(true)
  const part = view.parts.find(({ exchange }) => exchange.turn === turn), before = part?.node.getBoundingClientRect().top
  Object.assign(view, { dialogue, turn })
  moveTo({ dialogue, turn })
  paint()
  if (isInSight) { // what was clicked stays under the hand, though the codes of another turn above it are gone
    document.querySelector('[data-testid="stMain"]')?.scrollBy(0, part.node.getBoundingClientRect().top - before)
    focusTurn()
  }
  else bringIntoView(turn)
}
const step = (by) => {
  const turn = view.turn + by
  if (turn >= 0 && turn < turnsOf(here()).length) go(view.dialogue, turn)
}
// Covered and not flagged: what one flagged was seen, and is covered only for whoever comes anew.
const unread = () => turnsOf(here()).filter(({ turn, covered }) => covered && !flagsOn(turn).length).map(({ turn }) => turn)
const finish = () => {
  const isOpen = mayMark() && view.data.rubric && !standing(here()).finished
  if (isOpen && unread().length) return toCovered()
  if (isOpen) mark({ kind: "finish", turn: null })
  onward()
}
// However often it is pressed: a turn that nobody saw would count as one with nothing to flag.
const toCovered = () => {
  const covered = unread(), turns = covered.length === 1 ? "1 turn is" : `${covered.length} turns are`
  refuse(`Not finished: ${turns} still covered and would count as read. Enter shows this one. ${view.data.ratherNot}`)
  view.warned = view.dialogue
  if (!covered.includes(view.turn)) go(view.dialogue, covered[0])
}
const onward = () => {
  const next = here().next
  view.onward = next === undefined // the dialogue after this one is not known yet: go on once it is
  if (next) go(next, 0)
  else if (next === null) { view.receipt = "There is no next dialogue here."; tell() }
}

const focused = () => view.parts.find(({ exchange }) => exchange.turn === view.turn)
// Words marked in the turn in focus or in what it answers; what is marked elsewhere is no evidence for it.
const selected = () => {
  const chosen = view.root.getSelection?.() ?? getSelection(), node = focused()?.node
  const range = chosen?.rangeCount ? chosen.getRangeAt(0) : null
  if (!range || !node?.contains(range.startContainer)) return ""
  const beyond = document.createRange() // a triple click ends where the next words begin: nothing of them is marked
  beyond.setStartAfter(node)
  beyond.setEnd(range.endContainer, range.endOffset)
  return String(beyond).trim() ? "" : String(chosen).trim()
}
const openNote = () => {
  if (!mayMark() || isCovered(view.turn) || view.note) return
  const flag = flagsOn(view.turn).at(-1)
  const box = make("textarea")
  const before = (flag ? flag.note : standing(here()).notes[view.turn]) ?? "", quote = selected()
  box.value = [before, quote && `“${quote}”`].filter(Boolean).join("\n") // words that are marked are the evidence
  box.rows = 3
  box.placeholder = "Why? Which words? Ctrl+Enter or leaving this box saves, Esc leaves it as it was."
  box.setAttribute("aria-label", flag ? `Note on ${flag.code}` : "Note on this turn")
  box.onkeydown = (event) => {
    if (event.key === "Escape") closeNote(false)
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) closeNote(true)
  }
  box.onblur = () => closeNote(true)
  view.note = { box, flag, turn: view.turn, dialogue: view.dialogue, before }
  focused().note.replaceChildren(speaker(flag ? `Note on ${flag.code}` : "Note on this turn"), box)
  box.focus()
}
const closeNote = (keep) => {
  const note = view.note
  if (!note) return
  view.note = null
  const text = note.box.value.trim()
  const { dialogue, turn, flag } = note
  if (keep && text !== note.before.trim()) {
    if (flag) mark({ kind: "flag", dialogue, turn, code: flag.code, severity: flag.severity, note: text, rubric: flag.rubric, version: flag.version })
    else mark({ kind: "note", dialogue, turn, note: text })
  }
  note.box.onblur = null
  const had = view.root.activeElement === note.box
  note.box.parentElement?.replaceChildren()
  paint()
  if (had) focusTurn()
}

const part = (exchange) => {
  const chips = make("div", "kardia-chips"), notes = make("div"), note = make("div", "note"), codes = make("div", "codes"), body = make("div", "body")
  const before = make("div", "before")
  if (exchange.turn === null) return { exchange, node: make("div", "exchange", before, body), body, before, fill: "" }
  const focus = button("quiet focus", ["Look at this turn"], () => go(view.dialogue, exchange.turn))
  const name = speaker(`Assistant · turn ${exchange.turn + 1}`)
  const article = make("article", "turn", make("div", "turn-head", name, focus), chips, notes, body, note, codes)
  article.onclick = (event) => { if (exchange.turn !== view.turn && !event.target.closest("button, summary, textarea")) go(view.dialogue, exchange.turn, true) }
  return { exchange, node: make("div", "exchange", before, article), article, chips, notes, note, codes, body, before, focus, fill: "" }
}
const fillText = (one, exchange) => {
  const fill = JSON.stringify(exchange)
  if (one.fill === fill) return
  one.fill = fill // folds that somebody opened stay open: nothing is drawn anew unless its words are other ones
  const isLast = exchange.turn === null // said after the last turn
  const covered = () => [cover(view.data.covered, isLast ? "Show what was said last" : "Show this turn", () => show(exchange.turn))]
  one.before.replaceChildren(...(exchange.covered ? [] : exchange.before.map(said)))
  one.body.replaceChildren(...(exchange.covered ? covered() : isLast ? [] : answer(exchange).filter(Boolean)))
}
const fillHead = (dialogue) => {
  const fill = JSON.stringify([dialogue.id, dialogue.situation, dialogue.person, dialogue.coveredHead])
  if (view.head === fill) return
  view.head = fill
  const told = { situation: dialogue.situation || "The source tells no situation.", person: dialogue.person }
  for (const [name, text] of Object.entries(told)) {
    const line = find(name), isCovered = dialogue.coveredHead.includes(name), had = line.contains(view.root.activeElement)
    line.classList.toggle("is-covered", isCovered)
    line.replaceChildren(isCovered ? cover(view.data.covered, `Show the ${name}`, () => show(null, name)) : text)
    if (had) line.focus({ preventScroll: true }) // the button that was pressed is gone
  }
}
const fillMarks = (one, now, gold) => {
  const { turn } = one.exchange
  if (turn === null) return
  const own = now.flags.filter((flag) => flag.turn === turn), focused = turn === view.turn
  const looks = JSON.stringify([own, now.notes[turn], focused, isCovered(turn), gold, view.data.codes, view.data.keys, mayMark()])
  if (one.looks === looks) return
  one.looks = looks
  const team = gold.filter((flag) => flag.turn === turn)
  one.chips.replaceChildren(
    ...own.map((flag) => chip(flag, flag.name, "", mayMark() && (() => unflag(turn, flag.code)))),
    ...team.map((flag) => chip(flag, flag.name, "gold")),
  )
  const remarks = own.filter(({ note }) => note).map(({ code, note }) => words(`${code}: ${note}`, "small"))
  if (now.notes[turn]) remarks.push(words(`Your note: ${now.notes[turn]}`, "small"))
  const reasons = team.filter(({ note }) => note).map(({ code, note }) => words(`${code}: ${note}`, "small"))
  one.notes.replaceChildren(...remarks, ...(reasons.length ? [fold("Why it was flagged in the gold audit", ...reasons)] : []))
  one.article.classList.toggle("in-focus", focused)
  one.article.tabIndex = focused ? 0 : -1
  if (focused) one.article.setAttribute("aria-current", "true")
  else one.article.removeAttribute("aria-current")
  const count = turnsOf(here()).length
  const flagged = own.length ? `, flagged ${own.map((flag) => `${flag.code} ${SEVERITIES[flag.severity]}`).join(", ")}` : ", not flagged"
  one.article.setAttribute("aria-label", `Turn ${turn + 1} of ${count}${flagged}`)
  one.focus.textContent = focused ? "In focus" : "Look at this turn"
  one.focus.disabled = focused
  one.codes.replaceChildren(...(focused && mayMark() && !isCovered(turn) ? codeRow(own) : []))
}
const codeRow = (own) => [
  ...view.data.codes.map((code) => codeKey(code, own.some((flag) => flag.code === code.code), () => { flag(code); focusTurn() })),
  button("code act", [make("kbd", "", view.data.keys.take_back), " take back"], () => { takeBack(); focusTurn() }),
  button("code act", [make("kbd", "", view.data.keys.note), " note"], openNote),
]
const find = (name) => view.root.querySelector(`.${name}`)
const paint = () => {
  const dialogue = here()
  if (!dialogue) return
  const now = standing(dialogue)
  if (view.drawn !== dialogue.id || view.parts.length !== dialogue.exchanges.length) {
    view.drawn = dialogue.id
    view.parts = dialogue.exchanges.map(part)
    find("facts").textContent = dialogue.facts
    if (view.warned !== null && view.warned !== dialogue.id) hush()
    find("turns").replaceChildren(...view.parts.map(({ node }) => node))
    find("end").textContent = dialogue.exchanges.length ? "End of the dialogue." : "This dialogue has no messages."
  }
  fillHead(dialogue)
  view.parts.forEach((one, place) => { fillText(one, dialogue.exchanges[place]); fillMarks(one, now, dialogue.gold) })
  const isEnd = now.finished && dialogue.next === null
  const ahead = isEnd ? "Finished · there is no next dialogue" : "Finished · next dialogue"
  find("nothing-more").textContent = now.finished ? ahead : "Nothing more to flag here"
  find("nothing-more").setAttribute("aria-disabled", isEnd)
  find("nothing-more").disabled = !now.finished && (!mayMark() || !view.data.rubric)
  find("where").textContent = turnsOf(dialogue).length ? `Turn ${view.turn + 1} of ${turnsOf(dialogue).length}` : "No turn"
  tell()
}
const tell = () => {
  const count = out.waiting.length, acts = count === 1 ? "1 mark" : `${count} marks`
  const silent = isSilent()
  const saying = view.refused || (silent && count ? `Not saved yet: the studio does not answer. ${acts} kept in this browser.` : count ? `Saving ${acts}…` : view.receipt)
  const line = find("said")
  if (line.textContent !== saying) line.textContent = saying
  line.classList.toggle("bad", Boolean(view.refused) || (silent && count > 0))
  line.dataset.waiting = count
  // The panel beside goes by what the studio knows: until it is where the reader is, a press there would hit another turn.
  document.querySelector(".st-key-side_panel")?.toggleAttribute("data-behind", view.data.place.dialogue !== view.dialogue || view.data.place.turn !== view.turn)
}
const focusTurn = () => focused()?.article?.focus({ preventScroll: true })
const bringIntoView = (turn) => {
  focusTurn()
  const one = turn > 0 ? view.parts.find(({ exchange }) => exchange.turn === turn) : null
  const target = one?.node ?? find("top") // a dialogue begins at its head
  target.scrollIntoView({ block: "start", behavior: "auto" })
}

const KEPT = "input, textarea, select, [contenteditable]:not([contenteditable=false])"
const ARROWS_MEAN = "[role=radiogroup], [role=radio], [role=tablist], [role=tab], [role=slider], [role=listbox], [role=combobox], [role=menu], [role=grid], summary"
const isTyping = (event) => {
  const target = event.composedPath()[0]
  return event.isComposing || target.matches?.(KEPT) || Boolean(target.closest?.("[role=dialog], dialog")) || Boolean(document.querySelector('[data-testid="stDialog"]'))
}
const does = { next: () => step(1), previous: () => step(-1), take_back: takeBack, note: openNote, scores: () => ask("Scores"), undo: () => refuse("Not undone: what you pressed is still being saved. Press again in a moment.") }
const fixed = { arrowdown: does.next, arrowup: does.previous, arrowright: does.next, arrowleft: does.previous, "?": () => find("keys").showModal() }
const MOVES = ["next", "previous"]
const actionOf = (key) => Object.keys(does).find((name) => view.data.keys[name].toLowerCase() === key)
const meaningOf = (event) => {
  const key = event.key.toLowerCase()
  if (event.key === "Enter" && event.shiftKey) return finish
  if (key.startsWith("arrow") && event.composedPath()[0].closest?.(ARROWS_MEAN)) return null
  if (event.shiftKey && key !== "?") return null
  if (key === "enter") return isCovered(view.turn) && !event.composedPath()[0].closest?.("button, a, summary") ? () => show(view.turn) : null
  const code = view.data.codes.find((one) => one.key?.toLowerCase() === key)
  // The page's own button undoes, by the same key: one press at a time, and only once the store has all that came before.
  if (!code && actionOf(key) === "undo" && !hasUnsaved() && !event.repeat) return null
  return code ? () => flag(code) : does[actionOf(key)] ?? (Object.hasOwn(fixed, key) ? fixed[key] : null)
}
const pressed = (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !here() || isTyping(event)) return
  const meaning = meaningOf(event)
  if (!meaning) return
  event.preventDefault()
  event.stopImmediatePropagation() // the same keys on the panel's buttons would act a second time
  const key = event.key.toLowerCase() // a key held down moves on, but marks once
  if (!event.repeat || key.startsWith("arrow") || MOVES.includes(actionOf(key))) meaning()
}
const leaving = (event) => { closeNote(true); if (hasUnsaved() && !out.keeps) event.preventDefault() }
const online = () => { if (hasUnsaved()) send() }

const takeIn = (data) => {
  view.data = data
  if (out.person !== data.person) unshelve(data.person)
  const fresh = answered(data)
  const refused = fresh.filter(({ fault }) => fault).at(-1), saved = fresh.filter(({ saved }) => saved).at(-1)
  if (refused) view.refused = `Not saved: ${refused.fault}`
  if (saved) view.receipt = `Saved ${saved.saved} · ${saved.what}`
  for (const dialogue of [data.here, data.next]) if (dialogue) view.known.set(dialogue.id, { ...view.known.get(dialogue.id), ...dialogue })
  view.known.get(data.here.id).next = data.nextId
  for (const id of view.known.keys()) if (![data.here.id, data.next?.id, view.dialogue].includes(id)) view.known.delete(id)
}
export default function ({ data, parentElement, setStateValue }) {
  view.root = parentElement
  out.emit = (what) => setStateValue("sent", what)
  out.tell = tell
  takeIn(data)
  const { dialogue, turn } = data.place
  // A button or a link of the page went elsewhere; or the pane is new. Else the reader is where the keys went.
  if ((data.gone && data.gone !== out.gone) || (!here() && (out.placed || view.dialogue === null))) {
    goneTo(data.place, data.gone)
    const moved = view.dialogue !== null
    Object.assign(view, { dialogue, turn, onward: false })
    paint()
    if (moved || turn > 0) setTimeout(() => bringIntoView(turn), 60)
  } else paint()
  if (find("turns").childElementCount === 0) { Object.assign(view, { drawn: null, head: null }); paint() } // the page was left and come back to
  if (view.onward && here()?.next !== undefined) onward()
  find("nothing-more").onclick = finish
  find("help").onclick = fixed["?"]
  for (const shown of view.root.querySelectorAll("[data-key]")) shown.textContent = data.keys[shown.dataset.key]
  find("close").onclick = () => find("keys").close()
  find("key-list").replaceChildren(...data.codes.flatMap(({ key, code, name }) => (key ? [make("dt", "", make("kbd", "", key)), make("dd", "", `${code} ${name}`)] : [])))
  addEventListener("keydown", pressed, true) // before the page's own keys; a second time changes nothing
  addEventListener("beforeunload", leaving)
  addEventListener("online", online)
  if (hasUnsaved()) sendIn(0)
  const clock = setInterval(() => { watchLink(); tell() }, 1000)
  clearInterval(view.clock)
  view.clock = clock
  return () => {
    closeNote(true)
    removeEventListener("keydown", pressed, true)
    removeEventListener("beforeunload", leaving)
    removeEventListener("online", online)
    clearInterval(view.clock)
    rest()
    document.querySelector(".st-key-side_panel")?.removeAttribute("data-behind")
    Object.assign(view, { drawn: null, head: null, parts: [], dialogue: null })
  }
}
