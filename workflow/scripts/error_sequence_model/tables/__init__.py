"""Error tables of every origin: read, checked, merged into one row per site."""
