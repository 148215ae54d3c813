"""What several nodes share: subscriptions, signals, logs, transforms."""
