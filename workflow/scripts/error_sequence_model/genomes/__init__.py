"""Reference sequence and what lies on it: FASTA, annotation, variants, windows."""
