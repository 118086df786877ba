"""Studies from Python: what `studyhall.Study` does, in programs and in notebooks."""
