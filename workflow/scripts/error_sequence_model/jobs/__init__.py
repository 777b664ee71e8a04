"""What the steps share: command lines, logs, stops from outside, GPU leases."""
