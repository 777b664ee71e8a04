"""The published models by name: where they are, which version, licence and citation.

Nothing here touches the network. Revisions are commits of the hub repositories;
``sha256`` holds digests that third parties have recorded for files of that revision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from error_sequence_model.errors import InputError

MODELS_FOLDER = Path("models")


@dataclass(frozen=True)
class PublishedModel:
    """One set of published weights.

    Attributes:
        name: The name users write.
        architecture: Its family; empty if not known before its files are read.
        hub_id: Repository on the Hugging Face hub, or ``None``.
        revision: Commit of that repository, 40 hexadecimal digits.
        licence: Licence of the weights.
        citation: What to cite.
        archive: Address of an archive, for models that are not on the hub.
        archive_folder: Folder of the model inside the archive.
        sha256: File name to digest.
    """

    name: str
    architecture: str
    hub_id: str | None
    revision: str | None
    licence: str
    citation: str
    archive: str | None = None
    archive_folder: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where a local copy is looked for, below the working directory."""
        names = (self.name, self.archive_folder)
        return tuple(MODELS_FOLDER / name for name in names if name is not None)

    @property
    def fetch_command(self) -> str:
        """The command that gets a local copy, to be run in the working directory."""
        folder = MODELS_FOLDER / self.name
        if self.hub_id is not None:
            revision = f" --revision {self.revision}" if self.revision else ""
            return f"hf download {self.hub_id}{revision} --local-dir {folder}"
        archive = f"{MODELS_FOLDER}.tar.gz"
        return f"curl -L -o {archive} '{self.archive}' && tar -xzf {archive}"


_DNABERT2 = "Zhou et al. 2024, DNABERT-2, ICLR, arXiv:2306.15006"
_HYENA = "Nguyen et al. 2023, HyenaDNA, NeurIPS, arXiv:2306.15794"
_NT = (
    "Dalla-Torre et al. 2024, Nucleotide Transformer, Nature Methods, "
    "doi:10.1038/s41592-024-02523-z"
)
_SPLICEBERT = (
    "Chen et al. 2024, SpliceBERT, Briefings in Bioinformatics, doi:10.1093/bib/bbae163"
)

_HYENA_WEIGHTS = {
    "tiny-1k": (
        "tiny-1k-seqlen-hf",
        "e8c1effa8673814e257e627d2e1eda9ea5a373f6",
        "5ce2146c21e9c4baa6bddc4998fd3d029903ae84a563bf80218644082194a12d",
    ),
    "tiny-1k-d256": (
        "tiny-1k-seqlen-d256-hf",
        "6036d4e144922b44470294f510cbfd2539ba3b7e",
        "81c15c4042d5fae646f00b429b76c65644cdbe88aa7e98b61aa781c84ff09031",
    ),
    "tiny-16k-d128": (
        "tiny-16k-seqlen-d128-hf",
        "d79fa37e2cd62dd338103c630f95be8f90812d46",
        "9b30dba3d2d801c305d96cc4ac6229f1d6ce61567871e0b58754633ad764bca8",
    ),
    "small-32k": (
        "small-32k-seqlen-hf",
        "8fe770c78eb13fe33bf81501612faeddf4d6f331",
        "b7a1c9479248edf27691b189bb6657256f1705e560cadc64d6431633932cafa1",
    ),
    "medium-160k": (
        "medium-160k-seqlen-hf",
        "7ebf71773d22c0ede2cc55cb2be15ee8c289e1ce",
        None,
    ),
    "medium-450k": (
        "medium-450k-seqlen-hf",
        "42dedd4d374eac0fb8168549e546a3472fbd27ae",
        None,
    ),
    "large-1m": (
        "large-1m-seqlen-hf",
        "0a629abf9c7f85b4ec9aa6a1aefa3adcf1907446",
        "deafb53209bfafb314d14bd81108546a34d473c07ed7ab7a355674376b56ad12",
    ),
}

_NT_REVISIONS = {
    "50m": "81b29e5786726d891dbf929404ef20adca5b36f1",
    "100m": "f34324c6fde36a4f635f0f1f06cac5d25acd6798",
    "250m": "c0f0359229f36ff6bc3a021247eefe0a9c344bd1",
    "500m": "06615c1660c892fc199840c18123f8385b3542a8",
}

