"""The store: people, rubric versions, dialogues, audits and runs in one DuckDB file."""
