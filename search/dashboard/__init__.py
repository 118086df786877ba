"""The service: optuna-dashboard behind a guard, for people and for Prometheus."""
