"""What a study's curves say: evidence in numbers, verdicts, advice, good ranges, the next study."""
