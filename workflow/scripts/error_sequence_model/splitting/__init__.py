"""What a split is made of: groups that stay together, homology, and its audit."""
