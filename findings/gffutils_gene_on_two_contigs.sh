#!/usr/bin/env bash
# gffutils makes one gene of a gene that an annotation has on two contigs, with the
# start from one and the end from the other.
#
# One would guess: a gene_id that stands on chrX and on chrY (the pseudoautosomal genes
# of RefSeq and UCSC GTFs), without gene rows, gives a gene on each, or an error.
# What happens: one gene and one transcript, on the contig that was read last, from the
# smallest start to the largest end of both. Nothing is said.
# Why it matters: such a gene covers most of a chromosome. Tools that take genes from
# gffutils (OpenSpliceAI's `predict` does) then scan stretches that no gene has, with
# every site in them a false positive. Ids have to be told apart by contig beforehand.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gffutils==0.14
cd "$folder"
"$folder/venv/bin/python" - 2>/dev/null <<'PY'
import gffutils

rows = [
    ("chrX", 1001, 1200), ("chrX", 2001, 2200),
    ("chrY", 90001, 90200), ("chrY", 91001, 91200),
]
text = "".join(
    f'{contig}\trefGene\texon\t{start}\t{end}\t.\t+\t.\t'
    'gene_id "AKAP17A"; transcript_id "NM_005088";\n'
    for contig, start, end in rows
)
database = gffutils.create_db(text, ":memory:", from_string=True)
print("gffutils", gffutils.__version__)
genes = [(g.seqid, g.start, g.end) for g in database.features_of_type("gene")]
transcripts = [
    (t.seqid, t.start, t.end) for t in database.features_of_type("transcript")
]
print("exons:", rows)
print("genes:", genes)
print("transcripts:", transcripts)
assert genes == transcripts == [("chrY", 1001, 91200)], "the contigs are kept apart now"
print("as described")
PY
# Seen:
# gffutils 0.14
# exons: [('chrX', 1001, 1200), ('chrX', 2001, 2200), ('chrY', 90001, 90200), ('chrY', 91001, 91200)]
# genes: [('chrY', 1001, 91200)]
# transcripts: [('chrY', 1001, 91200)]
# as described
