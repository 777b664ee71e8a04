"""Fixtures of the workflow tests."""

from workflow_runs import finished, small_input, snakemake  # noqa: F401
