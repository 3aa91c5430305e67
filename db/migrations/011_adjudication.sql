-- What was settled where people marked a turn differently, as events: the newest decision on a code of a turn by a rubric version
-- stands.
-- Gold itself is in audit_events, written in the same transaction; audit_seq names that row.
CREATE TABLE adjudication_events (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    person_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    dialogue_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    code TEXT NOT NULL,
    is_flagged BOOLEAN NOT NULL,
    severity TEXT,                      -- null where the turn is not flagged
    error_type TEXT NOT NULL,           -- ambiguous_text, rubric_gap, slip, real_disagreement, other
    why TEXT NOT NULL,
    rubric_id TEXT NOT NULL,
    rubric_version INTEGER NOT NULL,
    audit_seq BIGINT NOT NULL
);

CREATE VIEW current_decisions AS
SELECT * FROM adjudication_events
QUALIFY row_number() OVER (PARTITION BY dialogue_id, turn_index, rubric_id, rubric_version, code ORDER BY seq DESC) = 1;
