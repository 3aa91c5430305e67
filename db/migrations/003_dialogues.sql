-- Dialogues are inserted and never changed; a turn is one assistant message, addressed by (dialogue_id, turn_index).
-- No index but the two primary keys: rows here are only ever inserted, in bulk.

CREATE TABLE personas (
    persona_id TEXT PRIMARY KEY,
    mbti TEXT NOT NULL,
    about TEXT NOT NULL,
    signature TEXT NOT NULL,
    recent_activities TEXT NOT NULL
);

CREATE TABLE dialogues (
    ordinal BIGINT NOT NULL,            -- order of arrival, from 0
    dialogue_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,               -- the format it came in, or the run that wrote it
    persona_id TEXT NOT NULL,           -- empty: nobody described the person
    person TEXT NOT NULL,               -- raw profile text
    mbti TEXT NOT NULL,
    anon_username TEXT NOT NULL,
    emotion TEXT NOT NULL,              -- one of the 32, or empty
    source_emotion TEXT NOT NULL,       -- what the source said, where it is not one of the 32
    situation TEXT NOT NULL,
    messages TEXT NOT NULL,             -- JSON list of {role, content}
    n_turns INTEGER NOT NULL,
    extra TEXT NOT NULL,                -- JSON object: whatever else the source knew
    search_text TEXT NOT NULL,          -- situation and messages in lower case
    content_hash TEXT NOT NULL,         -- SHA-256 of what a job sees of it
    import_id TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE turns (
    dialogue_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    text TEXT NOT NULL,
    text_hash TEXT NOT NULL,
    understanding TEXT NOT NULL,
    reasoning TEXT NOT NULL,
    emotion TEXT NOT NULL,
    response TEXT NOT NULL
);

CREATE TABLE imports (
    import_id TEXT NOT NULL,
    format TEXT NOT NULL,
    file TEXT NOT NULL,
    file_hash TEXT NOT NULL,
    dialogues_new BIGINT NOT NULL,
    dialogues_known BIGINT NOT NULL,
    turns BIGINT NOT NULL,
    problems BIGINT NOT NULL,
    imported_by TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE import_problems (
    import_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    reason TEXT NOT NULL                -- names fields and markers, never what somebody said
);
