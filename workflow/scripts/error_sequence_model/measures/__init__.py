"""What scores are worth: metrics, intervals, paired tests, strata, calibration."""
