"""The checks of `studyhall doctor` and its advice."""
