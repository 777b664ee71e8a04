"""What is recorded of a run's surroundings."""

from __future__ import annotations

import json

from error_sequence_model.core import provenance


def test_provenance_names_versions_hardware_and_hashes(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert provenance.hash_file(tmp_path / "a") == digest
    assert {"python", "torch", "transformers"} <= set(provenance.get_versions())
    hardware = provenance.get_hardware()
    assert hardware["cores"] >= 1
    json.dumps(hardware)
