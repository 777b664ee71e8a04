"""The taxonomy of errors: every named cause, what it means and where it is defined.

A cause is a flag per site: true, false, or undefined. What an annotation says of a
site's exon is undefined at a site that is not annotated, so such a flag may only tell
apart calls that are all annotated; else it would be the label in other words. Offsets
count from the junction (0 is the first base 3' of it).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from error_sequence_model.settings import CauseSettings, Contrast

ANNOTATED = ("TP", "FN")
UNANNOTATED = ("FP", "TN")
EVERY_TYPE = ("TP", "FP", "FN", "TN")
BOTH = ("donor", "acceptor")


@dataclass(frozen=True)
class Cause:
    """One named cause.

    Attributes:
        name: Column in tables.
        label: Name in figures.
        definition: When the flag is true; thresholds in braces are filled in.
        unit: Of the quantity behind the flag.
        expected: pred_types it is expected to be frequent in.
        needs: "sequence", "annotation", or an optional file: "repeats", "junctions",
            "bed".
        splice_types: Where the flag means anything.
        defined: pred_types at which it is defined.
    """

    name: str
    label: str
    definition: str
    unit: str
    expected: tuple[str, ...]
    needs: str = "sequence"
    splice_types: tuple[str, ...] = BOTH
    defined: tuple[str, ...] = field(default=EVERY_TYPE)

    def is_expected(self, contrast: Contrast) -> bool:
        """Whether any of a contrast's errors may have it for a cause."""
        return bool(set(self.expected) & set(contrast.classes[-1][1]))

    def describe(self, settings: CauseSettings, **values: object) -> Cause:
        """The cause with the thresholds of a run in its definition."""
        text = self.definition.format(**{**settings.to_mapping(), **values})
        return replace(self, definition=text)


