"""Local copies of published models: where they are, and of which version.

Nothing here touches the network, and nothing needs torch: the workflow asks before it
starts a job.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from error_sequence_model.backbones.published import (
    PublishedModel,
    get_published,
    require_published,
)
from error_sequence_model.core import InputError, read_json

CHECKSUMS = "checksums.json"


def find_checkpoint(path_or_name: str | Path) -> Path:
    """Find the folder of a checkpoint.

    Args:
        path_or_name: A folder, or the name, hub id or ``owner/name@<commit>`` of a
            published model whose copy is in ``models/<name>`` below the working
            directory.

    Returns:
        The folder.

    Raises:
        InputError: It is not there, for a published model with the command to get it;
            or the copy is of another version.
    """
    path = Path(path_or_name)
    if path.is_file():
        raise InputError(f"{path} is a file; give the checkpoint's folder")
    # Empty, models/<name> is what an interrupted job leaves behind.
    if _is_copy(path) or (path.is_dir() and not get_published(str(path))):
        return path
    published = require_published(str(path_or_name))
    for folder in published.folders:
        if (folder / "config.json").is_file():
            _refuse_other_version(folder, published)
            return folder
    raise InputError(
        f"{published.name} is not at hand: no checkpoint in {published.folder} below "
        f"{Path.cwd()}. Get it with\n  {published.fetch_command}\n"
        f"or without this workflow with\n  {published.download_command}\n"
        f"(licence: {published.licence}; nothing is downloaded unless you ask for it)"
    )


def _refuse_other_version(folder: Path, published: PublishedModel) -> None:
    """Refuse a fetched copy of another version; other copies cannot be told."""
    if not (folder / CHECKSUMS).is_file():
        return
    record = read_json(folder / CHECKSUMS)
    wanted = {"source": published.source, "revision": published.revision}
    found = {key: record.get(key) for key in wanted}
    if found != wanted:
        raise InputError(
            f"{folder} holds {found['source']} at {found['revision']}, not "
            f"{wanted['source']} at {wanted['revision']}; name the version that is "
            "there, or move the folder away and run\n  "
            f"{published.fetch_command}"
        )


def list_checkpoint_files(path_or_name: str | Path) -> list[str]:
    """List the files that make up a checkpoint: what a workflow step depends on.

    Raises:
        InputError: It is not at hand; see ``find_checkpoint``.
    """
    folder = find_checkpoint(path_or_name)
    kinds = (".json", ".txt", ".safetensors", ".bin")
    return sorted(
        str(path)
        for path in folder.iterdir()
        if path.suffix in kinds and path.name != CHECKSUMS
    )


def name_requests(
    requests: Iterable[str], checkpoints: Iterable[str]
) -> dict[str, str]:
    """Say which published models are to be fetched.

    Args:
        requests: What the user asks for: names, hub ids with commits.
        checkpoints: What backbones start from; folders that are there are left out.

    Returns:
        Name of the model, which is that of its folder, to the request.

    Raises:
        InputError: One is unknown or not pinned, or two are versions of one model.
    """
    missing = [name for name in checkpoints if not _is_copy(Path(name))]
    found: dict[str, PublishedModel] = {}
    for request in [*requests, *missing]:
        published = require_published(request)
        other = found.setdefault(published.name, published)
        if other != published:
            raise InputError(
                f"{other.request} and {request} would both be {published.folder}; "
                "fetch one of them into a folder of your own and name that folder"
            )
    return {name: published.request for name, published in found.items()}


def _is_copy(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
