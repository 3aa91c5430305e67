"""What a rubric can be made to pay without merit: starting the probes, and reading what they found."""
