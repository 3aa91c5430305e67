-- Filters that people keep, as events: kind is saved (again, under the same id, changes it) or removed.
CREATE TABLE saved_filter_events (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    person_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    filter_id TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,                 -- JSON object: the conditions of db.finding_filter.Filter that are set
    is_shared BOOLEAN NOT NULL
);

CREATE VIEW saved_filters AS
SELECT filter_id, name, body, is_shared, person_id, created_at AS saved_at FROM (
    SELECT * FROM saved_filter_events
    QUALIFY row_number() OVER (PARTITION BY filter_id ORDER BY seq DESC) = 1
) WHERE kind = 'saved';

-- The markers around the spans are nothing that anybody said: a search for "response" found every dialogue.
UPDATE dialogues SET search_text = regexp_replace(
    search_text, '<\|(understanding|reasoning|emotion|response)_(begin|end)\|>', '', 'g'
) WHERE contains(search_text, '_begin|>');
