"""Names of contigs: a table's are found in the genome."""

from __future__ import annotations

from error_sequence_model.genome import match_contigs, normalise_contig


def test_contig_names() -> None:
    assert normalise_contig("chrM") == normalise_contig("MT") == "M"
    assert normalise_contig("Chr4") == "4"
    lengths = {"chr1": 5, "chrM": 5, "chr2": 5, "2": 5}
    mapping, problems = match_contigs(["1", "MT", "chr2", "7"], lengths)
    assert mapping == {"1": "chr1", "MT": "chrM", "chr2": "chr2"}
    assert problems == {"7": "not in the genome"}
    _, problems = match_contigs(["Chr2"], lengths)
    assert "ambiguous" in problems["Chr2"]
