"""Data sets of tokenized sequences, changed ones, and their collation into batches.

A junction lies between base ``junction - 1`` and ``junction`` of its sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from error_sequence_model.core import InputError
from error_sequence_model.datasets.batching import PAD_MULTIPLE, pad_length
from error_sequence_model.tokenizers import (
    Encoding,
    SequenceTokenizer,
    TokenStore,
    centre_tokens,
    junction_tokens,
)

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
STREAM = 1  # apart from other draws of the same seed and epoch


class SequenceDataset(torch.utils.data.Dataset):
    """Tokenized sequences with labels.

    Attributes:
        store: Where the tokens lie.
        rows: Row in the store of each item, int64 (n,).
        labels: Class index of each item, int64 (n,).
        classes: Name of each class index; an error is the last class of two.
        site_ids: int64 (n,); names an item in messages and tables.
        groups: Gene of each item (object, (n,)), the unit of the bootstrap; or None.
        junctions: First base 3' of the junction in each sequence, int64 (n,).
        tokenizer: The tokenizer that made the tokens.
        max_length: Tokens per sequence; longer ones keep those around the junction.
        bucket_boundaries: Outer edges of the length buckets, in tokens.
    """

    def __init__(
        self,
        store: TokenStore,
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        junctions: np.ndarray,
        classes: Sequence[str],
        tokenizer: SequenceTokenizer,
        site_ids: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        max_length: int | None = None,
        bucket_boundaries: Sequence[int] | None = None,
    ) -> None:
        self.store = store
        self.rows = np.asarray(rows, dtype=np.int64)
        self.labels = np.asarray(labels, dtype=np.int64)
        self.junctions = np.asarray(junctions, dtype=np.int64)
        self.classes = tuple(classes)
        self.tokenizer = tokenizer
        self.site_ids = (
            np.asarray(site_ids, dtype=np.int64)
            if site_ids is not None
            else np.arange(len(self.rows))
        )
        self.groups = groups
        self.max_length = max_length
        self.bucket_boundaries = tuple(bucket_boundaries) if bucket_boundaries else None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per item after truncation, int32 (n,)."""
        lengths = self.store.lengths[self.rows]
        return np.minimum(lengths, self.max_length) if self.max_length else lengths

    def get_encoding(self, index: int) -> Encoding:
        """Give the tokens of an item, truncated around its junction."""
        encoding = self.store.get_row(int(self.rows[index]))
        if self.max_length and len(encoding.input_ids) > self.max_length:
            return truncate(encoding, int(self.junctions[index]), self.max_length)
        return encoding

    def __getitem__(self, index: int) -> dict[str, Any]:
        encoding = self.get_encoding(index)
        return {
            "input_ids": encoding.input_ids,
            "spans": encoding.spans,
            "junction": junction_tokens(encoding.spans, int(self.junctions[index])),
            "label": int(self.labels[index]),
            "site_id": int(self.site_ids[index]),
        }

    def select(self, indices: np.ndarray) -> SequenceDataset:
        """Take a part of the data set, in the order of ``indices``."""
        return SequenceDataset(
            self.store,
            self.rows[indices],
            self.labels[indices],
            junctions=self.junctions[indices],
            classes=self.classes,
            tokenizer=self.tokenizer,
            site_ids=self.site_ids[indices],
            groups=None if self.groups is None else self.groups[indices],
            max_length=self.max_length,
            bucket_boundaries=self.bucket_boundaries,
        )


def truncate(encoding: Encoding, junction: int, max_length: int) -> Encoding:
    """Keep ``max_length`` tokens around the junction, special tokens among them.

    Args:
        encoding: A whole sequence.
        junction: First base 3' of the junction.
        max_length: Tokens to keep.

    Returns:
        The shorter encoding; spans stay in the coordinates of the whole sequence.
    """
    special = encoding.spans[:, 0] == encoding.spans[:, 1]
    body = np.flatnonzero(~special)
    kept = body[
        centre_tokens(encoding.spans[body], junction, max_length - int(special.sum()))
    ]
    kept = np.sort(np.concatenate([np.flatnonzero(special), kept]))
    return Encoding(encoding.input_ids[kept], encoding.spans[kept])


