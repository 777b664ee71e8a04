"""Where the files lie that come with the library: its schema, its tables, its presets.

In a checkout they stand beside the workflow, where people look for them; a wheel has
copies of them inside the package (``setup.py``).
"""

from __future__ import annotations

from pathlib import Path

from error_sequence_model.core.sources import PACKAGE

ROOT = PACKAGE.parents[2]
FOLDERS = {"schemas": ROOT / "workflow" / "schemas", "resources": ROOT / "resources"}


def find_shipped(name: str) -> Path:
    """Find a file that comes with the library.

    Args:
        name: Folder and file, such as ``resources/elements.tsv``.

    Returns:
        Its path: in the checkout, else in the installed package.

    Examples:
        >>> find_shipped("resources/splits.yaml").is_file()
        True
    """
    folder, file = name.split("/")
    path = FOLDERS[folder] / file
    return path if path.is_file() else PACKAGE / folder / file
