"""What is wrong with a written dialogue, each fault with its reason; rows are marked, never deleted.

    identity      the person contradicts their profile or themselves
    emotion       the named emotion jumps further in one turn than feelings do
    decay         spans missing or out of order, speakers out of turn, answers that repeat themselves or stop midway
    copy          nearly the same words, or by embeddings the same sense, as an earlier dialogue
    length        too few exchanges, or a message far too long or empty
    unsafe        flagged by the flags rubric
    gate          an answer stands though no revision of it passed

KardiaBench's own thresholds are not published; these are ours, and each is a number in the module that uses it.
"""
