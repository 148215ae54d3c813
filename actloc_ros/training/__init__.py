"""Train models on footage."""
