"""`joints_n`: the joints of one person in a crop, by a network of this project."""
