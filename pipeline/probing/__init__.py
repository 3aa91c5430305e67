"""Probing a rubric: real answers rewritten so that they deserve no more, or less, and judged beside what they were."""
