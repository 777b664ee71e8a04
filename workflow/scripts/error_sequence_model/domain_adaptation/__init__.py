"""Pretraining on the user's genome: windows, objectives, steps, perplexity, audit."""
