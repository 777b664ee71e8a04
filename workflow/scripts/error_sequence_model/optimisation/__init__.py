"""Parts of a training run: batches, budget, gradients, steps, checkpoints."""
