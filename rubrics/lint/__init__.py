"""What a rubric may hold and is still weaker for as an instrument. docs/rubric-checks.md has a section per check.

A check is one function; a new one is a function, its line in RULES, its section there and a test that trips it. Checks
look for words and numbers, and warn: they prove nothing, and a clean rubric is not thereby a good one. Archived
criteria are asked of nobody and are not looked at.
"""

from rubrics.lint import examples, hacking, overlap, reading, scale, vetoes, weighing, wording
from rubrics.lint.rule import Rule, Warned, each
from rubrics.schema import Rubric

__all__ = ["RULES", "Rule", "Warned", "lint"]

_ALL = (
    Rule("A1", "Missing anchor", "Scores without words mean something else to everyone.", each(scale.missing_anchors)),
    Rule("A2", "Same anchor twice", "Two scores with one text cannot be told apart.", each(scale.same_anchors)),
    Rule("A3", "Anchors differ only in degree", "“Some” and “much” have no border.", each(scale.degree_only)),
    Rule("A4", "Fault as the good end", "Yes to a fault would earn full marks.", scale.fault_that_earns),
    Rule(
        "W1", "Two questions in one", "Half of a compound criterion is soon paid as the whole.", each(wording.compound)
    ),
    Rule("W2", "Vague question", "Praise words are in the eye of the beholder.", each(wording.vague_question)),
    Rule("W3", "Vague anchor", "An anchor that only grades describes nothing.", each(wording.vague_anchors)),
    Rule("W4", "Leading words", "The judge hears the answer before it has looked.", each(wording.leading)),
    Rule("W5", "Double negation", "Judges lose count of which answer is the good one.", each(wording.double_negation)),
    Rule("W6", "Question too long", "Everyone holds on to another part of it.", each(wording.too_long)),
    Rule("R1", "Asks about the profile unseen", "Fit to a person cannot be guessed.", each(reading.blind_persona)),
    Rule("R2", "Asks about the conversation unseen", "What was said has to be read.", each(reading.blind_history)),
    Rule("R3", "Asks about another part unseen", "What is not shown is made up.", each(reading.blind_part)),
    Rule(
        "R4",
        "Language judged beside the person",
        "One impression colours the other.",
        each(reading.language_with_profile),
    ),
    Rule(
        "R5", "Sees the assistant's own case", "A good excuse scores as a good reply.", each(reading.sees_its_excuses)
    ),
    Rule("R6", "Reads nothing of the reply", "What no reply can change teaches nothing.", reading.reads_no_reply),
    Rule("O1", "Two criteria ask the same", "One thing counts twice.", overlap.overlapping),
    Rule("S1", "Counts for next to nothing", "It is asked, paid for and never heard.", weighing.irrelevant),
    Rule("S2", "Outweighs all the others", "The other criteria cannot speak against it.", weighing.dominant),
    Rule("S3", "One fault takes everything", "Below 0 all replies look alike.", weighing.overwhelming_fault),
    Rule("S4", "A number without effect", "Somebody set it and believes that it counts.", weighing.without_effect),
    Rule("S5", "Nothing reaches the reward", "The scores change nothing.", weighing.nothing_counts),
    Rule("S6", "Pass mark that sorts nothing", "All turns pass, or none but the flawless.", weighing.idle_pass_mark),
    Rule("S7", "Any judge will do", "A judge that nobody checked trains the model.", weighing.open_gate),
    Rule(
        "V1",
        "Veto at a level without anchor",
        "The gravest decision needs the plainest words.",
        each(vetoes.undescribed_veto),
    ),
    Rule("V2", "Veto without effect", "Somebody relies on it.", vetoes.idle_veto),
    Rule("V3", "Veto on the wrong side", "It strikes the reply without the fault.", vetoes.reversed_veto),
    Rule("V4", "Red without a veto", "Warmth elsewhere buys back the harm.", vetoes.red_without_veto),
    Rule("V5", "Veto that can be dodged", "Leaving a part out escapes it.", vetoes.dodged_veto),
    Rule("E1", "No example", "Anchors are read through examples.", each(examples.no_examples)),
    Rule("E2", "Example against its score", "A judge copies what it is shown.", each(examples.contradicting_example)),
    Rule("E3", "Same text, two scores", "One of them is wrong.", each(examples.same_text_two_scores)),
    Rule("E4", "One-sided examples", "What a judge has seen is what it gives.", each(examples.one_sided_examples)),
    Rule("E5", "Example without a reason", "A score alone teaches imitation.", each(examples.example_without_reason)),
    Rule(
        "E6",
        "Example at no anchor",
        "It shows a level that nobody has described.",
        each(examples.example_between_anchors),
    ),
    Rule("H1", "Pays for length", "Judges like long replies as it is.", hacking.pays_for_padding),
    Rule("H2", "Pays for flattery", "It is cheap and fits any message.", hacking.pays_for_flattery),
    Rule("H3", "Pays for self-praise", "Saying it is not doing it.", hacking.pays_for_self_praise),
    Rule("H4", "Pays for keywords", "Words can be there and say nothing.", hacking.pays_for_keywords),
    Rule("H5", "Pays for half", "An attempt is then as good as the thing.", hacking.pays_for_half),
)
RULES: dict[str, Rule] = {rule.code: rule for rule in _ALL}


def lint(rubric: Rubric) -> list[Warned]:
    """Every finding: those about the whole rubric first, then by criterion in its order; empty when there is none.

    Never raises on a rubric, however unfinished (blank texts, no criteria, no anchors).
    """
    warned = [Warned(rule.code, *found) for rule in RULES.values() for found in rule.check(rubric)]
    place: dict[str | None, int] = {criterion.id: number for number, criterion in enumerate(rubric.criteria, start=1)}
    return sorted(warned, key=lambda one: place.get(one.criterion_id, 0))