def collate(
    items: Iterable[dict[str, Any]],
    *,
    pad_token_id: int,
    multiple: int = PAD_MULTIPLE,
    is_packed: bool = False,
) -> dict[str, torch.Tensor]:
    """Put items into one batch, padded on the right.

    Args:
        items: What `SequenceDataset` gives.
        pad_token_id: Token that fills up.
        multiple: What the common length is rounded up to.
        is_packed: Put items of several lengths one after another instead: input_ids
            (1, tokens), lengths int64 (n,) and the number longest in place of
            attention_mask.

    Returns:
        Padded to a common length, rounded up unless all items are equally long:
        input_ids and attention_mask int64 (n, length), junction int64 (n, 2) token
        indices, labels int64 (n,), site_ids int64 (n,).
    """
    items = list(items)
    lengths = [len(item["input_ids"]) for item in items]
    longest = max(lengths)
    rest = {
        "junction": torch.tensor([item["junction"] for item in items]),
        "labels": torch.tensor([item["label"] for item in items]),
        "site_ids": torch.tensor([item["site_id"] for item in items]),
    }
    if min(lengths) != longest:
        if is_packed:
            row = np.concatenate([item["input_ids"] for item in items])
            row = torch.from_numpy(row.astype(np.int64)).unsqueeze(0)
            numbers = {"lengths": torch.tensor(lengths), "longest": longest}
            return {"input_ids": row, **numbers, **rest}
        longest = pad_length(longest, multiple)
    input_ids = np.full((len(items), longest), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(items), longest), dtype=np.int64)
    for row, (item, length) in enumerate(zip(items, lengths, strict=True)):
        input_ids[row, :length] = item["input_ids"]
        mask[row, :length] = 1
    return {
        "input_ids": torch.from_numpy(input_ids),
        "attention_mask": torch.from_numpy(mask),
        **rest,
    }


def mask_tokens(
    input_ids: torch.Tensor,
    dataset: SequenceDataset,
    share: float,
    *,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Replace a random share of the tokens by the mask token.

    It regularises training on few sites, and keeps masked sequences, which some
    explanations start from, within what the model has seen.

    Args:
        input_ids: int64 (batch, tokens); special tokens stay.
        dataset: Gives the tokenizer.
        share: Probability of each token.
        generator: Where the draws come from; None: torch's global generator.

    Raises:
        InputError: The tokenizer has no mask token.
    """
    tokenizer = dataset.tokenizer
    if tokenizer.mask_token_id is None:
        raise InputError(
            f"the {tokenizer.family} tokenizer has no mask token; set "
            "`training.mask_share: 0`"
        )
    specials = torch.tensor(sorted(tokenizer.special_token_ids))
    is_masked = torch.rand(input_ids.shape, generator=generator) < share
    is_masked &= ~torch.isin(input_ids, specials)
    return torch.where(is_masked, tokenizer.mask_token_id, input_ids)


class WindowChanges:
    """Makes items of training windows that are turned around or moved at random.

    What changes one in an epoch is a function of (seed, epoch, its index) alone, so
    that a stopped run goes on to the same weights.

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


def load_split_datasets(
    tokens_path: str | Path,
    split: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    fold: int,
    classes: Sequence[str],
    tokenizer: SequenceTokenizer,
    max_length: int | None = None,
    bucket_boundaries: Sequence[int] | None = None,
) -> dict[str, SequenceDataset]:
    """Open the parts of one fold as data sets.

    Args:
        tokens_path: Token file of the predictor.
        split: ``split.parquet``.
        sites: ``sites.parquet`` (site_id and gene_id are used).
        fold: Which fold.
        classes: Class names in the order of the labels.
        tokenizer: The tokenizer that made the tokens.
        max_length: See `SequenceDataset`.
        bucket_boundaries: See `SequenceDataset`.

    Returns:
        "train", "validation" and "test", rows in the order of site_id.

    Raises:
        InputError: The tokens are of another tokenizer, or a site has none.
    """
    store = TokenStore.open(tokens_path)
    if store.metadata["tokenizer"] != tokenizer.family:
        raise InputError(
            f"{tokens_path}: made with the {store.metadata['tokenizer']} tokenizer, "
            f"the model needs {tokenizer.family}; make the tokens again"
        )
    genes = sites.set_index("site_id")["gene_id"]
    junction = int(store.metadata["upstream"])
    datasets = {}
    for part in ("train", "validation", "test"):
        rows = split[(split["fold"] == fold) & (split["part"] == part)]
        rows = rows.sort_values("site_id")
        site_ids = rows["site_id"].to_numpy()
        datasets[part] = SequenceDataset(
            store,
            store.find_rows(site_ids),
            rows["label"].to_numpy(),
            junctions=np.full(len(rows), junction),
            classes=classes,
            tokenizer=tokenizer,
            site_ids=site_ids,
            groups=genes.reindex(site_ids).to_numpy(dtype=object),
            max_length=max_length,
            bucket_boundaries=bucket_boundaries,
        )
    return datasets


def require_dataset(name: str, dataset: Any) -> None:
    """Refuse what is no data set, such as a frame or all data sets together.

    Raises:
        InputError: Says what was given and which function makes data sets.
    """
    if not isinstance(dataset, SequenceDataset):
        raise InputError(
            f"{name} is a {type(dataset).__name__}; give one of the data sets that "
            "`prepare_datasets_for_training` returns"
        )
