"""Read and write recordings, bags, videos and images, and draw on them."""
