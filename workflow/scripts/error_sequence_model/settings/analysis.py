"""Settings of the steps beside training: calling, features, motifs, verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from error_sequence_model.core import InputError
from error_sequence_model.settings.sections import Settings


@dataclass(frozen=True)
class CnnSettings(Settings):
    """How the CNN is built and trained (config key ``baselines.cnn``).

    The defaults give 98 thousand weights that see 253 bases each side.

    Attributes:
        channels: Width of every layer.
        kernel: Bases per convolution, odd.
        dilations: One residual block of two convolutions for each.
        epochs: Most passes over the training sites.
        patience: Epochs without a better validation AUPRC before stopping.
        batch_size: Windows per optimiser step.
        learning_rate: Peak of the one-cycle schedule of AdamW.
        weight_decay: Of AdamW.
        dropout: Before the head and after each block.
        mask_share: Probability of each base to be hidden in training.
    """

    channels: int = 32
    kernel: int = 9
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
    epochs: int = 15
    patience: int = 5
    batch_size: int = 64
    learning_rate: float = 2.0e-3
    weight_decay: float = 0.05
    dropout: float = 0.1
    mask_share: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "dilations", tuple(self.dilations))
        if self.kernel % 2 == 0:
            raise InputError(
                f"baselines.cnn.kernel is {self.kernel}; it must be odd, so that a "
                "convolution is centred on its base"
            )


@dataclass(frozen=True)
class VerificationSettings(Settings):
    """How features are verified (config key ``verification``).

    Attributes:
        features: Most classical features, and most motifs, that are tested; 0: none.
        sites: Most held-out sites per test.
        draws: Random changes, and random controls, per site.
        seed: Of everything drawn.
    """

    features: int = 8
    sites: int = 60
    draws: int = 3
    seed: int = 1


@dataclass(frozen=True)
class MotifSettings(Settings):
    """How motifs are found (config key ``motifs``).

    Attributes:
        method: Attribution method whose maps are searched; "auto": the best checked.
        caller: "seqlets", ours, or "modisco", the optional package modisco-lite.
        sites: Sites per class that known elements are counted in, at most.
        fdr: False discovery rate of seqlets, motifs and elements.
        seed: Of permutations, shuffles, insertions and of the choice of sites.
        elements: Further known elements: MEME, or TSV like resources/elements.tsv.
    """

    method: str = "auto"
    caller: str = "seqlets"
    sites: int = 3000
    fdr: float = 0.05
    seed: int = 1
    elements: str | None = None


@dataclass(frozen=True)
class FeatureSettings(Settings):
    """Which features are computed (config key ``features``).

    Attributes:
        annotation: Exon and intron lengths, where all sites told apart are annotated.
        bigwigs: User's tracks, name -> path (in a pool name -> {genome: path}).
        columns: Numeric columns of the error table to use.
        score_aware: Allow what holds the label; the models are then named so.
        leak_bound: Largest validation AUROC of a single feature that is believed.
    """

    annotation: bool = False
    bigwigs: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    score_aware: bool = False
    leak_bound: float = 0.99


@dataclass(frozen=True)
class CallSettings:
    """How calls are made.

    Attributes:
        threshold: Least score of a call, or ``topk``: as many calls as there are
            annotated sites in the scanned regions.
        tolerance: Greatest distance (nt) between a call and its annotated site.
        near: Up to this distance (nt) an unmatched call is a near miss.
        decoy_ratio: TN per error (FP + FN), per splice type.
        seed: For drawing TN.
    """

    threshold: float | str = 0.5
    tolerance: int = 0
    near: int = 10
    decoy_ratio: float = 2.5
    seed: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.threshold, str) and self.threshold != TOP_K:
            raise InputError(
                f"threshold is {self.threshold!r}; it must be a number or {TOP_K}"
            )
        if not isinstance(self.threshold, str) and not 1e-30 < self.threshold <= 1:
            raise InputError(
                f"threshold is {self.threshold}; scores lie between 0 and 1, and at 0 "
                "every base would be a call; set `predictors.<name>.threshold`"
            )
        if self.tolerance < 0 or self.near < self.tolerance:
            raise InputError("tolerance must be at least 0 and at most `near`")


TOP_K = "topk"
