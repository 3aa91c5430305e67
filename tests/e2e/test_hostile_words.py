"""Words that would be bold, a formula, a link, coloured or a script if anything read them: every page shows them as
they were written, whoever wrote them and wherever."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from db import audits, campaigns, care, incidents, preferences
from db.dialogues import Filter, matching_ids
from db.exchange import import_lines
from db.finding_filter import Filter as Finding
from db.finding_saved import filters, save_filter
from db.ingest import ingest
from db.people import SYSTEM, add_person, person
from db.rubric_comments import comment
from db.rubric_drafts import open_draft, save_draft
from db.rubric_versions import submit
from db.store import Store
from tests.db.trust_stores import EMPATHY, FLAGS, code, lived_in
from tests.e2e.browser import settled
from tests.e2e.conftest import Studio
from tests.studio import run_dirs

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SHORT = "**KBOLD** $K_2$ <i>KTAG</i> [KLINK](http://kardia.invalid)"
SCRIPT = '<img src=x onerror="window.kardia=1"><script>window.kardia=1</script>'
LONG = f"{SHORT} :red[KRED] :material/home: \n\n# KHEAD\n\n{SCRIPT}"
DIALOGUE = "bad"


# Pages that tell somebody who may not whom to ask, by name.
ASK_EVE = ["runs", "models?try=smollm2"]
# Whoever is still to read a dialogue is not shown what others disagree on; Tomas is in no campaign.
AGREEMENT = [
    f"agreement?rubric={FLAGS}&version=1&view=settle&place={DIALOGUE}%7C0%7CCODE",
    f"agreement?rubric={EMPATHY}&version=3&view=figures",
]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with closing(lived_in(tmp_path / "home")) as store:
        written_by_eve(store)
    running = Studio(tmp_path / "home", tmp_path / "studio.log")
    running.start()
    yield running
    running.end()


def written_by_eve(store: Store) -> None:
    """Everything that somebody can write, written by somebody who means no good."""
    add_person(store, SYSTEM, "eve", SHORT, ["psychologist", "annotator", "researcher"])
    eve = person(store, "eve")
    record = {
        "dialogue_id": DIALOGUE,
        "emotion": "sad",
        "situation": LONG,
        "person": LONG,
        "messages": [{"role": "user", "content": LONG}, {"role": "assistant", "content": LONG}],
    }
    import_lines(store, SYSTEM, [json.dumps(record).encode() + b"\n"], "bad.jsonl", "made")
    care.begin(store, person(store, "ines"), "she has read the warning")
    by = {"rubric_id": FLAGS, "rubric_version": 1}
    audits.flag(store, eve, DIALOGUE, 0, code(store), "yellow", LONG, **by, client_id="e1")
    audits.note(store, eve, DIALOGUE, None, LONG, "e2")
    incidents.open_incident(store, eve, DIALOGUE, 0, "danger", "e3", LONG)
    save_filter(store, eve, SHORT, Finding(text="KBOLD"), shared=True)
    draft = open_draft(store, eve, EMPATHY)
    criteria = [{**one, "name": SHORT, "question": LONG} for one in draft.body["criteria"]]
    body = {**draft.body, "title": SHORT, "instructions": LONG, "criteria": criteria}
    saved = save_draft(store, eve, EMPATHY, body, draft.revision)
    version = submit(store, eve, EMPATHY, saved.revision, LONG)
    again = open_draft(store, eve, EMPATHY)
    save_draft(store, eve, EMPATHY, body, again.revision)
    comment(store, eve, EMPATHY, "", LONG, client_id="e4", version=version.version)
    campaigns.create(store, eve, SHORT, FLAGS, 1, [DIALOGUE], ["ines"], overlap=1)
    pair = preferences.Item(DIALOGUE, 0, LONG, [("user", LONG)], LONG, "another", 0.5, None)
    preferences.create(store, eve, SHORT, "run", ("base", "trained"), [pair], question=SHORT)
    assert DIALOGUE in matching_ids(store, Filter())
    for who in (eve, person(store, "mei")):
        audits.finish(store, who, DIALOGUE, FLAGS, 1, f"{who.person_id} is through")
        scored = {"rubric_id": EMPATHY, "rubric_version": version.version}
        audits.score(store, who, DIALOGUE, 0, "empathy", 4.0, LONG, **scored, client_id=f"{who.person_id} scores")
        audits.finish(store, who, DIALOGUE, **scored, client_id=f"{who.person_id} is through with scores")
    run_dirs.end(run_dirs.lay_out(store, "score", reason=LONG), "failed", message=SHORT)
    run_dirs.trained(store, reason=LONG)
    while ingest(store):
        pass


def places(store_home: Path) -> list[str]:
    """Pages on which such words stand."""
    with closing(Store.open(store_home)) as store:
        (campaign,) = store.rows("SELECT campaign_id FROM campaigns WHERE title = ?", [SHORT])
        (compared,) = store.rows("SELECT comparison_id FROM comparisons WHERE title = ?", [SHORT])
        (run,) = store.rows("SELECT run_id FROM runs WHERE stage = 'score'")
        (model,) = store.rows("SELECT run_id FROM runs WHERE stage = 'grpo'")
        kept = next(one for one in filters(store, person(store, "ines")) if one.name == SHORT)
    versions = [f"rubrics?rubric={EMPATHY}&version=3&view={view}" for view in ("read", "compare", "review")]
    return [
        *("", "campaigns", "runs", "history", "people", *versions),
        *(f"audit?dialogue={DIALOGUE}&turn=0", f"audit?campaign={campaign['campaign_id']}"),
        *(f"campaigns?compare={compared['comparison_id']}", f"runs?run={run['run_id']}", "history?text=KBOLD"),
        *(f"data?filter={kept.filter_id}", f"rubrics?rubric={EMPATHY}&view=edit", f"models?model={model['run_id']}"),
    ]


# Every element, those of the dialogue's own component included; words that stand alone in one were read as more.
EVERYTHING = """
    const inside = one => one.shadowRoot ? within(one.shadowRoot) : [];
    const within = root => [...root.querySelectorAll('*')].flatMap(one => [one, ...inside(one)]);
    const every = within(document.body);
