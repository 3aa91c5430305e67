-- Drafts are saved as one writes, thousands of times: the newest save is found by its number, before any body is read.
CREATE OR REPLACE VIEW rubric_draft_newest AS
SELECT * FROM rubric_draft_events WHERE seq IN (SELECT max(seq) FROM rubric_draft_events GROUP BY rubric_id);
