-- What people mark in dialogues, as events. kind: flag, unflag, score, note, finish, unfinish.
-- text_hash is the turn's text as it was marked. turn_index is null for what concerns the whole dialogue.
-- Gold is the reference that annotators are measured against; it is one for the whole team, whoever set it last.
CREATE TABLE audit_events (
    seq BIGINT,
    created_at TIMESTAMP,
    person_id TEXT,
    client_id TEXT,
    kind TEXT,
    dialogue_id TEXT,
    turn_index INTEGER,
    text_hash TEXT,
    code TEXT,
    severity TEXT,
    value DOUBLE,
    note TEXT,
    rubric_id TEXT,
    rubric_version INTEGER,
    is_gold BOOLEAN
);

CREATE VIEW current_flags AS
SELECT * EXCLUDE (kind, value) FROM (
    SELECT * FROM audit_events WHERE kind IN ('flag', 'unflag')
    QUALIFY row_number() OVER (
        PARTITION BY dialogue_id, turn_index, code, is_gold, CASE WHEN is_gold THEN '' ELSE person_id END
        ORDER BY seq DESC) = 1
) WHERE kind = 'flag';

-- A score of null takes an earlier one back, as an empty note does.
CREATE VIEW current_scores AS
SELECT * EXCLUDE (kind, severity, is_gold) FROM (
    SELECT * FROM audit_events WHERE kind = 'score'
    QUALIFY row_number() OVER (
        PARTITION BY person_id, dialogue_id, turn_index, rubric_id, code ORDER BY seq DESC) = 1
) WHERE value IS NOT NULL;

CREATE VIEW current_notes AS
SELECT * EXCLUDE (kind, severity, value, is_gold) FROM (
    SELECT * FROM audit_events WHERE kind = 'note'
    QUALIFY row_number() OVER (
        PARTITION BY person_id, dialogue_id, turn_index, rubric_id, code ORDER BY seq DESC) = 1
) WHERE note <> '';

CREATE VIEW current_finished AS
SELECT seq, created_at, person_id, dialogue_id, rubric_id, rubric_version, is_gold FROM (
    SELECT * FROM audit_events WHERE kind IN ('finish', 'unfinish')
    QUALIFY row_number() OVER (
        PARTITION BY dialogue_id, rubric_id, is_gold, CASE WHEN is_gold THEN '' ELSE person_id END
        ORDER BY seq DESC) = 1
) WHERE kind = 'finish';
