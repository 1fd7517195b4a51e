"""Training: steps, schedules and checkpoints. What happens at a step depends on the seed and the step alone."""
