"""Run the node for long, beside cameras that behave as badly as those of robots do."""
