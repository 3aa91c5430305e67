-- A turn's text lies in its dialogue's messages, which is what people and jobs read. Kept a second and third time here, it made an
-- import write three times as much; its hash stays, and `python -m db check` holds it against the messages.
ALTER TABLE turns DROP COLUMN text;
ALTER TABLE turns DROP COLUMN understanding;
ALTER TABLE turns DROP COLUMN reasoning;
ALTER TABLE turns DROP COLUMN emotion;
ALTER TABLE turns DROP COLUMN response;

-- What db/search_texts.py makes of each dialogue, in order of arrival; can be made again at any time.
CREATE TABLE search_texts (
    ordinal BIGINT NOT NULL,
    said TEXT NOT NULL                  -- situation and messages in lower case, without the markers of spans
);
INSERT INTO search_texts SELECT ordinal, search_text FROM dialogues ORDER BY ordinal;
ALTER TABLE dialogues DROP COLUMN search_text;
