"""Features of composition and of the intron's end, computed from the bases alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from error_sequence_model.features.families import Family, Feature, Layout, say_range

C, G, T, OTHER = 1, 2, 3, 4
SCALES = (25, 75)  # bases each side; the whole window is the third scale
# The branch point yUnAy (Gao et al. 2008, Nucleic Acids Res. 36:2257): shares of A, C,
# G and T at the places around its A; what is not conserved is left at a quarter.
BRANCH = np.array(
    [
        [0.125, 0.375, 0.125, 0.375],
        [0.05, 0.10, 0.05, 0.80],
        [0.25, 0.25, 0.25, 0.25],
        [0.91, 0.03, 0.03, 0.03],
        [0.125, 0.375, 0.125, 0.375],
    ]
)
BRANCH_ADENINE = 3
BRANCH_ZONE = (-60, -12)  # offsets of the A
TRACT_ZONE = (-50, -2)  # up to the AG
TRACT_CORE = (-20, -4)
PURINE_COST = 1.5


def make_composition_family(layout: Layout) -> Family:
    """GC, CpG and entropy at three scales, GC of each side, unknown bases."""
    whole = max(layout.upstream, layout.downstream)
    scales = [*(scale for scale in SCALES if scale < whole), whole]
    features = []
    for scale in scales:
        where = f"within {scale} nt of the junction"
        features += [
            Feature(f"gc:{scale}", "share", f"G or C {where}"),
            Feature(
                f"cpg:{scale}", "ratio", f"CG pairs {where}, observed over expected"
            ),
            Feature(f"entropy:{scale}", "bits", f"entropy of the base pairs {where}"),
        ]
    features += [
        Feature("gc:5prime", "share", "G or C in the window 5' of the junction"),
        Feature("gc:3prime", "share", "G or C in the window 3' of the junction"),
        Feature("gc:difference", "share", "GC 3' of the junction minus GC 5' of it"),
        Feature("unknown:window", "share", "bases of the window that are not known"),
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        columns = []
        for scale in scales:
            part = codes[:, layout.get_slice(-scale, scale)]
            columns += [
                measure_gc(part),
                measure_cpg(part),
                measure_entropy(part),
            ]
        sides = [
            measure_gc(codes[:, : layout.upstream]),
            measure_gc(codes[:, layout.upstream :]),
        ]
        unknown = (codes == OTHER).mean(axis=1)
        return np.stack([*columns, *sides, sides[1] - sides[0], unknown], axis=1)

    return Family(features, compute)


def measure_gc(codes: np.ndarray) -> np.ndarray:
    """Share of G and C among the known bases, float64 (n,); 0.5 without any."""
    known = (codes < OTHER).sum(axis=1)
    strong = ((codes == C) | (codes == G)).sum(axis=1)
    return np.where(known > 0, strong / np.maximum(known, 1), 0.5)


def measure_cpg(codes: np.ndarray) -> np.ndarray:
    """CG pairs over what the shares of C and G let expect, float64 (n,)."""
    pairs = ((codes[:, :-1] == C) & (codes[:, 1:] == G)).sum(axis=1)
    expected = (codes == C).sum(axis=1) * (codes == G).sum(axis=1) / codes.shape[1]
    return pairs / np.maximum(expected, 1.0)


def measure_entropy(codes: np.ndarray) -> np.ndarray:
    """Entropy of pairs of neighbours, bits, float64 (n,); up to 4."""
    left, right = codes[:, :-1], codes[:, 1:]
    is_pair = (left < OTHER) & (right < OTHER)
    keys = np.arange(len(codes))[:, None] * 16 + left * 4 + right
    counts = np.bincount(keys[is_pair], minlength=16 * len(codes)).reshape(-1, 16)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logs).sum(axis=1)


def make_tract_family(layout: Layout) -> Family:
    """The polypyrimidine tract before an acceptor; not defined at donors."""
    core = layout.clip(*TRACT_CORE)
    zone = layout.clip(*TRACT_ZONE)
    where = f"at offsets {say_range(*zone)}"
    features = [
        Feature(
            "tract:score",
            "bases",
            f"best stretch {where}, C or T counting 1 and A or G −{PURINE_COST}",
        ),
        Feature("tract:length", "nt", "length of that stretch"),
        Feature("tract:distance", "nt", "from its end to the junction"),
        Feature("tract:share", "share", f"C or T at offsets {say_range(*core)}"),
        Feature("tract:thymine", "share", f"T at offsets {say_range(*core)}"),
        Feature("tract:run", "nt", f"longest run of C and T {where}"),
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        part = codes[:, layout.get_slice(*core)]
        is_tract = (part == C) | (part == T)
        score, start, end = find_tract(codes[:, layout.get_slice(*zone)])
        values = [
            score,
            end - start,
            -(zone[0] + end),
            _mean(is_tract),
            _mean(part == T),
            measure_run(codes[:, layout.get_slice(*zone)]),
        ]
        found = np.stack(values, axis=1).astype(np.float32)
        found[is_donor] = np.nan
        return found

    return Family(features, compute)


def _mean(found: np.ndarray) -> np.ndarray:
    return found.mean(axis=1) if found.shape[1] else np.zeros(len(found))


def find_tract(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the stretch of highest score: pyrimidines gain 1, purines cost 1.5.

    Args:
        codes: Base codes, int8 (n, width).

    Returns:
        Its score, float64 (n,), and its start and end column, int (n,); of equal
        stretches the last one. All are 0 where there is no pyrimidine.
    """
    gains = np.array([-PURINE_COST, 1.0, -PURINE_COST, 1.0, -PURINE_COST])
    running = np.zeros(len(codes))
    begin = np.zeros(len(codes), dtype=np.int64)
    best, start, end = running.copy(), begin.copy(), begin.copy()
    for column in range(codes.shape[1]):
        is_new = running <= 0
        begin = np.where(is_new, column, begin)
        running = np.where(is_new, 0.0, running) + gains[codes[:, column]]
        is_best = (running >= best) & (running > 0)
        best = np.where(is_best, running, best)
        start = np.where(is_best, begin, start)
        end = np.where(is_best, column + 1, end)
    return best, start, end


