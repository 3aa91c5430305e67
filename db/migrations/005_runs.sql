-- What db/ingest.py read from the run directories. A run directory stays the truth: these rows can be made again from it.

CREATE TABLE runs (
    run_id TEXT NOT NULL,
    stage TEXT NOT NULL,                -- empty while request.json cannot be read
    state TEXT NOT NULL,
    message TEXT NOT NULL,              -- the job's own, and what could not be read in its directory
    requested_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    rubric_id TEXT,
    rubric_version INTEGER,
    rubric_hash TEXT,
    approved_by TEXT,
    approved_at TEXT,
    approval_reason TEXT,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    unit TEXT NOT NULL,
    cost DOUBLE NOT NULL,
    tokens_in BIGINT NOT NULL,
    tokens_out BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    seed BIGINT NOT NULL,
    config TEXT NOT NULL,               -- JSON object
    parents TEXT NOT NULL,              -- JSON list of run ids
    code_version TEXT NOT NULL,
    packages TEXT NOT NULL,             -- JSON object
    created_at TIMESTAMP,
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    heartbeat TIMESTAMP
);

CREATE TABLE run_inputs (
    run_id TEXT NOT NULL,
    dialogue_id TEXT NOT NULL
);

CREATE TABLE run_events (
    run_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    created_at TIMESTAMP,
    kind TEXT NOT NULL,
    body TEXT NOT NULL                  -- the event's line as it was
);

CREATE TABLE metrics (
    run_id TEXT NOT NULL,
    seq BIGINT NOT NULL,                -- the event that told it: a resumed run tells some steps twice, the later counts
    step BIGINT NOT NULL,
    name TEXT NOT NULL,
    value DOUBLE
);

CREATE TABLE verdicts (
    run_id TEXT NOT NULL,
    dialogue_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    sample_index INTEGER,
    criterion_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    score DOUBLE,                       -- null unless scored
    reason TEXT,
    judge TEXT,
    replicate INTEGER,
    rubric_id TEXT,
    rubric_version INTEGER,
    rubric_hash TEXT,
    prompt_hash TEXT,
    latency_s DOUBLE,
    tokens_in BIGINT,
    tokens_out BIGINT,
    cost DOUBLE,
    cached BOOLEAN
);

CREATE TABLE rewards (
    run_id TEXT NOT NULL,
    dialogue_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    sample_index INTEGER,
    r_format DOUBLE,
    r_emotion DOUBLE,
    r_rubric DOUBLE,
    reward DOUBLE,                      -- null unless every part is known
    vetoed_by TEXT,
    outcome TEXT
);

CREATE TABLE scores (
    run_id TEXT NOT NULL,
    which TEXT NOT NULL,                -- base or trained
    measure TEXT NOT NULL,
    value DOUBLE,
    n BIGINT,
    missing BIGINT,
    low DOUBLE,
    high DOUBLE
);

CREATE TABLE models (
    run_id TEXT NOT NULL,
    stage TEXT,
    base_model TEXT,
    path TEXT,
    parameters BIGINT,
    sha256 TEXT,
    steps BIGINT
);

-- How far each file of a run directory has been read.
CREATE TABLE ingest_offsets (
    run_id TEXT NOT NULL,
    file TEXT NOT NULL,
    stamp TEXT NOT NULL,                -- changes whenever the file does
    byte_offset BIGINT NOT NULL,        -- events.jsonl only: up to the end of the last whole line
    problem TEXT NOT NULL
);
