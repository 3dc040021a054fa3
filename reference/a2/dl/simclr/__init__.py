"""SimCLR: two random views of each image, and a loss that brings the views of one image together."""
