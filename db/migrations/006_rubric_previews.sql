-- What a version would do, as it was foreseen when it was submitted. Rows are only ever added; the newest counts.
CREATE TABLE rubric_previews (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    rubric_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    impact TEXT NOT NULL                -- JSON object: db/impact/record.py
);
