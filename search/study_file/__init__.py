"""The study file: its keys, checks and changes, and the template of a new one."""
