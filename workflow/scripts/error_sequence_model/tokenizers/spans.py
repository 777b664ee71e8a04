"""Where tokens lie on the sequence: junction tokens, centred cuts, token to base.

Spans are base coordinates of the sequence that was tokenized, 0-based and half-open;
a special token has ``start == end``. A junction is an interbase coordinate: it lies
between base ``junction - 1`` and base ``junction``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from error_sequence_model.core import InputError


def junction_tokens(spans: np.ndarray, junction: int) -> tuple[int, int]:
    """Find the tokens on both sides of the junction.

    Args:
        spans: Base span of each token, int (n_tokens, 2).
        junction: Interbase coordinate in the tokenized sequence.

    Returns:
        The index of the token that holds base ``junction - 1`` and of the one that
        holds base ``junction``: the same token when the junction lies inside it. At an
        end of the sequence, where one of the bases does not exist, the other counts
        for both.

    Raises:
        InputError: The junction lies outside the tokens (cut off, or a wrong value).

    Example:
        >>> spans = np.array([[0, 0], [0, 3], [3, 5], [5, 9], [0, 0]])
        >>> junction_tokens(spans, 5), junction_tokens(spans, 4)
        ((2, 3), (2, 2))
    """
    spans = np.asarray(spans)
    body = np.flatnonzero(spans[:, 1] > spans[:, 0])
    starts, ends = spans[body, 0], spans[body, 1]
    if len(body) == 0 or not starts[0] <= junction <= ends[-1]:
        covered = f"[{starts[0]}, {ends[-1]}]" if len(body) else "nothing"
        raise InputError(
            f"junction {junction} is not covered by the tokens, which cover {covered}; "
            "give a junction inside the window and enough tokens (max_length)"
        )
    # Searching by start makes a base in a gap (text the tokenizer dropped) belong to
    # the token before it.
    after = int(np.searchsorted(starts, min(junction, ends[-1] - 1), "right")) - 1
    before = int(np.searchsorted(starts, max(junction - 1, starts[0]), "right")) - 1
    return int(body[before]), int(body[after])


def centre_tokens(spans: np.ndarray, junction: int, keep: int) -> slice:
    """Choose the run of tokens that stays when a sequence has too many.

    Args:
        spans: Spans of the tokens without specials, int (n_tokens, 2), in order.
        junction: Interbase coordinate the run is centred on.
        keep: Number of tokens to keep.

    Returns:
        A slice of ``min(keep, n_tokens)`` tokens, as central as the ends allow.

    Example:
        >>> spans = np.array([[0, 3], [3, 5], [5, 9], [9, 12]])
        >>> centre_tokens(spans, junction=5, keep=2)
        slice(1, 3, None)
    """
    count = len(spans)
    if count <= keep:
        return slice(0, count)
    index = int(np.searchsorted(spans[:, 1], junction, "right"))
    is_inside = index < count and spans[index, 0] < junction
    centre = index + (0.5 if is_inside else 0.0)
    start = min(max(int(np.floor(centre - keep / 2 + 0.5)), 0), count - keep)
    return slice(start, start + keep)


def project_to_bases(
    token_scores: np.ndarray,
    spans: np.ndarray,
    length: int,
    *,
    how: Literal["spread", "repeat"] = "spread",
) -> np.ndarray:
    """Put scores of tokens on the base axis.

    Args:
        token_scores: Scores, float (..., n_tokens).
        spans: Base span of each token, int (n_tokens, 2).
        length: Number of bases.
        how: "spread" divides a token's score evenly among its bases, so the total over
            the tokens that are not special is conserved; "repeat" gives each base the
            whole score (for display: totals then grow with token length).

    Returns:
        Scores, float32 (..., length); 0 at bases without a token.

    Raises:
        InputError: The shapes do not fit, a span leaves the sequence, or ``how`` is
            unknown.

    Example:
        >>> spans = np.array([[0, 0], [0, 3], [3, 5]])
        >>> project_to_bases([9.0, 6.0, 1.0], spans, 6).tolist()
        [2.0, 2.0, 2.0, 0.5, 0.5, 0.0]
    """
    scores, spans = np.asarray(token_scores, dtype=np.float64), np.asarray(spans)
    if how not in ("spread", "repeat"):
        raise InputError(f'how is {how!r}; allowed: "spread", "repeat"')
    if spans.ndim != 2 or scores.shape[-1:] != spans.shape[:1]:
        raise InputError(
            f"token_scores has shape {scores.shape} and spans {spans.shape}; the last "
            "axis of the scores and the first of the spans must both be the tokens"
        )
    widths = spans[:, 1] - spans[:, 0]
    if len(spans) and (spans.min() < 0 or spans.max() > length or widths.min() < 0):
        raise InputError(f"a token span lies outside the sequence of {length} bases")
    body = np.flatnonzero(widths > 0)
    widths = widths[body]
    values = scores[..., body] / (widths if how == "spread" else 1)
    first_of_token = np.cumsum(widths) - widths
    steps = np.arange(widths.sum()) - np.repeat(first_of_token, widths)
    bases = np.repeat(spans[body, 0], widths) + steps
    projected = np.zeros((*scores.shape[:-1], length), dtype=np.float32)
    projected[..., bases] = np.repeat(values, widths, axis=-1)
    return projected
