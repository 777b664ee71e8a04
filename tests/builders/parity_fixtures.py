"""Reference checkpoints with expected outputs, from the model authors' own code."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from error_sequence_model.backbones import Checkpoint, load_checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
PARITY = Path(
    os.environ.get(
        "SPLICE_ERRORS_PARITY_DATA", str(REPOSITORY.parent / "shared" / "parity")
    )
)
needs_parity = pytest.mark.skipif(
    not PARITY.is_dir(),
    reason=f"no parity data in {PARITY}; set SPLICE_ERRORS_PARITY_DATA",
)


@functools.cache
def get_expected(name: str) -> dict[str, torch.Tensor]:
    return load_file(PARITY / name / "expected.safetensors")


@functools.cache
def get_checkpoint(name: str) -> Checkpoint:
    return load_checkpoint(PARITY / name)


def read_parity_json(name: str, file: str):
    return json.loads((PARITY / name / file).read_text())


def run_group(
    checkpoint: Checkpoint, expected: dict, group: str, *, use_mask=True, **options
):
    """Run the inputs of one group of the expected tensors, without gradients."""
    mask = expected.get(f"{group}.attention_mask") if use_mask else None
    with torch.no_grad():
        return checkpoint.backbone(
            expected[f"{group}.input_ids"], attention_mask=mask, **options
        )


def get_real(expected: dict, group: str) -> torch.Tensor:
    """Where a group's tokens are not padding, bool (batch, length)."""
    mask = expected.get(f"{group}.attention_mask")
    if mask is None:
        return torch.ones_like(expected[f"{group}.input_ids"], dtype=torch.bool)
    return mask.bool()


def assert_states(output, expected: dict, group: str, *, atol: float) -> None:
    """Compare all hidden states and attentions that the group holds."""
    real = get_real(expected, group)
    compared = 0
    for name, tensor in expected.items():
        if not name.startswith(f"{group}."):
            continue
        kind, _, index = name.removeprefix(f"{group}.").partition(".")
        if kind == "last_hidden_state":
            actual, wanted = output.last_hidden_state[real], tensor[real]
        elif kind == "hidden_states":
            actual, wanted = output.hidden_states[int(index)][real], tensor[real]
        elif kind == "attentions" and output.attentions is not None:
            queries = output.attentions[int(index)].transpose(1, 2)
            actual, wanted = queries[real], tensor.transpose(1, 2)[real]
        else:
            continue
        torch.testing.assert_close(actual, wanted, atol=atol, rtol=0, msg=name)
        compared += 1
    assert compared
