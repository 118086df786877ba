"""What samplers and pruners know of a study, and what they decide."""
