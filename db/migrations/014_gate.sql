-- A psychologist's word that models may be trained by a rubric version on a judge that does not reach its limits, as
-- events. kind: granted, withdrawn. shortfalls is a JSON list: the figures that failed when it was given, in words.
CREATE TABLE gate_override_events (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    person_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    rubric_id TEXT NOT NULL,
    rubric_version INTEGER NOT NULL,
    rubric_hash TEXT NOT NULL,
    judge TEXT NOT NULL,
    reason TEXT NOT NULL,
    shortfalls TEXT NOT NULL
);

CREATE VIEW gate_overrides AS
SELECT * EXCLUDE (kind) FROM (
    SELECT * FROM gate_override_events
    QUALIFY row_number() OVER (PARTITION BY rubric_hash, judge ORDER BY seq DESC) = 1
) WHERE kind = 'granted';

-- What a training's request says of the gate: JSON objects, null where the request had none.
ALTER TABLE runs ADD COLUMN calibration TEXT;
ALTER TABLE runs ADD COLUMN override TEXT;
