-- Where two psychologists must approve, the first approval is an event of the state "endorsed": it decides nothing yet.
-- approvers_needed: of a version that was approved, how many approved it; of any other, the larger of what it asks for
-- and what the newest version that ever was approved asks for (a retired one too, or retiring would be a way around).
CREATE OR REPLACE VIEW rubric_version_states AS
WITH decided AS (
    SELECT * FROM rubric_version_events WHERE state <> 'endorsed'
    QUALIFY row_number() OVER (PARTITION BY rubric_id, version ORDER BY seq DESC) = 1
), endorsed AS (
    SELECT rubric_id, version, list(actor ORDER BY seq) AS endorsed_by FROM rubric_version_events
    WHERE state = 'endorsed' GROUP BY rubric_id, version
), asking AS (
    SELECT rubric_id, version, coalesce(
        CASE WHEN json_valid(body) THEN TRY_CAST(json_extract_string(body, '$.approvers') AS INTEGER) END, 1
    ) AS approvers
    FROM rubric_versions
), ruling AS (
    SELECT rubric_id, arg_max(approvers, version) AS approvers
    FROM asking SEMI JOIN (SELECT * FROM rubric_version_events WHERE state = 'approved') USING (rubric_id, version)
    GROUP BY rubric_id
)
SELECT versions.*, coalesce(decided.state, 'in_review') AS state, decided.actor AS decided_by,
    decided.created_at AS decided_at, coalesce(decided.reason, '') AS reason,
    coalesce(endorsed.endorsed_by, []) AS endorsed_by,
    CASE WHEN decided.state IN ('approved', 'retired') THEN len(coalesce(endorsed.endorsed_by, [])) + 1
    ELSE greatest(asking.approvers, coalesce(ruling.approvers, 1), len(coalesce(endorsed.endorsed_by, [])) + 1)
    END AS approvers_needed
FROM rubric_versions AS versions
JOIN asking USING (rubric_id, version)
LEFT JOIN ruling USING (rubric_id)
LEFT JOIN endorsed USING (rubric_id, version)
LEFT JOIN decided USING (rubric_id, version);

-- What people say to each other about a criterion, or (criterion_id empty) the whole rubric, as events.
-- kind: comment, resolve, reopen, and move (a draft's thread, when the number that the draft was to get went elsewhere).
CREATE TABLE rubric_comment_events (
    seq BIGINT,
    created_at TIMESTAMP,
    person_id TEXT,
    client_id TEXT,
    kind TEXT,
    thread_id TEXT,
    rubric_id TEXT,
    version INTEGER,
    criterion_id TEXT,
    text TEXT
);
