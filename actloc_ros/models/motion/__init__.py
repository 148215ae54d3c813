"""The localizer `motion`: classic vision, no download, no PyTorch."""
