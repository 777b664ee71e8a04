"""Motifs and known elements: seqlets, clusters, matching, scanning, tests, effects."""
