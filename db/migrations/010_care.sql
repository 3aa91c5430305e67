-- What belongs to one person who reads, as events; db/care.py gives it to that person alone.
-- kind: settings (body is JSON), seen (a severe turn was uncovered or read), begin, pause, enough (of a reading session).
CREATE TABLE care_events (
    seq BIGINT,
    created_at TIMESTAMP,
    person_id TEXT,
    client_id TEXT,
    kind TEXT,
    dialogue_id TEXT,
    turn_index INTEGER,
    body TEXT
);

-- What db/themes.yaml finds in a dialogue, none included; can be made again at any time. words_hash: by which list.
CREATE TABLE dialogue_themes (
    dialogue_id TEXT NOT NULL,
    themes TEXT[] NOT NULL,
    words_hash TEXT NOT NULL
);

-- What cannot wait for a count of flags, as events. kind: raised, taken, closed, reopened.
-- note may quote somebody: it is shown to those who handle the incident and to who raised it, and to nobody else.
CREATE TABLE incident_events (
    seq BIGINT,
    created_at TIMESTAMP,
    person_id TEXT,
    client_id TEXT,
    kind TEXT,
    incident_id TEXT,
    dialogue_id TEXT,
    turn_index INTEGER,
    text_hash TEXT,
    what TEXT,
    due_at TIMESTAMP,
    outcome TEXT,
    note TEXT
);
