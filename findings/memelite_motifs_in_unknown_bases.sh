#!/usr/bin/env bash
# memelite's fimo finds long motifs in a run of N.
#
# One would guess: unknown bases hold no motif, and what overlaps a gap is left out.
# What happens: N adds nothing to the score, as if it were as likely under the motif as
# under the background. A stretch of N so has score 0, which few random words of the
# length of a long, sharp motif reach: every place of it is a hit on both strands, at the
# default threshold of 1e-4.
# Why it matters: N are not rare where motifs are sought: assembly gaps, hard-masked
# repeats, windows that leave their contig. A motif is then "enriched" in whichever class
# has more of them. Sites with N in them have to be taken out of the table of hits.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check memelite==0.5.0
cd "$folder"
{
    printf '>gap\n%060d\n' 0 | tr 0 N
    printf '>bases\nGATCCTATTCGAGCTTACAAGGTTCTCATACTTAAGCATCGATGATTACCTAGAACTGTC\n'
} > sites.fa
"$folder/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from memelite import fimo

print("memelite", version("memelite"))
word = "TGGCCACCAGGGGGCGCTAG"
rows = [[0.97 if base == letter else 0.01 for letter in word] for base in "ACGT"]
(hits,) = fimo({"long": np.array(rows)}, "sites.fa")
counts = hits["sequence_name"].value_counts().to_dict()
print("hits by sequence:", counts, f"p at most {hits['p-value'].max():.1e}")
assert counts == {"gap": 2 * (60 - len(word) + 1)}, "N are no motif now"
print("as described")
PY
