"""Downloads from a local server that can be honest, cut off, corrupted, stalled, or something else than data."""

import gzip
import hashlib
import http.server
import re
import threading
import time

import numpy as np
import pytest

from jaxdl import cli, data
from jaxdl.data import download as downloads
from jaxdl.data.download import DownloadError, download, fetch
from jaxdl.data.sources import DataDamaged, DataNotFound, File, Source, read_verified

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
PACKED = gzip.compress(CONTENT, mtime=0)
FILE = File("numbers.gz", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
HALF = len(PACKED) // 2


class Handler(http.server.BaseHTTPRequestHandler):
    """The first part of the path says how the server behaves; every request is noted in `server.requests`."""

    def do_GET(self):
        behavior = self.path.split("/")[1]
        wanted = self.headers.get("Range")
        self.server.requests.append((behavior, wanted))  # type: ignore[attr-defined]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and behavior != "no-range" else 0
        body = PACKED
        if behavior == "missing":
            return self.send_error(404)
        if behavior == "page":
            start, body = 0, b"<!DOCTYPE html><title>Please log in</title>"
        if behavior == "corrupted":
            body = PACKED[:HALF] + bytes([PACKED[HALF] ^ 1]) + PACKED[HALF + 1 :]
        if behavior == "endless":
            start, body = 0, PACKED * 10
        if start >= len(body):
            return self.send_error(416)
        if behavior == "slow":
            time.sleep(0.3)
        self.send_response(206 if start else 200)
        if start:
            first = start + 7 if behavior == "wrong-range" else start
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        if behavior != "no-length":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:]
        if behavior in ("truncated", "stalled") or (behavior == "truncated-once" and not start):
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)
        if behavior == "stalled":
            self.wfile.flush()
            self.server.finished.wait(10)  # type: ignore[attr-defined]

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.requests, running.finished = [], threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.finished.set()  # type: ignore[attr-defined]
        running.shutdown()
        thread.join()


def url(server, behavior):
    return f"http://127.0.0.1:{server.server_port}/{behavior}/{FILE.name}"


def source(server, *behaviors):
    bases = tuple(f"http://127.0.0.1:{server.server_port}/{behavior}/" for behavior in behaviors)
    return Source("numbers", "", "", "", folder="numbers", files=(FILE,), urls=bases)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    return tmp_path / "jaxdl" / "numbers"


def test_good(server, tmp_path):
    seen = []
    download(url(server, "good"), tmp_path / FILE.name, FILE, progress=lambda *args: seen.append(args))
    assert read_verified(tmp_path / FILE.name, FILE) == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [FILE.name]
    assert seen[-1] == (FILE.name, len(PACKED), len(PACKED))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert len(seen) > 2


def test_without_a_length(server, tmp_path):
    download(url(server, "no-length"), tmp_path / FILE.name, FILE)
    assert read_verified(tmp_path / FILE.name, FILE) == CONTENT


def test_a_broken_connection_is_resumed(server, tmp_path):
    download(url(server, "truncated-once"), tmp_path / FILE.name, FILE)
    assert read_verified(tmp_path / FILE.name, FILE) == CONTENT
    assert server.requests == [("truncated-once", None), ("truncated-once", f"bytes={HALF}-")]


def test_truncated_leaves_only_what_the_next_call_goes_on_from(server, tmp_path):
    target = tmp_path / FILE.name
    with pytest.raises(DownloadError, match=r"the connection ended after \d+ of \d+ bytes \(1 attempts\)"):
        download(url(server, "truncated"), target, FILE, attempts=1)
    assert not target.exists()
    assert (tmp_path / (FILE.name + ".part")).read_bytes() == PACKED[:HALF]
    download(url(server, "good"), target, FILE)
    assert server.requests[-1] == ("good", f"bytes={HALF}-")
    assert read_verified(target, FILE) == CONTENT


def test_a_complete_part_needs_no_bytes(server, tmp_path):
    (tmp_path / (FILE.name + ".part")).write_bytes(PACKED)
    download(url(server, "good"), tmp_path / FILE.name, FILE)  # the server answers 416
    assert len(server.requests) == 1
    assert read_verified(tmp_path / FILE.name, FILE) == CONTENT


@pytest.mark.parametrize("behavior", ["good", "no-range", "wrong-range"])
def test_a_foreign_part_is_thrown_away(server, tmp_path, behavior):
    (tmp_path / (FILE.name + ".part")).write_bytes(b"the beginning of another file")
    download(url(server, behavior), tmp_path / FILE.name, FILE)
    assert read_verified(tmp_path / FILE.name, FILE) == CONTENT
    assert not (tmp_path / (FILE.name + ".part")).exists()
    # A server that sends the whole file is taken at its word; a wrong continuation costs a second request.
    assert len(server.requests) == (1 if behavior == "no-range" else 2)


