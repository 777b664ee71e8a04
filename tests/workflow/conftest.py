"""Fixtures of the workflow tests."""

from workflow_runs import small_input, snakemake  # noqa: F401
