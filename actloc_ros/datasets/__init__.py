"""Read and write the data sets that localizers are trained and evaluated on."""