PUBLISHED: dict[str, PublishedModel] = {
    model.name: model
    for model in (
        PublishedModel(
            name="DNABERT-2-117M",
            architecture="dnabert2",
            hub_id="zhihan1996/DNABERT-2-117M",
            revision="7bce263b15377fc15361f52cfab88f8b586abda0",
            licence="Apache-2.0",
            citation=_DNABERT2,
            sha256={
                "pytorch_model.bin": (
                    "7ff39ec77a484dd01070a41bfd6e95cdd7247bec80fe357ab43a4be33687aeba"
                )
            },
        ),
        *(
            PublishedModel(
                name=f"HyenaDNA-{size}",
                architecture="hyenadna",
                hub_id=f"LongSafari/hyenadna-{repository}",
                revision=revision,
                licence="BSD-3-Clause",
                citation=_HYENA,
                sha256={"model.safetensors": digest} if digest else {},
            )
            for size, (repository, revision, digest) in _HYENA_WEIGHTS.items()
        ),
        *(
            PublishedModel(
                name=f"NT-v2-{size}",
                architecture="nucleotide_transformer",
                hub_id=f"InstaDeepAI/nucleotide-transformer-v2-{size}-multi-species",
                revision=revision,
                licence="CC-BY-NC-SA-4.0 (non-commercial)",
                citation=_NT,
            )
            for size, revision in _NT_REVISIONS.items()
        ),
        PublishedModel(
            name="SpliceBERT-1024nt",
            architecture="splicebert",
            hub_id=None,
            revision=None,
            licence="BSD-3-Clause",
            citation=_SPLICEBERT,
            archive="https://zenodo.org/record/7995778/files/models.tar.gz?download=1",
            archive_folder="SpliceBERT.1024nt",
        ),
    )
}

ALIASES = {"DNABERT-2": "DNABERT-2-117M", "SpliceBERT": "SpliceBERT-1024nt"}


def get_published(name: str) -> PublishedModel | None:
    """Look up a registry name, its short form or a hub id; ``None`` if unknown.

    A hub id with a commit, ``owner/name@<40 hexadecimal digits>``, need not be in the
    table: its licence and citation are then for the user to find.
    """
    if name in PUBLISHED or name in ALIASES:
        return PUBLISHED[ALIASES.get(name, name)]
    by_hub_id = {model.hub_id: model for model in PUBLISHED.values() if model.hub_id}
    pinned = re.fullmatch(r"([\w.-]+/([\w.-]+))@([0-9a-f]{40})", name)
    if pinned is None:
        return by_hub_id.get(name)
    hub_id, short_name, revision = pinned.groups()
    if hub_id in by_hub_id:
        known = by_hub_id[hub_id]
        same = revision == known.revision
        return replace(known, revision=revision, sha256=known.sha256 if same else {})
    return PublishedModel(
        name=short_name,
        architecture="",
        hub_id=hub_id,
        revision=revision,
        licence="see its repository",
        citation="see its repository",
    )


def find_checkpoint(path_or_name: str | Path) -> Path:
    """Find the folder of a checkpoint.

    Args:
        path_or_name: A folder, or the name, hub id or ``owner/name@<commit>`` of a
            published model whose copy is in ``models/<name>`` below the working
            directory.

    Returns:
        The folder.

    Raises:
        InputError: It is not there; for a published model with the command to get it.
    """
    path = Path(path_or_name)
    if path.is_dir():
        return path
    if path.is_file():
        raise InputError(f"{path} is a file; give the checkpoint's folder")
    published = get_published(str(path_or_name))
    if published is None:
        raise InputError(
            f"{path_or_name}: neither a folder nor the name of a published model; "
            f"known names are {', '.join(PUBLISHED)}"
        )
    for folder in published.folders:
        if folder.is_dir():
            return folder
    raise InputError(
        f"{published.name} is not at hand: there is no folder {published.folders[0]} "
        f"below {Path.cwd()}. Get it with\n  {published.fetch_command}\n"
        f"(licence: {published.licence}; nothing is downloaded unless you ask for it)"
    )
