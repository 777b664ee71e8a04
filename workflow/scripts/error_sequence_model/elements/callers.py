"""What can find motifs in maps, and whether it is installed.

Kept apart from the callers, so that the workflow's rules can ask before the training.
"""

from __future__ import annotations

from importlib import util

from error_sequence_model.errors import InputError

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
