#!/usr/bin/env bash
# pyranges' read_gtf keeps the last `tag` of a row and drops the others.
#
# One would guess: rows of GENCODE and Ensembl, which repeat the key `tag` ("basic",
# "Ensembl_canonical", "MANE_Select", "CCDS"), come with all of their tags, or with the
# first.
# What happens: the last one stands in the column `tag`, and exons and transcripts of
# one transcript differ in it. Only duplicate_attr=True joins them.
# Why it matters: gtf[gtf.tag == "Ensembl_canonical"] gives a few random transcripts, and
# a truth set of canonical sites made so is mostly missing: found sites become false
# positives. Nothing is said.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pyranges==0.1.4 setuptools==65.5.0
cd "$folder"
{
    ids='gene_id "G1"; transcript_id "T1"; tag "basic"; tag "Ensembl_canonical";'
    printf 'chr1\tHAVANA\ttranscript\t1001\t5000\t.\t+\t.\t%s tag "MANE_Select";\n' "$ids"
    printf 'chr1\tHAVANA\texon\t1001\t1200\t.\t+\t.\t%s tag "MANE_Select"; tag "CCDS";\n' "$ids"
    printf 'chr1\tHAVANA\texon\t4000\t5000\t.\t+\t.\t%s\n' "$ids"
} > genes.gtf
"$folder/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import pyranges

print("pyranges", version("pyranges"))
tags = pyranges.read_gtf("genes.gtf").df["tag"].tolist()
every = pyranges.read_gtf("genes.gtf", duplicate_attr=True).df["tag"].tolist()
print("tag:", tags)
print("with duplicate_attr=True:", every)
assert tags == ["MANE_Select", "CCDS", "Ensembl_canonical"], "tags are kept now"
assert all("Ensembl_canonical" in tag for tag in every)
print("as described")
PY
# Seen:
# pyranges 0.1.4
# tag: ['MANE_Select', 'CCDS', 'Ensembl_canonical']
# with duplicate_attr=True: ['basic,Ensembl_canonical,MANE_Select', 'basic,Ensembl_canonical,MANE_Select,CCDS', 'basic,Ensembl_canonical']
# as described
