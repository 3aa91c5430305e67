-- Blind comparisons of two models. What is compared never changes; people's choices are events.
CREATE TABLE comparisons (
    comparison_id TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    title TEXT NOT NULL,
    question TEXT NOT NULL,             -- what people are asked of each pair
    run_id TEXT NOT NULL,               -- the evaluation whose answers are compared
    first TEXT NOT NULL,                -- the models, by name; hidden from who has still to choose
    second TEXT NOT NULL
);

-- One message and what each model answered. The scores are what the evaluation's judge gave, 0 to 1, null if it failed.
CREATE TABLE comparison_items (
    comparison_id TEXT NOT NULL,
    item INTEGER NOT NULL,
    dialogue_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    situation TEXT NOT NULL,
    history TEXT NOT NULL,              -- JSON list of {role, content}: all that was said before
    first_text TEXT NOT NULL,
    second_text TEXT NOT NULL,
    first_score DOUBLE,
    second_score DOUBLE
);

-- kind: choose or withdraw. The newest word of a person on a pair counts.
CREATE TABLE preference_events (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    comparison_id TEXT NOT NULL,
    item INTEGER NOT NULL,
    kind TEXT NOT NULL,
    won TEXT NOT NULL,                  -- first, second or tie; empty when withdrawn
    left_was TEXT NOT NULL,             -- which of the two stood on the left
    reason TEXT NOT NULL
);

CREATE VIEW current_preferences AS
SELECT comparison_id, item, actor AS person_id, won, left_was, reason, created_at, seq FROM (
    SELECT * FROM preference_events
    QUALIFY row_number() OVER (PARTITION BY comparison_id, item, actor ORDER BY seq DESC) = 1
) WHERE kind = 'choose';
