#!/usr/bin/env bash
# MMSplice's tables look like intervals of PyRanges and are none.
#
# One would guess: grch38_exons.csv.gz and gtex_psi_map_ranges.csv.gz, with the columns
# Chromosome, Start, End, Strand of PyRanges, hold 0-based half-open exons, and a tissue
# in which an exon was not measured is empty.
# What happens: both count from 1 and include the end. In the first table Start or End
# lie up to 100 bases in the intron where the exon has a neighbour (columns
# left_overhang, right_overhang tell how far). In the second, genes that are not
# expressed at all have PSI 0.0 in every tissue.
# Why it matters: joined as they are, every donor or every acceptor is one base or 100
# bases off, and exons of silent genes look "never used": a cause of errors that is
# none. PSI counts only in tissues where some exon of the gene has a high one.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps \
    --dest "$folder" mmsplice==2.4.0
"$folder/venv/bin/python" - "$folder" <<'PY'
import csv
import glob
import gzip
import io
import sys
import zipfile

(path,) = glob.glob(f"{sys.argv[1]}/mmsplice-*.whl")
print(path.rsplit("/", 1)[1])


def read(name, most):
    with zipfile.ZipFile(path) as wheel, wheel.open(f"mmsplice/models/{name}") as raw:
        with gzip.open(raw) as file:
            rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"))
            return [row for _, row in zip(range(most), rows)]


# GENCODE's first exon of DDX11L1 is chr1:11,869-12,227, 1-based and closed.
exon = read("grch38_exons.csv.gz", 1)[0]
print("exons:", {k: exon[k] for k in ("Start", "End", "left_overhang", "right_overhang")})
assert (exon["Start"], exon["End"], exon["right_overhang"]) == ("11869", "12327", "100")
table = read("gtex_psi_map_ranges.csv.gz", 200_000)
first = table[0]
print("psi:", {k: first[k] for k in ("Start", "End", "gene_name")})
assert (first["Start"], first["End"]) == ("11869", "12227")
tissues = list(first)[6:]
of_gene = {}
for row in table:
    values = [row[tissue] for tissue in tissues]
    of_gene.setdefault(row["gene_id"], []).extend(values)
silent = sum(all(v in ("0.0", "0") for v in values) for values in of_gene.values())
empty = sum(v == "" for values in of_gene.values() for v in values)
print(f"{len(of_gene)} genes; 0.0 for all exons in all {len(tissues)} tissues: {silent}; "
      f"empty values: {empty}")
assert silent > 0
print("as described")
PY
# Seen:
# mmsplice-2.4.0-py2.py3-none-any.whl
# exons: {'Start': '11869', 'End': '12327', 'left_overhang': '0', 'right_overhang': '100'}
# psi: {'Start': '11869', 'End': '12227', 'gene_name': 'DDX11L1'}
# 19176 genes; 0.0 for all exons in all 54 tissues: 6866; empty values: 0
# as described
