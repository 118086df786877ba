"""Studies: their creation from a checked study file, and their record in the database."""
