"""From a predictor's scores to calls: score files, pairing with the truth, decoys."""
