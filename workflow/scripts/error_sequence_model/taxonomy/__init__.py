"""Named causes of errors: registry, flags by origin of evidence, tests, coverage."""
