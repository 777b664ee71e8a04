"""Classical features by family, their guard, and their verification on the models."""
