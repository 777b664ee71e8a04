#!/usr/bin/env bash
# logomaker: the alphabet is what the sites happen to contain, N included.
#
# One would guess: a base that all sites share has 2 bits in a logo of DNA, whatever the
# other positions hold, and N is no observation.
# What happens: alignment_to_matrix takes the letters that occur (all but "." and "-") as
# the alphabet. Sites without any C have three letters, and a shared base has 1.58 bits;
# a single N is a letter of its own at every position, and a shared base may have 2.32.
# And one pseudocount per letter is added unless told otherwise: four sites that all
# have A there show 0.44 bits.
# Why it matters: heights of two logos (errors beside correct sites) cannot be compared
# unless both have the same letters and number of sites. Logos need a probability matrix
# of A, C, G and T made by oneself.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check logomaker==0.8.7
MPLCONFIGDIR=$folder "$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version

import logomaker

print("logomaker", version("logomaker"))


def measure(sites, **options):
    """Letters, and bits of the first base, which all sites share."""
    matrix = logomaker.alignment_to_matrix(sites, to_type="information", **options)
    return "".join(map(str, matrix)), round(float(matrix.loc[0].sum()), 2)


found = {
    "no C in the sites": measure(["AGGT"] * 4, pseudocount=0),
    "a C in one": measure(["AGGT"] * 3 + ["AGGC"], pseudocount=0),
    "an N in one, too": measure(["AGGT"] * 3 + ["AGGC", "AGGN"], pseudocount=0),
    "no C, as it comes": measure(["AGGT"] * 4),
}
for what, (letters, bits) in found.items():
    print(f"{what}: letters {letters}, {bits} bits where all have A")
assert [letters for letters, _ in found.values()] == ["AGT", "ACGT", "ACGNT", "AGT"]
assert [bits for _, bits in found.values()][:3] == [1.58, 2.0, 2.32]
assert found["no C, as it comes"][1] < 0.5
print("as described")
PY
# Seen:
# logomaker 0.8.7
# no C in the sites: letters AGT, 1.58 bits where all have A
# a C in one: letters ACGT, 2.0 bits where all have A
# an N in one, too: letters ACGNT, 2.32 bits where all have A
# no C, as it comes: letters AGT, 0.44 bits where all have A
# as described
