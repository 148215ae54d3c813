"""What networks share that needs PyTorch: preprocessing, decoding of actors, devices."""
