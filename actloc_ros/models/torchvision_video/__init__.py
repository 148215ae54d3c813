"""torchvision's video classifiers with their published weights."""
