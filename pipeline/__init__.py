"""The jobs: regenerate, score, sft, grpo, evaluate. Importing this package loads nothing heavy."""
