"""`people_n`: people and their joints in one image, by a network of this project."""
