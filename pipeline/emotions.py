"""The 32 emotion labels of EmpatheticDialogues (arXiv 1811.00207) and the coarse groups used beside exact match."""

from rubrics.errors import UserError

# Near-synonyms share a group: exact match among 32 labels mostly measures having learnt the label convention.
GROUPS: dict[str, tuple[str, ...]] = {
    "fear": ("afraid", "anxious", "apprehensive", "terrified"),
    "anger": ("angry", "annoyed", "disgusted", "furious"),
    "sadness": ("devastated", "disappointed", "lonely", "sad"),
    "shame": ("ashamed", "embarrassed", "guilty", "jealous"),
    "joy": ("content", "excited", "joyful", "proud"),
    "hope": ("anticipating", "confident", "hopeful", "prepared"),
    "warmth": ("caring", "faithful", "grateful", "trusting"),
    "wonder": ("impressed", "nostalgic", "sentimental", "surprised"),
}
EMOTIONS: tuple[str, ...] = tuple(sorted(label for group in GROUPS.values() for label in group))
GROUP_OF: dict[str, str] = {label: name for name, group in GROUPS.items() for label in group}


def check_emotion(label: str, where: str) -> str:
    """The label, trimmed and in lower case. Raises UserError naming `where` when it is not one of the 32."""
    cleaned = label.strip().lower()
    if cleaned not in GROUP_OF:
        raise UserError(f'{where}: "{label[:40]}" is not one of the 32 emotions ({EMOTIONS[0]} … {EMOTIONS[-1]})')
    return cleaned
