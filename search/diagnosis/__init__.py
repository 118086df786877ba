"""Diagnosis of trials from their learning curves: verdicts, advice, good ranges, next study."""
