"""The launcher: starts worker processes, watches them and replaces those that die."""
