"""Names of attribution methods and motif callers, and which of them suit a config.

Kept apart from `attribution` and `motifs`, so that the workflow's rules can read it
without torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import util
from typing import Any

from error_sequence_model.core import InputError

ALIASES = {"occlusion": "substitution", "ism": "in_silico_mutagenesis"}
CAPTUM_PREFIX = "captum."
# Classes of captum.attr that suit a classifier of tokens.
CAPTUM_METHODS = (
    *("IntegratedGradients", "DeepLift", "DeepLiftShap", "GradientShap"),
    *("InputXGradient", "Saliency", "Occlusion", "FeatureAblation"),
    *("ShapleyValueSampling", "KernelShap", "Lime"),
)
# Which method's maps are shown where several are as good by their checks.
PREFERRED = ("integrated_gradients", "substitution", "in_silico_mutagenesis")
UNSIGNED = ("saliency", f"{CAPTUM_PREFIX}Saliency")
# Settings that some methods alone heed: theirs change with them, others' do not.
OWN_SETTINGS = {"core": ("in_silico_mutagenesis",)}


def resolve_method(name: str) -> str:
    """Give the name under which a method's files are kept: an alias is resolved."""
    return ALIASES.get(name, name)


def rank_methods(verdicts: Mapping[str, bool | None]) -> list[str]:
    """Order methods: those that passed their checks, those not judged, those that fail.

    Args:
        verdicts: Whether each method's maps passed; None: not judged.
    """
    place = {name: number for number, name in enumerate(PREFERRED)}
    judged = {True: 0, None: 1, False: 2}
    return sorted(
        verdicts, key=lambda m: (judged[verdicts[m]], place.get(m, len(place)), m)
    )


def list_captum_methods() -> str:
    """Name all methods of captum that are allowed, for messages."""
    return ", ".join(CAPTUM_PREFIX + name for name in CAPTUM_METHODS)


def find_method_problems(config: dict[str, Any]) -> Iterable[str]:
    """Find methods that would be refused only after the training."""
    methods = config["explanation"]["methods"]
    for name in methods:
        known = name.removeprefix(CAPTUM_PREFIX) in CAPTUM_METHODS
        if name.startswith(CAPTUM_PREFIX) and not known:
            yield (
                f"explanation.methods: {name!r} is no method of captum that suits a "
                f"classifier of tokens (allowed: {list_captum_methods()})"
            )
    for model in config["models"]:
        backbone = config["backbones"].get(model, {})
        architecture = backbone.get("architecture", "nucleotide_encoder")
        if "deep_lift_shap" in methods and architecture != "nucleotide_encoder":
            yield (
                "explanation.methods: deep_lift_shap has rules for nucleotide_encoder "
                f"alone, and models has {model!r}, a {architecture}"
            )


# Callers that need an optional package: its name for Python, then for pip.
PACKAGES = {"modisco": ("modiscolite", "modisco-lite==3.0.0")}


def require_caller(name: str) -> None:
    """Refuse a caller whose package is missing.

    Args:
        name: As `motifs.caller` in the config.

    Raises:
        InputError: It names the command that installs the package.
    """
    if name not in PACKAGES:
        return
    module, requirement = PACKAGES[name]
    if util.find_spec(module) is None:
        package = requirement.split("==")[0]
        raise InputError(
            f"motifs.caller is {name!r}, but {package} is not installed; run "
            f"`pip install {requirement}` in the workflow's environment, or set "
            "motifs.caller to 'seqlets', which needs no further package"
        )