def test_stalled(server, tmp_path):
    start = time.perf_counter()
    with pytest.raises(DownloadError, match=r"no data for 0\.2 s \(2 attempts\)"):
        download(url(server, "stalled"), tmp_path / FILE.name, FILE, timeout=0.2, attempts=2)
    assert time.perf_counter() - start < 5
    assert not (tmp_path / FILE.name).exists()
    assert (tmp_path / (FILE.name + ".part")).stat().st_size > HALF  # both attempts brought something


@pytest.mark.parametrize(
    ("behavior", "error", "message"),
    [
        ("corrupted", DataDamaged, "what arrived is damaged"),
        ("page", DataDamaged, "a web page, not data"),
        ("endless", DataDamaged, "more than the 300000 bytes"),
        ("missing", DownloadError, "the server answered 404"),
    ],
)
def test_wrong_answers_leave_nothing(server, tmp_path, behavior, error, message):
    with pytest.raises(error, match=message):
        download(url(server, behavior), tmp_path / FILE.name, FILE)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1  # asking again would not help


def test_no_server(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        address = url(closed, "good")
    with pytest.raises(DownloadError, match="refused"):
        download(address, tmp_path / FILE.name, FILE, attempts=1)
    assert list(tmp_path.iterdir()) == []


def test_disk_full(server, tmp_path):
    part = tmp_path / (FILE.name + ".part")
    try:
        part.symlink_to("/dev/full")  # Linux's device on which every write fails for lack of space
        part.open("wb").close()
    except OSError:
        pytest.skip("needs /dev/full")
    with pytest.raises(DataNotFound, match="No space left on device; free some space or set XDG_CACHE_HOME"):
        download(url(server, "good"), tmp_path / FILE.name, FILE)
    assert list(tmp_path.iterdir()) == []


def test_fetch_uses_the_next_address(server, cache):
    assert fetch(source(server, "missing", "corrupted", "good")) == cache
    assert [behavior for behavior, _ in server.requests] == ["missing", "corrupted", "good"]
    assert read_verified(cache / FILE.name, FILE) == CONTENT
    fetch(source(server, "missing"))
    assert len(server.requests) == 3  # what is there is not fetched again


def test_fetch_says_everything_that_failed(server, cache):
    with pytest.raises(DataNotFound) as caught:
        fetch(source(server, "missing", "page"))
    message = str(caught.value)
    for part in ("$JAXDL_DATA (not set)", str(cache), "/missing/numbers.gz: the server answered 404", "a web page"):
        assert part in message
    assert "put numbers.gz" in message
    assert "\n" not in message
    assert list(cache.iterdir()) == []


def test_fetch_without_a_writable_cache(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataNotFound, match=r"cannot write .*numbers: Not a directory"):
        fetch(source(server, "good"))


def test_two_at_once_download_once(server, cache):
    threads = [threading.Thread(target=fetch, args=(source(server, "slow"),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_verified(cache / FILE.name, FILE) == CONTENT
    if downloads.fcntl is not None:
        assert len(server.requests) == 1


def command(capsys, *words) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of `jaxdl data`."""
    code = cli.main(["data", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_fetches_once_and_checks_what_is_here(server, cache, monkeypatch, capsys):
    monkeypatch.setattr(data, "_SOURCES", {"numbers": source(server, "good")})
    assert re.search(r"^numbers +no ", command(capsys, "list")[1], re.M)
    for _ in range(2):
        assert command(capsys, "fetch", "numbers") == (0, f"numbers: {cache}\n", "")
    assert len(server.requests) == 1
    assert re.search(r"^numbers +yes ", command(capsys)[1], re.M)
    (cache / FILE.name).write_bytes(PACKED[:-9])
    code, out, err = command(capsys, "fetch", "numbers")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"jaxdl: .*numbers\.gz is damaged: truncated or damaged .*; remove or replace it .*\n", err)


@pytest.mark.parametrize(("behavior", "reason"), [("corrupted", "what arrived is damaged"), ("none", "refused")])
def test_the_command_keeps_nothing_damaged_and_tells_of_no_network_in_a_line(
    server, cache, monkeypatch, capsys, behavior, reason
):
    if behavior == "none":
        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
            wanted = source(closed, "good")
    else:
        wanted = source(server, behavior)
    monkeypatch.setattr(data, "_SOURCES", {"numbers": wanted})
    code, out, err = command(capsys, "fetch", "numbers")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert reason in err
    assert list(cache.iterdir()) == []


def test_the_command_knows_its_words(capsys):
    for words in (["fetch"], ["list", "iris"], ["iris"]):
        code, _, err = command(capsys, *words)
        assert (code, err.count("\n")) == (2, 1)
        assert "usage: jaxdl data [list | fetch NAME ...]" in err
    assert "did you mean 'iris'?" in command(capsys, "fetch", "irsi")[2]
