"""Published weights from where their authors keep them to a local folder, verified.

The one module that uses the network, and only when it is asked to. What arrives is
configuration, tokenizer and weights of one pinned version; code never does.
"""

from __future__ import annotations

import logging
import shutil
import tarfile
import urllib.request
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from error_sequence_model.backbones.local_copies import CHECKSUMS
from error_sequence_model.backbones.published import PublishedModel, require_published
from error_sequence_model.core import (
    InputError,
    atomic_path,
    hash_file,
    read_json,
    write_json,
)

logger = logging.getLogger(__name__)

DESCRIPTIONS = (
    *("config.json", "generation_config.json"),
    *("tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "vocab.txt"),
)
SAFETENSORS = (
    *("model.safetensors", "model.safetensors.index.json"),
    "model-*-of-*.safetensors",
)
TORCH = ("pytorch_model.bin",)
WANTED = (*DESCRIPTIONS, *SAFETENSORS, *TORCH)


def fetch_model(request: str, folder: str | Path | None = None) -> Path:
    """Get the files of a published model, check them, and record what they are.

    The folder appears whole or not at all. One that is there and is not this version
    as it was fetched is set aside, not deleted.

    Args:
        request: A registry name, or a hub id with its commit:
            ``owner/name@<40 hexadecimal digits>``.
        folder: Where to put it; ``models/<name>`` by default.

    Returns:
        The folder: the checkpoint, and ``checksums.json`` with source, revision,
        licences and the SHA-256 of every file.

    Raises:
        InputError: The version is not pinned, the source cannot be reached, or what
            came is not what was published.
    """
    published = require_published(request)
    folder = published.folder if folder is None else Path(folder)
    if is_fetched(published, folder):
        logger.info("%s: %s is there already", folder, published.name)
        return folder
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        logger.info("%s: getting %s", published.name, published.source)
        try:
            if published.hub_id is not None:
                _download(published, temporary)
            else:
                _download_archive(published, temporary)
        except (OSError, tarfile.TarError) as error:
            raise InputError(
                f"{published.name}: {published.source} could not be fetched ({error}); "
                "nothing was kept. Try again where there is a network, or get it with\n"
                f"  {published.download_command}"
            ) from error
        _keep_wanted_files(temporary)
        write_json(temporary / CHECKSUMS, _make_record(published, temporary))
        _set_aside(folder)
    logger.info(
        "%s: done (licence of the weights: %s)", published.name, published.licence
    )
    return folder


def is_fetched(published: PublishedModel, folder: Path) -> bool:
    """Whether a folder holds this version, every file as it was fetched."""
    if not (folder / CHECKSUMS).is_file():
        return False
    record = read_json(folder / CHECKSUMS)
    return (
        record["source"] == published.source
        and record["revision"] == published.revision
        and all(
            (folder / name).is_file() and hash_file(folder / name) == digest
            for name, digest in record["files"].items()
        )
    )


def _download(published: PublishedModel, folder: Path) -> None:
    """Get a snapshot of a hub repository: one kind of weights, a verifiable one first.

    Raises:
        OSError: The repository, the commit or the network is not there.
    """
    # Imported here: whether it may use the network is settled when it is imported.
    from huggingface_hub import snapshot_download

    kinds = [SAFETENSORS, TORCH]
    if TORCH[0] in published.sha256:
        kinds.reverse()
    for weights in kinds:
        try:
            snapshot_download(
                str(published.hub_id),
                revision=published.revision,
                allow_patterns=[*DESCRIPTIONS, *weights],
                local_dir=folder,
            )
        except Exception as error:  # its transports' own errors share no other base
            raise OSError(f"{type(error).__name__}: {error}") from error
        if any(match for name in weights for match in folder.glob(name)):
            return


def _download_archive(published: PublishedModel, folder: Path) -> None:
    """Take the model's own files out of a tar archive, and nothing else."""
    archive = folder / "archive.tar.gz"
    with (
        urllib.request.urlopen(str(published.archive)) as source,  # noqa: S310 - table
        archive.open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    with tarfile.open(archive) as content:
        for member in content:
            path = PurePosixPath(member.name)
            wanted = path.parent.name == published.archive_folder
            if wanted and member.isfile() and _is_wanted(path.name):
                # Only the bare name is used: a member cannot leave the folder.
                with (folder / path.name).open("wb") as target:
                    shutil.copyfileobj(content.extractfile(member), target)
    archive.unlink()


def _is_wanted(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in WANTED)


def _keep_wanted_files(folder: Path) -> None:
    """Remove whatever else arrived: caches, code, links out of the folder."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.is_symlink() or not _is_wanted(path.name):
            logger.warning("%s: not kept, no part of a checkpoint", path.name)
            path.unlink()


def _make_record(published: PublishedModel, folder: Path) -> dict[str, object]:
    """Check the files against the published digests and describe them.

    Raises:
        InputError: Configuration or weights are missing, or a digest is another.
    """
    names = sorted(path.name for path in folder.iterdir())
    has_weights = any(name.endswith((".safetensors", ".bin")) for name in names)
    if "config.json" not in names or not has_weights:
        raise InputError(
            f"{published.name}: {published.source} gave {', '.join(names) or 'nothing'}"
            "; a checkpoint is a config.json with model.safetensors or "
            "pytorch_model.bin"
        )
    files = {name: hash_file(folder / name) for name in names}
    known = {name: sha for name, sha in published.sha256.items() if name in files}
    for name, digest in known.items():
        if files[name] != digest:
            raise InputError(
                f"{published.name}: {name} has SHA-256 {files[name]}, but {digest} is "
                "published for this version; nothing was kept. The download is damaged "
                "or the file was replaced"
            )
    terms = published.terms
    return {
        "name": published.name,
        "source": published.source,
        "revision": published.revision,
        "licence": vars(terms),
        "citation": published.citation,
        "files": files,
        "compared_with_published": sorted(known),
    }


def _set_aside(folder: Path) -> None:
    """Rename what is in the way; an empty folder, as a workflow makes one, is not."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.before{number}")).exists():
        number += 1
    folder.rename(aside)
    logger.warning("%s was there and is now %s", folder, aside)
