-- A campaign never changes; who works in it, what they hold and its end are events.
CREATE TABLE campaigns (
    campaign_id TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    title TEXT NOT NULL,
    rubric_id TEXT NOT NULL,
    rubric_version INTEGER NOT NULL,
    overlap INTEGER NOT NULL,           -- how many people read each ordinary dialogue
    deadline TIMESTAMP,
    gold_share DOUBLE NOT NULL,         -- of what each person is given, from 0 up to below 1
    hold_minutes DOUBLE NOT NULL,       -- how long a place is kept for whom it was given to
    seed TEXT NOT NULL,
    chosen TEXT NOT NULL                -- JSON object: how the dialogues were picked
);

-- The dialogues as they were resolved at creation. tier: lower ones are given first, in no order within a tier.
CREATE TABLE campaign_dialogues (
    campaign_id TEXT NOT NULL,
    dialogue_id TEXT NOT NULL,
    tier INTEGER NOT NULL,
    is_gold BOOLEAN NOT NULL            -- for calibration: everybody is given it, and overlap does not count for it
);

-- kind: join, leave, close, and of one person and one dialogue: reserve, release, skip, unskip.
CREATE TABLE campaign_events (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    campaign_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    person_id TEXT,
    dialogue_id TEXT,
    reason TEXT NOT NULL,
    expires_at TIMESTAMP                -- of a reservation, naive UTC
);

CREATE VIEW campaign_people AS
SELECT campaign_id, person_id, created_at AS joined_at, kind = 'join' AS is_member FROM campaign_events
WHERE seq IN (
    SELECT max(seq) FROM campaign_events WHERE kind IN ('join', 'leave') GROUP BY campaign_id, person_id);

-- The newest word on one person and one dialogue. Whether a reservation still stands depends on the time of asking.
CREATE VIEW campaign_places AS
SELECT campaign_id, person_id, dialogue_id, kind, expires_at, reason, seq, created_at FROM campaign_events
WHERE seq IN (
    SELECT max(seq) FROM campaign_events WHERE kind IN ('reserve', 'release', 'skip', 'unskip')
    GROUP BY campaign_id, person_id, dialogue_id);

-- What people of the campaign, former ones too, finished by exactly its rubric version, reserved or not.
CREATE VIEW campaign_done AS
WITH said AS (
    SELECT person_id, dialogue_id, rubric_id, rubric_version, kind, created_at FROM audit_events
    WHERE seq IN (
        SELECT max(seq) FROM audit_events WHERE kind IN ('finish', 'unfinish') AND NOT is_gold
        GROUP BY person_id, dialogue_id, rubric_id, rubric_version)
)
SELECT campaign_id, person_id, dialogue_id, said.created_at AS finished_at
FROM campaigns
JOIN said USING (rubric_id, rubric_version)
SEMI JOIN campaign_dialogues USING (campaign_id, dialogue_id)
SEMI JOIN campaign_people USING (campaign_id, person_id)
WHERE said.kind = 'finish';
