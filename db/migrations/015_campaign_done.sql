-- The same as before, so written that DuckDB looks at the events of the people and the campaign asked about, not at everybody's.
CREATE OR REPLACE VIEW campaign_done AS
SELECT campaign_id, person_id, dialogue_id, finished_at FROM (
    SELECT p.campaign_id, e.person_id, e.dialogue_id, arg_max(e.kind, e.seq) AS kind,
        arg_max(e.created_at, e.seq) AS finished_at
    FROM audit_events e
    JOIN campaign_people p ON p.person_id = e.person_id
    JOIN campaigns c ON c.campaign_id = p.campaign_id
        AND e.rubric_id = c.rubric_id AND e.rubric_version = c.rubric_version
    WHERE e.kind IN ('finish', 'unfinish') AND NOT e.is_gold
    GROUP BY p.campaign_id, e.person_id, e.dialogue_id
)
SEMI JOIN campaign_dialogues USING (campaign_id, dialogue_id)
WHERE kind = 'finish';
