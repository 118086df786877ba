"""Notices of a study's events, sent to a webhook: what is reported and how it is delivered."""
