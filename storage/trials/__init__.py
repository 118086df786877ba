"""A trial from its claim to its result."""
