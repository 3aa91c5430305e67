"""Finding dialogues, keeping what was looked for, and files in and out."""
