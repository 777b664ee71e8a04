"""The parts of the simulation: genes, their files, a predictor with planted causes."""
