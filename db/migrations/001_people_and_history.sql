-- People as events: a change is a new row, and the view shows each person as the newest row has it.
CREATE TABLE person_events (
    seq BIGINT,
    created_at TIMESTAMP,
    actor TEXT,
    person_id TEXT,
    name TEXT,
    roles TEXT[],
    active BOOLEAN
);

CREATE VIEW people AS
SELECT person_id, name, roles, active, created_at AS changed_at
FROM person_events
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY seq DESC) = 1;

-- Who did what to what, when and why. Rows are only ever added; detail is JSON.
CREATE TABLE history (
    seq BIGINT,
    created_at TIMESTAMP,
    actor TEXT,
    action TEXT,
    subject_kind TEXT,
    subject_id TEXT,
    reason TEXT,
    detail TEXT
);
