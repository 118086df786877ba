"""The leases of trials, the workers that hold them, and the study's budget."""
