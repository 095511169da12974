"""CIFAR-10 from a loopback server: the real archive's layout with a few images in it."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np
import pytest

from jaxflow.data.sources.tfds import TFDS
from jaxflow.data.tfds import cifar10, download
from jaxflow.errors import UserError

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files with Range, and breaks the first answer off half-way, or sends elsewhere, when told to."""

    break_off = False
    redirect = ""
    ranges: list = []  # noqa: RUF012

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if Handler.redirect:
            self.send_response(302)
            self.send_header("Location", Handler.redirect)
            self.end_headers()
            return
        with open(self.translate_path(self.path), "rb") as file:
            content = file.read()
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) // 2 if Handler.break_off and not wanted else len(content)
        Handler.break_off = False
        self.wfile.write(content[start:end])


@pytest.fixture
def records():
    generator = np.random.RandomState(0)
    sizes = {**{f"data_batch_{i}.bin": 4 for i in range(1, 6)}, "test_batch.bin": 3}
    return {
        name: np.concatenate([generator.randint(0, 10, (n, 1)), generator.randint(0, 256, (n, 3072))], 1).astype(
            np.uint8
        )
        for name, n in sizes.items()
    }


@pytest.fixture
def archive(records, tmp_path, monkeypatch):
    folder = tmp_path / "served"
    folder.mkdir()
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as tar:
        contents = {name: rows.tobytes() for name, rows in records.items()}
        for name, content in {**contents, "batches.meta.txt": "\n".join([*NAMES, "", ""]).encode()}.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(Handler, "ranges", [])
    monkeypatch.setattr(cifar10, "URL", f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz")
    monkeypatch.setattr(cifar10, "SHA256", hashlib.sha256((folder / "cifar-10-binary.tar.gz").read_bytes()).hexdigest())
    yield folder / "cifar-10-binary.tar.gz"
    server.shutdown()
    server.server_close()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tfds").mkdir()
    return tmp_path / "tfds"


def test_the_digest_is_the_one_that_tfds_registered():
    from importlib.resources import files

    registered = (files("tensorflow_datasets") / "url_checksums" / "cifar10.txt").read_text().split()
    assert registered[0] == cifar10.URL
    assert registered[2] == cifar10.SHA256


def test_download_prepare_and_read_back_every_pixel(archive, records, root):
    dataset = TFDS("cifar10", directory=str(root), validation=0.0).load()
    assert dataset.schema.target.names == tuple(NAMES)
    assert (root / "cifar10" / "3.0.2" / "dataset_info.json").exists()
    train = np.concatenate([records[f"data_batch_{i}.bin"] for i in range(1, 6)])
    for split, rows in {"train": train, "test": records["test_batch.bin"]}.items():
        loaded = dataset.splits[split]
        order = [int(name.rpartition("_")[2]) for name in loaded.ids]
        assert sorted(order) == list(range(len(rows)))
        np.testing.assert_array_equal(loaded.targets, rows[order, 0])
        pixels = rows[order, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(loaded.inputs, pixels)


def test_the_second_load_touches_neither_network_nor_images(archive, root):
    first = TFDS("cifar10", directory=str(root)).load()
    archive.unlink()
    second = TFDS("cifar10", directory=str(root)).load()
    assert first.splits["train"].ids == second.splits["train"].ids
    assert len(Handler.ranges) == 1


def test_an_interrupted_download_goes_on_where_it_broke_off(archive, root):
    Handler.break_off = True
    with pytest.raises(UserError, match=r"Three ways on: --data\.directory"):
        TFDS("cifar10", directory=str(root)).load()
    part = root / "downloads" / "cifar-10-binary.tar.gz.part"
    have = part.stat().st_size
    assert have == archive.stat().st_size // 2
    TFDS("cifar10", directory=str(root)).load()
    assert Handler.ranges == [None, f"bytes={have}-"]
    assert not part.exists()


def test_a_wrong_digest_is_refused_and_removed(archive, root, monkeypatch):
    monkeypatch.setattr(cifar10, "SHA256", "0" * 64)
    with pytest.raises(UserError, match=r"has SHA-256 .*, expected 0000"):
        TFDS("cifar10", directory=str(root)).load()
    assert not any(path.is_file() for path in root.rglob("*"))


def test_without_a_network_the_three_ways_on_are_named(root, monkeypatch):
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")
    with pytest.raises(UserError) as error:
        TFDS("cifar10", directory=str(root)).load()
    for way in ("--data.directory", "a network", "experiments/digits_cnn.py"):
        assert way in str(error.value)


def test_a_download_shows_how_far_it_is(archive, tmp_path, monkeypatch):
    shown = []
    real = download.bar

    def spy(*columns):
        progress = real(*columns)
        update = progress.update
        progress.update = lambda task, **fields: (shown.append(fields["completed"]), update(task, **fields))
        return progress

    monkeypatch.setattr(download, "bar", spy)
    monkeypatch.setattr(download, "CHUNK", 4096)
    download.download(cifar10.URL, tmp_path / "file", cifar10.SHA256, cifar10.MAX_BYTES)
    assert len(shown) > 3
    assert shown == sorted(shown)


def test_a_download_that_is_too_large_is_refused_and_removed(archive, tmp_path, monkeypatch):
    size = archive.stat().st_size
    with pytest.raises(UserError, match=f"sends {size:,} bytes or more, where {size - 1:,} were expected"):
        download.download(cifar10.URL, tmp_path / "new" / "file", cifar10.SHA256, size - 1)
    monkeypatch.setattr(download, "CHUNK", 100)
    monkeypatch.setattr(Handler, "send_header", lambda self, *header: None)  # it says no length beforehand
    with pytest.raises(UserError, match="sends 300 bytes or more, where 250 were expected"):
        download.download(cifar10.URL, tmp_path / "new" / "file", cifar10.SHA256, 250)
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:text/plain,a"])
def test_only_http_is_downloaded_and_followed(address, archive, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is no address of http or https"):
        download.download(address, tmp_path / "file", "0" * 64, 1000)
    monkeypatch.setattr(Handler, "redirect", address)
    with pytest.raises(ConnectionError, match=r"is not followed|is not allowed"):
        download.download(cifar10.URL, tmp_path / "file", "0" * 64, 1000)
    assert not (tmp_path / "file").exists()
