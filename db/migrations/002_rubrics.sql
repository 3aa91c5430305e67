-- Drafts as events: every save keeps its whole body, so that no save can take another's words away.
-- kind: copied (from a version), written, submitted, discarded. Revisions count on for ever, so a stale page never matches.
CREATE TABLE rubric_draft_events (
    seq BIGINT,
    created_at TIMESTAMP,
    actor TEXT,
    rubric_id TEXT,
    kind TEXT,
    revision INTEGER,
    base_version INTEGER,
    body TEXT
);

CREATE VIEW rubric_draft_newest AS
SELECT * FROM rubric_draft_events
QUALIFY row_number() OVER (PARTITION BY rubric_id ORDER BY seq DESC) = 1;

CREATE VIEW rubric_drafts AS
SELECT rubric_id, revision, base_version, body, actor AS updated_by, created_at AS updated_at
FROM rubric_draft_newest WHERE kind IN ('copied', 'written');

-- Frozen rubrics. Rows are never changed; body is the rubric's canonical JSON and must hash to hash.
CREATE TABLE rubric_versions (
    rubric_id TEXT,
    version INTEGER,
    hash TEXT,
    title TEXT,
    purpose TEXT,
    body TEXT,
    authors TEXT[],
    submitted_by TEXT,
    submitted_at TIMESTAMP,
    note TEXT,
    parent_version INTEGER,
    PRIMARY KEY (rubric_id, version)
);

-- state: approved, changes_requested, retired. A version without an event is in review.
CREATE TABLE rubric_version_events (
    seq BIGINT,
    created_at TIMESTAMP,
    actor TEXT,
    rubric_id TEXT,
    version INTEGER,
    state TEXT,
    reason TEXT
);

CREATE VIEW rubric_version_states AS
SELECT versions.* , coalesce(events.state, 'in_review') AS state, events.actor AS decided_by,
    events.created_at AS decided_at, coalesce(events.reason, '') AS reason
FROM rubric_versions AS versions
LEFT JOIN (
    SELECT * FROM rubric_version_events
    QUALIFY row_number() OVER (PARTITION BY rubric_id, version ORDER BY seq DESC) = 1
) AS events USING (rubric_id, version);
