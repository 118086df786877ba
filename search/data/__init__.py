"""The data of a study: reading, coding, splitting and normalisation."""
