"""The data page: what is read on it is short, and tells things apart."""

from __future__ import annotations

from error_sequence_model.reports.sections.data import split_prefix


def test_contigs_are_told_apart_by_what_differs_in_their_names():
    pieces = ["hg38_chr19_1_90", "hg38_chr1_5_70", "hg38_chr19_200_800"]
    prefix, names = split_prefix(pieces)
    assert (prefix, names) == ("hg38_", ["chr19_1_90", "chr1_5_70", "chr19_200_800"])
    for names in (["chr1", "chr10", "chr2"], ["hg38_chr1"], []):
        assert split_prefix(names) == ("", names)
