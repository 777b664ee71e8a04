#!/usr/bin/env bash
# kipoiseq's one_hot_dna: a soft-masked base is nothing, an unknown base a quarter of
# each.
#
# One would guess: lower case (soft-masked repeats, as UCSC and Ensembl ship genomes) is
# read as the base it is, and N is either zeros or a quarter of each base.
# What happens: N is 0.25 in every column, and every lower-case base, like R and Y, is
# four zeros. Nothing is said.
# Why it matters: half of a human genome is lower case. SpliceAI and its relatives take
# zeros for "beyond the transcript" and were never shown 0.25: scores inside repeats are
# those of a masked sequence. Sequences have to be upper-cased, and N set to zeros.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    kipoiseq==0.7.1 six==1.17.0
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

from kipoiseq.transforms.functional import one_hot_dna

print("kipoiseq", version("kipoiseq"))
encoded = {letter: one_hot_dna(letter)[0].tolist() for letter in "ANRagtc"}
for letter, row in encoded.items():
    print(letter, row)
assert encoded["A"] == [1, 0, 0, 0]
assert encoded["N"] == [0.25] * 4, "N is encoded otherwise now"
assert all(encoded[x] == [0] * 4 for x in "Ragtc"), "lower case is read now"
print("as described")
PY
# Seen:
# kipoiseq 0.7.1
# A [1.0, 0.0, 0.0, 0.0]
# N [0.25, 0.25, 0.25, 0.25]
# R [0.0, 0.0, 0.0, 0.0]
# a [0.0, 0.0, 0.0, 0.0]
# g [0.0, 0.0, 0.0, 0.0]
# t [0.0, 0.0, 0.0, 0.0]
# c [0.0, 0.0, 0.0, 0.0]
# as described
