"""What a wheel holds: the library, and files that stand elsewhere in the repository."""

from setuptools import find_namespace_packages, setup

LIBRARY = "workflow/scripts"
# `error_sequence_model.core.find_shipped` knows these folders.
SHIPPED = {"schemas": "workflow/schemas", "resources": "resources"}
FOLDERS = {f"error_sequence_model.{name}": path for name, path in SHIPPED.items()}
PACKAGES = find_namespace_packages(LIBRARY, include=["error_sequence_model*"])

setup(
    packages=[*PACKAGES, *FOLDERS],
    package_dir={"": LIBRARY, **FOLDERS},
    package_data={"": ["*.html", "*.j2", "*.md", "*.tsv", "*.txt", "*.yaml"]},
)
