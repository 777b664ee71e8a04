"""What a named cause suggests to somebody who develops or applies the predictor.

Suggestions follow from the meaning of a cause; nobody tested them on the predictor at
hand, and the report says so.
"""

from __future__ import annotations

ADVICE = {
    "weak_site": "train on more weak sites, or call them at a threshold of their own",
    "weak_tract": "train on more acceptors with a weak polypyrimidine tract",
    "no_branch_point": "see that the predictor's context reaches the branch zone",
    "noncanonical": "give non-canonical sites more weight, or their own threshold",
    "u12_type": "train on U12-type introns, or score them apart",
    "tandem": "score the partner 3 or 4 nt away too, or accept calls within 4 nt",
    "competitor": "let neighbouring candidates compete before calling",
    "pseudo_exon": "train on pseudo-exons as negatives",
    "alu_like_tract": "train on antisense Alus as negatives, or mask repeats",
    "alu_antisense": "train on antisense Alus as negatives, or mask repeats",
    "repeat": "train on repeats as negatives, or mask them",
    "low_complexity": "train on low-complexity sequence as negatives, or mask it",
    "ug_repeat": "train on UG-rich decoys as negatives",
    "gc_rich": "see that training covers GC-rich sequence; calibrate by GC",
    "gc_poor": "see that training covers GC-poor sequence; calibrate by GC",
    "window_edge": "leave sites near contig ends out: this is an artefact",
    "near_annotated": "accept calls within a few nt of an annotated site",
    "microexon": "train on more microexons",
    "long_exon": "widen the context: both ends of a long exon do not fit",
    "long_intron": "train on sites of long introns",
    "first_exon": "train on first exons, and see what lies beyond their start",
    "last_exon": "train on last exons, and see what lies beyond their end",
    "minor_transcripts": "train on all transcripts, not only on the main one",
    "antisense_gene": "see that both strands were scored apart",
    "intergenic": "judge calls in annotated genes only, or extend the annotation",
    "noncoding_gene": "train on non-coding genes too",
    "pseudogene": "judge pseudogenes apart: their calls may be real",
    "supported": "complete the annotation first: these are no errors",
}


def advise(flag: str) -> str:
    """A suggestion for one cause; empty for the user's own."""
    return ADVICE.get(flag, "")
