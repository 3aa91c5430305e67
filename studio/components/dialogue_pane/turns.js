// What is drawn of a dialogue. Words of people and machines go in as text, never as markup.
const make = (tag, looks = "", ...inside) => {
  const made = document.createElement(tag)
  if (looks) made.className = looks
  made.append(...inside.filter((one) => one !== null && one !== ""))
  return made
}
const button = (looks, words, press, label) => {
  const made = make("button", looks, ...words)
  made.type = "button"
  made.onclick = press
  if (label) made.setAttribute("aria-label", label)
  return made
}
const words = (text, kind) => make("div", `kardia-text kardia-${kind}`, text)
const speaker = (name) => make("div", "kardia-speaker", name)
const fold = (title, ...inside) => make("details", "kardia-fold", make("summary", "", title), ...inside)

const SHAPES = { red: "■", yellow: "▲", none: "○" }
const SEVERITIES = { red: "red", yellow: "yellow", none: "no severity" }
const SPEAKERS = { user: "The person", system: "Instructions to the assistant" }
const THOUGHTS = ["understanding", "reasoning", "emotion"]

const said = ({ role, text }) =>
  role === "system"
    ? fold(SPEAKERS.system, words(text, "quiet"))
    : make("div", "kardia-said", speaker(SPEAKERS[role]), words(text, "user"))
const thought = (name, text) =>
  make("div", `kardia-part part-${name}`, speaker(name[0].toUpperCase() + name.slice(1)), words(text || "(missing)", "quiet"))
const answer = ({ spans, fault, raw }) => [
  spans.response ? words(spans.response, "response") : make("div", "kardia-fault", "This turn has no response: the person saw nothing."),
  THOUGHTS.some((name) => spans[name]) ? fold("What the assistant thought", ...THOUGHTS.map((name) => thought(name, spans[name]))) : "",
  fault ? make("div", "kardia-fault", `The four parts are not all in place: ${fault}.`) : "",
  fault ? fold("As it was written", words(raw, "machine")) : "",
]
const cover = (told, press, show) =>
  make("div", "cover", make("div", "kardia-covered", told), button("quiet", [press], show))

const chip = (flag, name, whose, takeOff) => {
  const shape = make("span", "kardia-shape", `${SHAPES[flag.severity]} ${SEVERITIES[flag.severity]}`)
  const made = make("span", `kardia-chip kardia-${flag.severity}`, whose ? make("span", "kardia-whose", whose) : "", shape, make("b", "", flag.code), ` ${name}`)
  if (takeOff) made.append(button("off", ["×"], takeOff, `Take ${flag.code} off`))
  return made
}
const codeKey = ({ code, name, key, severity, help }, isSet, press) => {
  const made = button(`code kardia-${severity}`, [make("kbd", "", key ?? "·"), ` ${code}`], press, `${key ?? "·"} ${code} ${name}, ${SEVERITIES[severity]}`)
  made.title = help
  made.disabled = isSet
  return made
}
