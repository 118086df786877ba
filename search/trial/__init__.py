"""One trial: sampled, built, trained, checkpointed and told."""
