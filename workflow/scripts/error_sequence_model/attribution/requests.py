"""What an attribution method is given and what it gives back, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.tokenizers import CharacterTokenizer, project_to_bases

SMALLEST_DIFFERENCE = 0.1  # logits; below it a relative error says nothing


@dataclass(frozen=True)
class MapRequest:
    """Sites whose log-odds of an error are to be attributed to bases.

    Attributes:
        model: The fine-tuned classifier, in eval mode.
        dataset: The sites.
        length: Bases per map; index 0 is the first base of the sequence.
        device: Where to compute.
        sequences: The sites' bases; None where only their tokens are known.
        baseline: What the sites are compared with; see `choose_baseline`.
        core: Bases mutated on either side of the junction; None: all.
        seed: Seed of shuffles and substitutions.
        is_rough: Whether maps to be compared, not shown, will do: gradients are
            integrated less finely, one random base is drawn in place of three.
    """

    model: ErrorClassifier
    dataset: SequenceDataset
    length: int
    device: torch.device
    sequences: Sequence[str] | None = None
    baseline: str = "auto"
    core: int | None = None
    seed: int = 1
    is_rough: bool = False

    @cached_property
    def has_single_bases(self) -> bool:
        """Whether a token is a base, so that bases can be changed as tokens."""
        return isinstance(self.dataset.tokenizer, CharacterTokenizer)

    def get_sequences(self, indices: np.ndarray, method: str) -> list[str]:
        """Give the bases of some sites.

        Raises:
            InputError: They were not given.
        """
        if self.sequences is None:
            raise InputError(f"{method} works on the bases: give `sequences`")
        return [self.sequences[int(index)] for index in indices]

    def open_batch(
        self, indices: np.ndarray
    ) -> tuple[list[dict], dict[str, torch.Tensor], torch.Tensor]:
        """Collate some sites on the device.

        Returns:
            The items; their padded tensors; and bool (batch, tokens), the tokens that
            stand for no base: specials and padding.
        """
        items = [self.dataset[int(index)] for index in indices]
        inputs = collate(items, pad_token_id=self.dataset.tokenizer.pad_token_id)
        special = np.ones(inputs["input_ids"].shape, dtype=bool)
        for row, item in enumerate(items):
            spans = item["spans"]
            special[row, : len(spans)] = spans[:, 0] == spans[:, 1]
        inputs = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        return items, inputs, torch.from_numpy(special).to(self.device)

    def project(self, scores: np.ndarray, items: Sequence[dict]) -> np.ndarray:
        """Put token scores (batch, tokens) on the base axis: float32 (batch, length).

        A token's score is spread evenly over its bases: sums are conserved.
        """
        maps = np.zeros((len(items), self.length), dtype=np.float32)
        for row, item in enumerate(items):
            spans = item["spans"]
            maps[row] = project_to_bases(scores[row, : len(spans)], spans, self.length)
        return maps


class MapBatch(NamedTuple):
    """Maps of some sites.

    Attributes:
        attributions: float32 (batch, length).
        target: Log-odds of an error, float32 (batch,).
        baseline_target: Of the baseline, float32 (batch,); None without one.
        completeness_error: Share of the change that the map's sum misses, float32
            (batch,); None where no sum is promised.
        substitutions: Change of the log-odds by each base A, C, G, T in place of the
            site's own, float32 (batch, length, 4); None but for mutagenesis.
    """

    attributions: np.ndarray
    target: np.ndarray
    baseline_target: np.ndarray | None = None
    completeness_error: np.ndarray | None = None
    substitutions: np.ndarray | None = None


def join_batches(batches: Sequence[MapBatch]) -> MapBatch:
    """Put the maps of batches together, in their order."""
    return MapBatch(
        *(
            None if values[0] is None else np.concatenate(values)
            for values in zip(*batches, strict=True)
        )
    )


@dataclass(frozen=True)
class Method:
    """One attribution method.

    Attributes:
        explain: Makes the maps of some sites (their indices, int64).
        choose_baseline: Names what a request is compared with, or refuses it.
        tokens: Tokens of sites in one batch, the unit that is computed and kept.
    """

    explain: Callable[[MapRequest, np.ndarray], MapBatch]
    choose_baseline: Callable[[MapRequest], str]
    tokens: int


def measure_completeness(
    sums: np.ndarray, target: np.ndarray, baseline_target: np.ndarray
) -> np.ndarray:
    """Relative error of the maps' sums: |sum - change| / max(|change|, 0.1).

    Args:
        sums: Sum of each map, float (n,).
        target: Log-odds of the sites, float (n,).
        baseline_target: Log-odds of their baselines, float (n,).

    Returns:
        float32 (n,).
    """
    change = target - baseline_target
    error = np.abs(sums - change) / np.maximum(np.abs(change), SMALLEST_DIFFERENCE)
    return error.astype(np.float32)
