"""The output for people and programs: tables, learning curves, notes, scores and JSON."""
