"""What people and programs see of a study: tables, curves, notes, scores."""
