"""Training: supervised fine-tuning, then reinforcement learning on rewards. Importing its modules loads torch."""