"""
READ_AS_MORE = f"""() => {{ {EVERYTHING}
    return every.filter(one => ['KBOLD', 'KTAG', 'KLINK', 'KRED', 'KHEAD'].includes(one.textContent.trim())
            || one.matches('.katex, a[href*="kardia.invalid"], img[src="x"]'))
        .map(one => one.outerHTML.slice(0, 200)).concat(window.kardia ? ['a script ran'] : []) }}"""
SAYS_THEM = f"() => {{ {EVERYTHING} return every.some(one => one.textContent.includes('**KBOLD**')) }}"


def says_them(page: Page) -> bool:
    """Whether the words come to stand there; the dialogue's own component is drawn after the page."""
    try:
        page.wait_for_function(SAYS_THEM, timeout=20_000)
    except PlaywrightTimeout:
        return False
    return True


def test_no_page_reads_somebodys_words_as_more_than_words(person: Callable[[str], Page], studio: Studio) -> None:
    studio.end()
    asked = places(studio.home)
    with closing(Store.open(studio.home)) as store:
        agreement = [place.replace("CODE", code(store)) for place in AGREEMENT]
    studio.start()
    faults, silent = {}, []
    for who, own in (("ines", asked), ("tomas", agreement), ("paul", ASK_EVE)):
        page = person(who)
        for place in own:
            page.goto(f"{studio.url}/{place}")
            settled(page)
            if not says_them(page):
                silent.append(place)
            if found := page.evaluate(READ_AS_MORE):
                faults[place] = found
    assert faults == {}
    assert silent == [], "a page without the words shows nothing"


def test_words_that_were_read_as_more_would_be_noticed(person: Callable[[str], Page]) -> None:
    page = person("ines")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p>a <b>KBOLD</b> word</p>')")
    assert len(page.evaluate(READ_AS_MORE)) == 1
