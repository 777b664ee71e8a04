"""In-silico mutagenesis: every base replaced by each of the three others.

Changes are made on the string and tokenized again, because a substitution changes the
tokens around it. Only predictions are compared.
"""

from __future__ import annotations

import numpy as np

from error_sequence_model.attribution.requests import MapBatch, MapRequest
from error_sequence_model.attribution.substitution import predict_targets
from error_sequence_model.core import InputError

LETTERS = "ACGT"


def mutate_batch(request: MapRequest, indices: np.ndarray) -> MapBatch:
    """Attribute some sites by the mean loss over the three substitutions of a base.

    The map is minus the mean change of the log-odds, so that a positive base pushes
    towards an error. Bases outside the core and letters other than A, C, G, T are left
    alone: zero.

    Args:
        request: The sites, with their sequences.
        indices: Which of them.
    """
    sequences = request.get_sequences(indices, "in_silico_mutagenesis")
    for index, sequence in zip(indices, sequences, strict=True):
        if len(sequence) > request.length:
            raise InputError(
                f"site {request.dataset.site_ids[index]}: {len(sequence)} bases do not "
                f"fit into maps of {request.length}; give a larger `window_length`"
            )
    changed = [
        list_substitutions(sequence, *find_core(request, int(index), len(sequence)))
        for index, sequence in zip(indices, sequences, strict=True)
    ]
    values = _predict_strings(request, indices, sequences, changed)
    changes = np.zeros((len(indices), request.length, 4), dtype=np.float32)
    for row, (places, bases) in enumerate(changed):
        changes[row, places, bases] = values[row][1:] - values[row][0]
    target = np.array([value[0] for value in values], dtype=np.float32)
    return MapBatch(-changes.sum(axis=2) / 3, target, substitutions=changes)


def find_core(request: MapRequest, index: int, length: int) -> tuple[int, int]:
    """Give the stretch of a site's sequence that is mutated, 0-based half-open."""
    if request.core is None:
        return 0, length
    junction = int(request.dataset.junctions[index])
    return max(junction - request.core, 0), min(junction + request.core, length)


def list_substitutions(
    sequence: str, start: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """List all substitutions of the bases in [start, end).

    Returns:
        Places in the sequence and indices into A, C, G, T, int64 (n,) each.
    """
    letters = np.frombuffer(sequence.upper().replace("U", "T").encode(), dtype="S1")
    own = letters[:, None] == np.array([base.encode() for base in LETTERS])
    is_mutated = own.any(axis=1)
    is_mutated[:start] = is_mutated[end:] = False
    places, bases = np.nonzero(~own & is_mutated[:, None])
    return places, bases


def _predict_strings(
    request: MapRequest,
    indices: np.ndarray,
    sequences: list[str],
    changed: list[tuple[np.ndarray, np.ndarray]],
) -> list[np.ndarray]:
    """Predict each sequence and its mutants, as strings: float32 (1 + n,) per site."""
    strings = []
    for sequence, (places, bases) in zip(sequences, changed, strict=True):
        strings.append(sequence)
        strings += [
            f"{sequence[:place]}{LETTERS[base]}{sequence[place + 1 :]}"
            for place, base in zip(places, bases, strict=True)
        ]
    counts = [1 + len(places) for places, _ in changed]
    values = predict_targets(
        request.model,
        request.dataset,
        strings,
        np.repeat(request.dataset.junctions[indices], counts),
        device=request.device,
    )
    return np.split(values, np.cumsum(counts)[:-1])
