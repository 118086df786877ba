"""One launch: worker processes started, watched, followed by others when they die."""