FN, FP, ERRORS = ("FN",), ("FP",), ("FP", "FN")
PSEUDO_EXON = (50, 250)
SEQUENCE_CAUSES = (
    Cause(
        "weak_site",
        "weak splice site",
        "strength (matrix learnt from annotated training sites) in their lowest "
        "{weak_share:.0%}",
        "bits",
        FN,
    ),
    Cause(
        "weak_tract",
        "weak polypyrimidine tract",
        "share of C and T at −20..−5 in the lowest {weak_share:.0%} of annotated "
        "training sites",
        "share",
        FN,
        splice_types=("acceptor",),
    ),
    Cause(
        "no_branch_point",
        "no branch point motif",
        "no yUnAy with its A at −44..−18",
        "matches",
        ERRORS,
        splice_types=("acceptor",),
    ),
    Cause(
        "noncanonical",
        "non-canonical dinucleotide",
        "not GT (donor) or AG (acceptor)",
        "letters",
        FN,
    ),
    Cause(
        "u12_type",
        "U12-type site",
        "likeness to the U12-type donor RTATCCTTT at +1, or to its branch site "
        "TTCCTTRAC at −35..−7, that at most 0.02% (donor) or 0.1% (acceptor) of "
        "annotated training sites reach with their letters shuffled place by place",
        "bits",
        FN,
    ),
    Cause(
        "tandem",
        "tandem site (NAGNAG, GYNNGY)",
        "a second AG 3 nt beside an acceptor's, or GT/GC 4 nt beside a donor's",
        "nt",
        ERRORS,
    ),
    Cause(
        "competitor",
        "stronger neighbour",
        "a GT (donor) or AG (acceptor) of higher strength within {competitor_reach} nt",
        "bits",
        FN,
    ),
    Cause(
        "pseudo_exon",
        "pseudo-exon partner",
        "a site of the other type, at least of the median strength of annotated ones, "
        "{pseudo_exon} nt away on the exon side",
        "bits",
        FP,
    ),
    Cause(
        "alu_like_tract",
        "Alu-antisense-like tract",
        "12 bases with at least 11 T, then GA within 3 nt, all within 60 nt before the "
        "acceptor",
        "nt",
        FP,
        splice_types=("acceptor",),
    ),
    Cause(
        "low_complexity",
        "low complexity",
        "DUST score of the bases within 50 nt above 2",
        "DUST score",
        ERRORS,
    ),
    Cause(
        "ug_repeat",
        "UG repeat (TDP-43)",
        "an alternating run of T and G of at least 12 nt in the window",
        "nt",
        FP,
    ),
    Cause(
        "gc_rich",
        "GC-rich",
        "GC share of the window in the top {extreme_gc_share:.0%} of annotated "
        "training sites",
        "share",
        ERRORS,
    ),
    Cause(
        "gc_poor",
        "GC-poor",
        "GC share of the window in the lowest {extreme_gc_share:.0%} of annotated "
        "training sites",
        "share",
        ERRORS,
    ),
    Cause(
        "window_edge",
        "contig end or N in the window",
        "any base of the window is unknown (an artefact, not biology)",
        "bases",
        ERRORS,
    ),
)
ANNOTATION_CAUSES = (
    Cause(
        "near_annotated",
        "beside an annotated site",
        "another annotated site of the same type and strand within {near} nt",
        "nt",
        ERRORS,
    ),
    Cause(
        "microexon",
        "microexon",
        "exon of at most {microexon} nt in every transcript that uses the site",
        "nt",
        FN,
        "annotation",
        defined=ANNOTATED,
    ),
    Cause(
        "long_exon",
        "long exon",
        "exon above {long_exon} nt in every transcript that uses the site",
        "nt",
        FN,
        "annotation",
        defined=ANNOTATED,
    ),
    Cause(
        "long_intron",
        "long intron",
        "shortest intron of the site in the top {long_intron_share:.0%} of annotated "
        "training sites",
        "nt",
        FN,
        "annotation",
        defined=ANNOTATED,
    ),
    Cause(
        "first_exon",
        "first exon",
        "the exon before it is the first one in every transcript that uses it",
        "rank",
        FN,
        "annotation",
        ("donor",),
        ANNOTATED,
    ),
    Cause(
        "last_exon",
        "last exon",
        "the exon after it is the last one in every transcript that uses it",
        "rank",
        FN,
        "annotation",
        ("acceptor",),
        ANNOTATED,
    ),
    Cause(
        "minor_transcripts",
        "in few transcripts",
        "used by fewer than half of the transcripts of a gene that has several",
        "share",
        FN,
        "annotation",
        defined=ANNOTATED,
    ),
    Cause(
        "antisense_gene",
        "gene on the other strand",
        "an annotated gene on the other strand overlaps the site",
        "genes",
        FP,
        "annotation",
    ),
    Cause(
        "intergenic",
        "outside annotated genes",
        "no annotated gene on the site's strand",
        "genes",
        FP,
        "annotation",
        defined=UNANNOTATED,
    ),
    Cause(
        "noncoding_gene",
        "non-coding gene",
        "the gene's biotype is neither protein-coding nor a pseudogene",
        "biotype",
        FN,
    ),
    Cause("pseudogene", "pseudogene", "the gene's biotype is one", "biotype", FP),
)
TRACK_CAUSES = (
    Cause(
        "repeat",
        "annotated repeat",
        "an interval of `causes.repeats` covers the junction",
        "intervals",
        FP,
        "repeats",
    ),
    Cause(
        "alu_antisense",
        "antisense Alu",
        "an Alu of `causes.repeats` on the other strand covers the junction",
        "intervals",
        FP,
        "repeats",
    ),
    Cause(
        "supported",
        "real but unannotated",
        "a site of `causes.junctions` (at least {minimum_reads} reads, where it counts "
        "reads) within 2 nt",
        "reads",
        FP,
        "junctions",
        defined=UNANNOTATED,
    ),
)
CAUSES = (*SEQUENCE_CAUSES, *ANNOTATION_CAUSES, *TRACK_CAUSES)


def make_bed_cause(name: str) -> Cause:
    """The cause behind a BED of the user, ``causes.beds.{name}``."""
    return Cause(
        f"bed_{name}",
        name.replace("_", " "),
        f"an interval of `causes.beds.{name}` covers the junction (on the site's "
        "strand, where the file has strands)",
        "intervals",
        ERRORS,
        "bed",
    )
