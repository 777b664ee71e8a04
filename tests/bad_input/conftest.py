"""Fixtures of the bad-input corpus."""

from step_runs import inputs, refuse

__all__ = ["inputs", "refuse"]
