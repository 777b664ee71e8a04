"""Training windows changed at random: turned around, or moved along their site.

What changes a sequence in an epoch is a function of (seed, epoch, its index) alone, so
that a stopped run goes on to the same weights. Validation and test never change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from error_sequence_model.datasets.sequences import SequenceDataset
from error_sequence_model.tokenizers import Encoding, junction_tokens

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
STREAM = 1  # apart from other draws of the same seed and epoch


class WindowChanges:
    """Makes changed items of a data set.

    Args:
        dataset: Its items, whose bases are read from their tokens; what has no letter
            there (IUPAC codes in some vocabularies) is N.
        reverse_complement: Probability that a window is turned around.
        shift: Bases that each window loses at its ends together, in varying shares: the
            site lies up to so many bases nearer to the window's 5' end. At least one
            base stays on each side of the junction.
        seed: Seed of the run.
    """

    def __init__(
        self,
        dataset: SequenceDataset,
        *,
        reverse_complement: float,
        shift: int,
        seed: int,
    ) -> None:
        self.dataset, self.seed = dataset, seed
        self.reverse_complement, self.shift = reverse_complement, shift
        tokenizer = dataset.tokenizer
        specials = tokenizer.special_token_ids
        self._letters = {
            index: token
            for token, index in tokenizer.vocabulary.items()
            if index not in specials
        }

    def make_item(self, index: int, epoch: int) -> dict[str, Any]:
        """Give an item as `SequenceDataset` does, changed for an epoch (from 0)."""
        data = self.dataset
        rng = np.random.default_rng([self.seed, epoch, index, STREAM])
        junction = int(data.junctions[index])
        bases = self.read_bases(data.store.get_row(int(data.rows[index])))
        turns = rng.random() < self.reverse_complement
        bases, junction = cut_ends(bases, junction, self.shift, rng)
        if turns:
            bases = bases.translate(COMPLEMENT)[::-1]
            junction = len(bases) - junction
        encoding = data.tokenizer.encode(
            bases, max_length=data.max_length, junction=junction
        )
        return {
            "input_ids": encoding.input_ids,
            "spans": encoding.spans,
            "junction": junction_tokens(encoding.spans, junction),
            "label": int(data.labels[index]),
            "site_id": int(data.site_ids[index]),
        }

    def read_bases(self, encoding: Encoding) -> str:
        """Spell the bases of a whole window: A, C, G, T and N."""
        names = (
            self._letters.get(token, "N" * (end - start)) if end > start else ""
            for token, (start, end) in zip(
                encoding.input_ids.tolist(), encoding.spans.tolist(), strict=True
            )
        )
        return "".join(names)


def cut_ends(
    bases: str, junction: int, shift: int, rng: np.random.Generator
) -> tuple[str, int]:
    """Cut ``shift`` bases from both ends together; give what is left and its junction.

    Args:
        bases: A window.
        junction: First base 3' of the junction.
        shift: Bases to cut; fewer where the junction would lose a side.
        rng: Draws how many of them are 5' ones.
    """
    before, after = max(junction - 1, 0), max(len(bases) - junction - 1, 0)
    shift = min(shift, before, after)
    first = int(rng.integers(shift + 1))
    return bases[first : len(bases) - (shift - first)], junction - first
