"""Train hog_hof: recordings of actors, code books and linear classifiers."""
