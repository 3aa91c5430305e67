-- One row a write that added events: `told` says which rows of which tables it added and their digest (db/chain.py), and
-- `hash` is over the row before and this one. Nothing here names a person, so erasing one leaves the chain as it is.
CREATE TABLE chain (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    told TEXT NOT NULL,                 -- JSON object
    hash TEXT NOT NULL                  -- SHA-256, 64 hexadecimal digits
);

-- From where it was done: a page, the command line, the studio itself. Null: before it was noted.
ALTER TABLE history ADD COLUMN came_from TEXT;

-- The address by which a sign-in provider knows somebody; without one, an id that is an address counts.
ALTER TABLE person_events ADD COLUMN email TEXT;
CREATE OR REPLACE VIEW people AS
SELECT person_id, name, roles, active, created_at AS changed_at,
    coalesce(email, CASE WHEN contains(person_id, '@') THEN person_id END, '') AS email
FROM person_events
QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY seq DESC) = 1;

-- Whoever was signed in before the newest of these has to sign in again.
CREATE TABLE sign_out_events (
    seq BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    actor TEXT NOT NULL,
    person_id TEXT NOT NULL
);
