#!/usr/bin/env bash
# What tests use beside Python, by apt-get where that is possible (as root, on Debian and
# its kin). Where it is not, nothing fails: the tests that want a program skip and say so.
set -uo pipefail

# One line each: the package, and the programs of which any one is enough.
wanted=(
    "poppler-utils pdftotext"
    "chromium chromium chromium-browser google-chrome chrome"
    "bedtools bedtools"
    "slurm-wlm slurmctld"
    "munge munged"
)

has_program() {
    local name
    for name in $1; do
        PATH="$PATH:/usr/sbin:/sbin" type -P "$name" > /dev/null && return
    done
    return 1
}

missing=()
for line in "${wanted[@]}"; do
    read -r package programs <<< "$line"
    has_program "$programs" || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "not installed, and not installable here (needs root and apt-get): ${missing[*]}"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
timeout 300 apt-get update > /dev/null 2>&1
# One by one: a package that this system does not have keeps no other away.
for package in "${missing[@]}"; do
    timeout 300 apt-get install --yes --no-install-recommends "$package" \
        > /dev/null 2>&1 < /dev/null || echo "cannot be installed here: $package"
done
exit 0
