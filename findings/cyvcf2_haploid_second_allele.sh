#!/usr/bin/env bash
# cyvcf2: a haploid genotype of the second ALT or a later one is "unknown".
#
# One would guess: on X and Y of males, where callers write one allele, 2 is a carrier of
# the second ALT as 1 is of the first.
# What happens: where another sample of the row is diploid, gt_types is UNKNOWN and
# gt_bases ./. for 2, while 1 is HOM_ALT and 2/2 too; num_called and call_rate leave such
# samples out. Only `genotypes` tells allele 2. Nothing is said.
# Why it matters: genomes with variants put in are made from such calls. Men who carry a
# rarer allele at a site with several seem not to be called there, keep the reference's
# splice site, and their predictor's score is that of a sequence they have not got.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check cyvcf2==0.35.0
cd "$folder"
{
    printf '##fileformat=VCFv4.2\n##contig=<ID=chrX,length=1000>\n'
    printf '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tman0\tman1\tman2\twoman\n'
    printf 'chrX\t300\t.\tA\tC,G\t.\tPASS\t.\tGT\t0\t1\t2\t2/2\n'
} > calls.vcf
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

from cyvcf2 import VCF

print("cyvcf2", version("cyvcf2"))
(row,) = VCF("calls.vcf")
names = {0: "HOM_REF", 1: "HET", 2: "UNKNOWN", 3: "HOM_ALT"}
types = [names[int(code)] for code in row.gt_types]
print("alleles:", [alleles[:-1] for alleles in row.genotypes])
print("gt_types:", types)
print("gt_bases:", [str(bases) for bases in row.gt_bases], "called:", row.num_called, "of 4")
assert [alleles[:-1] for alleles in row.genotypes] == [[0], [1], [2], [2, 2]]
assert types == ["HOM_REF", "HOM_ALT", "UNKNOWN", "HOM_ALT"], "2 is an allele now"
assert row.gt_bases[2] == "./." and row.num_called == 3
print("as described")
PY
# Seen:
# cyvcf2 0.35.0
# alleles: [[0], [1], [2], [2, 2]]
# gt_types: ['HOM_REF', 'HOM_ALT', 'UNKNOWN', 'HOM_ALT']
# gt_bases: ['A', 'C', './.', 'G/G'] called: 3 of 4
# as described
