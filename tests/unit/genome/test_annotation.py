"""Exons of an annotation -> junctions, by hand."""

from __future__ import annotations

import pytest

from error_sequence_model.genome import read_annotation

GTF = 'c\tx\texon\t{start}\t{end}\t.\t{strand}\t.\tgene_id "g"; transcript_id "t";\n'
GFF3 = "c\tx\texon\t{start}\t{end}\t.\t{strand}\t.\tParent=t\n"


@pytest.mark.parametrize(("name", "row"), [("a.gtf", GTF), ("a.gff3", GFF3)])
@pytest.mark.parametrize(
    ("strand", "donor", "acceptor"), [("+", 20, 30), ("-", 30, 20)]
)
def test_junctions_between_exons(tmp_path, name, row, strand, donor, acceptor):
    """Bases 11 to 20 and 31 to 40, counted from 1: the intron is [20, 30)."""
    exons = [(31, 40), (11, 20)]
    text = "".join(row.format(start=a, end=b, strand=strand) for a, b in exons)
    (tmp_path / name).write_text(text)
    found = read_annotation(tmp_path / name)
    places = dict(zip(found.sites["splice_type"], found.sites["junction"], strict=True))
    assert places == {"donor": donor, "acceptor": acceptor}
    (gene,) = found.genes.itertuples()
    assert (gene.start, gene.end, gene.strand) == (10, 40, strand)
