"""Licences and citations of the published models, by family.

The licence of weights and that of their authors' code are recorded apart, each with the
place that states it: they differ for HyenaDNA.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """Terms of published weights and of their authors' code, which may differ.

    Attributes:
        weights: Licence of the weights: what binds who uses a model here.
        weights_stated: Where the authors say so.
        code: Licence of the authors' code, none of which is in this package.
        code_stated: Where they say so.
    """

    weights: str
    weights_stated: str
    code: str
    code_stated: str


LICENCES = {
    "dnabert2": Licence(
        weights="Apache-2.0",
        weights_stated="LICENSE of the hub repository",
        code="Apache-2.0",
        code_stated="LICENSE of the hub repository, which holds the code too",
    ),
    # The model cards of the hub repositories fetched here (-hf) say bsd-3-clause. So do
    # those of the original weights today, which were opened as apache-2.0, the licence
    # of the code: the later and more specific word counts.
    "hyenadna": Licence(
        weights="BSD-3-Clause",
        weights_stated="model cards of the hub repositories",
        code="Apache-2.0",
        code_stated="LICENSE of the repository HazyResearch/hyena-dna",
    ),
    "nucleotide_transformer": Licence(
        weights="CC-BY-NC-SA-4.0 (non-commercial)",
        weights_stated="model cards of the hub repositories",
        code="CC-BY-NC-SA-4.0 (non-commercial)",
        code_stated="model cards of the hub repositories, which hold the code too",
    ),
    # The README of the authors' repository offers the archive with the weights; no
    # other word on them was found.
    "splicebert": Licence(
        weights="BSD-3-Clause",
        weights_stated="LICENSE of the repository chenkenbio/SpliceBERT",
        code="BSD-3-Clause",
        code_stated="LICENSE of the repository chenkenbio/SpliceBERT",
    ),
}
_ELSEWHERE = "see its repository"
UNKNOWN = Licence(_ELSEWHERE, _ELSEWHERE, _ELSEWHERE, _ELSEWHERE)

CITATIONS = {
    "dnabert2": "Zhou et al. 2024, DNABERT-2, ICLR, arXiv:2306.15006",
    "hyenadna": "Nguyen et al. 2023, HyenaDNA, NeurIPS, arXiv:2306.15794",
    "nucleotide_transformer": (
        "Dalla-Torre et al. 2024, Nucleotide Transformer, Nature Methods, "
        "doi:10.1038/s41592-024-02523-z"
    ),
    "splicebert": (
        "Chen et al. 2024, SpliceBERT, Briefings in Bioinformatics, "
        "doi:10.1093/bib/bbae163"
    ),
}