def measure_run(codes: np.ndarray) -> np.ndarray:
    """Longest uninterrupted run of C and T, int (n,)."""
    running = np.zeros(len(codes), dtype=np.int64)
    longest = running.copy()
    for column in range(codes.shape[1]):
        is_tract = (codes[:, column] == C) | (codes[:, column] == T)
        running = np.where(is_tract, running + 1, 0)
        longest = np.maximum(longest, running)
    return longest


def make_branch_family(layout: Layout) -> Family:
    """The best branch point before an acceptor; not defined at donors."""
    zone = layout.clip(*BRANCH_ZONE)
    where = f"with its A at offsets {say_range(*zone)}"
    features = [
        Feature("branch:score", "bits", f"best yUnAy {where}, log2 odds"),
        Feature("branch:distance", "nt", "from its A to the junction"),
    ]

    def compute(codes: np.ndarray, is_donor: np.ndarray) -> np.ndarray:
        score, offset = find_branch(codes, layout)
        found = np.stack([score, -offset], axis=1).astype(np.float32)
        found[is_donor] = np.nan
        return found

    return Family(features, compute)


def find_branch(codes: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Find the best branch point before the junction.

    Args:
        codes: Base codes, int8 (n, length).
        layout: The windows.

    Returns:
        Its log2 odds, float64 (n,), and the offset of its A, int (n,); 0 and 0 where
        the window has no room for one.
    """
    first = max(BRANCH_ZONE[0] - BRANCH_ADENINE, -layout.upstream)
    last = BRANCH_ZONE[1] - BRANCH_ADENINE  # of a first base, excluded
    weights = np.zeros((len(BRANCH), 5))
    weights[:, :4] = np.log2(BRANCH / 0.25)
    if last <= first:
        return np.zeros(len(codes)), np.zeros(len(codes), dtype=np.int64)
    width = last - first
    scores = np.zeros((len(codes), width))
    for place, row in enumerate(weights):
        begin = layout.upstream + first + place
        scores += row[codes[:, begin : begin + width]]
    # The last of equals: the one nearest to the junction.
    best = width - 1 - scores[:, ::-1].argmax(axis=1)
    return scores[np.arange(len(codes)), best], best + first + BRANCH_ADENINE


def make_sequence_families(layout: Layout, splice_types: Sequence[str]) -> list[Family]:
    """All families of this module that are defined at some of the splice types."""
    families = [make_composition_family(layout)]
    if "acceptor" in splice_types:
        families += [make_tract_family(layout), make_branch_family(layout)]
    return families
