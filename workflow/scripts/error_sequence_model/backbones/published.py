"""The published models by name: where they are, which version, licence and citation.

Nothing here touches the network. Revisions are commits of the hub repositories;
``sha256`` holds digests that third parties have recorded for files of that revision.
The licence of weights and that of their authors' code are recorded apart, each with the
place that states it: they differ for HyenaDNA.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from error_sequence_model.core import InputError

MODELS_FOLDER = Path("models")
REVISION = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Licence:
    """Terms of published weights and of their authors' code, which may differ.

    Attributes:
        weights: Licence of the weights: what binds who uses a model here.
        weights_stated: Where the authors say so.
        code: Licence of the authors' code, none of which is in this package.
        code_stated: Where they say so.
    """

    weights: str
    weights_stated: str
    code: str
    code_stated: str


LICENCES = {
    "dnabert2": Licence(
        weights="Apache-2.0",
        weights_stated="LICENSE of the hub repository",
        code="Apache-2.0",
        code_stated="LICENSE of the hub repository, which holds the code too",
    ),
    # The model cards of the hub repositories fetched here (-hf) say bsd-3-clause. So do
    # those of the original weights today, which were opened as apache-2.0, the licence
    # of the code: the later and more specific word counts.
    "hyenadna": Licence(
        weights="BSD-3-Clause",
        weights_stated="model cards of the hub repositories",
        code="Apache-2.0",
        code_stated="LICENSE of the repository HazyResearch/hyena-dna",
    ),
    "nucleotide_transformer": Licence(
        weights="CC-BY-NC-SA-4.0 (non-commercial)",
        weights_stated="model cards of the hub repositories",
        code="CC-BY-NC-SA-4.0 (non-commercial)",
        code_stated="model cards of the hub repositories, which hold the code too",
    ),
    # The README of the authors' repository offers the archive with the weights; no
    # other word on them was found.
    "splicebert": Licence(
        weights="BSD-3-Clause",
        weights_stated="LICENSE of the repository chenkenbio/SpliceBERT",
        code="BSD-3-Clause",
        code_stated="LICENSE of the repository chenkenbio/SpliceBERT",
    ),
}
MULTIMOLECULE = Licence(
    weights="AGPL-3.0",
    weights_stated="model card of the hub repository, of weights converted from "
    "SpliceBERT's (BSD-3-Clause)",
    code="AGPL-3.0",
    code_stated="LICENSE of the repository DLS5-Omics/multimolecule",
)
_ELSEWHERE = "see its repository"
UNKNOWN = Licence(_ELSEWHERE, _ELSEWHERE, _ELSEWHERE, _ELSEWHERE)

CITATIONS = {
    "dnabert2": "Zhou et al. 2024, DNABERT-2, ICLR, arXiv:2306.15006",
    "hyenadna": "Nguyen et al. 2023, HyenaDNA, NeurIPS, arXiv:2306.15794",
    "nucleotide_transformer": (
        "Dalla-Torre et al. 2024, Nucleotide Transformer, Nature Methods, "
        "doi:10.1038/s41592-024-02523-z"
    ),
    "modernbert": (
        "Warner et al. 2024, ModernBERT, arXiv:2412.13663, and the model's own authors"
    ),
    "splicebert": (
        "Chen et al. 2024, SpliceBERT, Briefings in Bioinformatics, "
        "doi:10.1093/bib/bbae163"
    ),
}


@dataclass(frozen=True)
class PublishedModel:
    """One set of published weights.

    Attributes:
        name: The name users write.
        architecture: Its family; empty if not known before its files are read.
        hub_id: Repository on the Hugging Face hub, or ``None``.
        revision: Commit of that repository, 40 hexadecimal digits.
        archive: Address of an archive, for models that are not on the hub.
        archive_folder: Folder of the model inside the archive.
        sha256: File name to digest.
        own_terms: Licences that are not those of its family.
    """

    name: str
    architecture: str
    hub_id: str | None = None
    revision: str | None = None
    archive: str | None = None
    archive_folder: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    own_terms: Licence | None = None

    @property
    def terms(self) -> Licence:
        """Licences of weights and code."""
        return self.own_terms or LICENCES.get(self.architecture, UNKNOWN)

    @property
    def licence(self) -> str:
        """Licence of the weights."""
        return self.terms.weights

    @property
    def citation(self) -> str:
        """What to cite."""
        return CITATIONS.get(self.architecture, UNKNOWN.weights)

    @property
    def source(self) -> str:
        """Where the files come from: the hub repository or the archive."""
        return self.hub_id or str(self.archive)

    @property
    def request(self) -> str:
        """What names exactly this model and version in a config."""
        known = PUBLISHED.get(self.name)
        return self.name if known == self else self.exact

    @property
    def exact(self) -> str:
        """Repository and commit, or the archive."""
        return f"{self.hub_id}@{self.revision}" if self.hub_id else str(self.archive)

    @property
    def folder(self) -> Path:
        """Where a local copy is put, below the working directory."""
        return MODELS_FOLDER / self.name

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where a local copy is looked for: also where an unpacked archive puts it."""
        names = (self.name, self.archive_folder)
        return tuple(MODELS_FOLDER / name for name in names if name is not None)

    @property
    def fetch_command(self) -> str:
        """The command that gets a verified local copy, in the working directory."""
        return f"snakemake fetch_model --cores 1 --config fetch={self.request}"

    @property
    def download_command(self) -> str:
        """A command that gets a copy without this workflow, and unverified."""
        if self.hub_id is not None:
            return (
                f"hf download {self.hub_id} --revision {self.revision} "
                f"--exclude '*.py' --local-dir {self.folder}"
            )
        archive = f"{MODELS_FOLDER}.tar.gz"
        return f"curl -L -o {archive} '{self.archive}' && tar -xzf {archive}"


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
        "16685b36caf5d144da391f1b540ed47e89d79b3efd38899325492f174b8e852a",
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
            )
            for size, revision in _NT_REVISIONS.items()
        ),
        PublishedModel(
            name="SpliceBERT-1024nt",
            architecture="splicebert",
            archive="https://zenodo.org/record/7995778/files/models.tar.gz?download=1",
            archive_folder="SpliceBERT.1024nt",
            sha256={
                "pytorch_model.bin": (
                    "2ad91428c318e6c49233154073ca7a35f5f7899c9f4be3444775bae3dba0149d"
                ),
                "config.json": (
                    "51ea51e42951f18cc1d3455d7111fe0a41cebad476ba8314afc161a0e956303e"
                ),
                "vocab.txt": (
                    "ba67bacb61d3de7d57e11e04ba59020a2cc67dbedbd9ae65715117b9fd4f30bc"
                ),
            },
        ),
        # The same weights in MultiMolecule's layout.
        PublishedModel(
            name="SpliceBERT-multimolecule",
            architecture="splicebert",
            hub_id="multimolecule/splicebert",
            revision="16d96fd9b5e683384cf71bf1327f8b6ac9a181dd",
            own_terms=MULTIMOLECULE,
        ),
    )
}

