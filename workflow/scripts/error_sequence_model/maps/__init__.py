"""Maps per base: single methods, files, checks, and statistics over many."""
