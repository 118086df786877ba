"""Who works on which trial, and how much of the budget is left."""
