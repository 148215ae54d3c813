"""HOG and HOF along point tracks, Fisher vectors and linear classifiers: no GPU."""