# Models that run here and whose commit nobody has recorded where we could check it: the
# name people use, the repository, and the nearest model that is pinned.
UNPINNED = {
    "ModernGENA-base": ("AIRI-Institute/moderngena-base", "DNABERT-2-117M"),
    "ModernGENA-large": ("AIRI-Institute/moderngena-large", "DNABERT-2-117M"),
    "ModernBERT-DNA-37M": (
        "RaphaelMourad/ModernBERT-DNA-v1-37M-hg38",
        "DNABERT-2-117M",
    ),
}
# What a config.json may call a model that is none of the families, and what is nearest.
NEAREST = {
    "esm": "NT-v2-500m",
    "caduceus": "HyenaDNA-medium-160k",
    "mamba": "HyenaDNA-medium-160k",
    "mamba2": "HyenaDNA-medium-160k",
    "stripedhyena": "HyenaDNA-large-1m",
    "stripedhyena2": "HyenaDNA-large-1m",
}

ALIASES = {"DNABERT-2": "DNABERT-2-117M", "SpliceBERT": "SpliceBERT-1024nt"}


def get_published(name: str) -> PublishedModel | None:
    """Look up a registry name, its short form or a hub id; ``None`` if unknown.

    A hub id with a commit, ``owner/name@<40 hexadecimal digits>``, need not be in the
    table: its licence and citation are then for the user to find. The folder where a
    copy of a registry model is put, ``models/<name>``, stands for the model.
    """
    short = Path(name).name if Path(name).parent == MODELS_FOLDER else name
    if short in PUBLISHED or short in ALIASES:
        return PUBLISHED[ALIASES.get(short, short)]
    by_hub_id = {model.hub_id: model for model in PUBLISHED.values() if model.hub_id}
    hub_id, _, revision = name.partition("@")
    if not revision:
        return by_hub_id.get(name)
    if not HUB_ID.fullmatch(hub_id) or not REVISION.fullmatch(revision):
        return None
    if hub_id in by_hub_id:
        known = by_hub_id[hub_id]
        same = revision == known.revision
        return replace(known, revision=revision, sha256=known.sha256 if same else {})
    return PublishedModel(
        name=hub_id.partition("/")[2],
        architecture="",
        hub_id=hub_id,
        revision=revision,
    )


def name_nearest(model_type: object) -> str:
    """Say which published model and version comes nearest to a kind of model."""
    model = PUBLISHED[NEAREST.get(str(model_type).lower(), "DNABERT-2-117M")]
    return f"the nearest model that is supported is {model.name} ({model.exact})"


def require_published(name: str) -> PublishedModel:
    """Look up a published model that must be there; see ``get_published``.

    Raises:
        InputError: The name is unknown, or a hub id comes without a full commit.
    """
    published = get_published(name)
    if published is not None:
        return published
    for short, (hub_id, nearest) in UNPINNED.items():
        if name.casefold() in (short.casefold(), hub_id.casefold()):
            raise InputError(
                f"{name}: runs here, but no version of it is pinned; look up the "
                f"commit under {hub_id} and write {hub_id}@<40 hexadecimal digits>, or "
                f"give the folder of a copy. The nearest pinned model is {nearest} "
                f"({PUBLISHED[nearest].exact})"
            )
    if HUB_ID.fullmatch(name.partition("@")[0]):
        raise InputError(
            f"{name}: neither a folder nor pinned to a version; a hub id needs the "
            "commit it is at, owner/name@<40 hexadecimal digits> (a branch or a short "
            "commit may come to mean other files)"
        )
    raise InputError(
        f"{name}: neither a folder nor the name of a published model; "
        f"known names are {', '.join(PUBLISHED)}"
    )
