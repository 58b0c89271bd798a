"""What the user typed, and what it turned out to be."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.errors import ModelError
from hwsim.onnx_io import read, resolve, wheel_models
from tests.onnx_io.build import floats, model, node

GOOD = model([node("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, weights={"w": floats(4, 3, 3, 3)}).SerializeToString()


def test_short_names() -> None:
    assert len(wheel_models()) == 9
    assert resolve("resnet50") == resolve("light_resnet50")
    assert resolve("resnet50").name == "light_resnet50.onnx"


def test_a_path_and_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(GOOD)
    network = read(path)
    assert (network.name, network.sha256) == ("net", hashlib.sha256(GOOD).hexdigest())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"layer,macs\nconv,3\n" * 9, "text"),
        (b"<html><body>Not found</body></html>", "text|web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"PK\x03\x04" + b"\xff" * 90, "PyTorch"),
        (b"\x89HDF\r\n\x1a\n" + b"\xff" * 90, "HDF5"),
        (b"\x1c\x00\x00\x00TFL3" + b"\xff" * 90, "TensorFlow Lite"),
        (GOOD[: len(GOOD) // 2], "truncated, corrupt"),
        (bytes(range(256)) * 20, "not a readable ONNX file|holds no graph"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_no_such_file_suggests_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mobilenet.onnx").write_bytes(GOOD)
    with pytest.raises(ModelError, match=r"did you mean mobilenet\.onnx"):
        read(tmp_path / "mobilenett.onnx")
    with pytest.raises(ModelError, match=r"did you mean .*resnet50"):
        read("resnet_50")
    with pytest.raises(ModelError, match="is a directory"):
        read(tmp_path)
    with pytest.raises(ModelError, match="networks at hand: light_"):
        read("zzzz")


def test_a_null_byte_is_no_path() -> None:
    with pytest.raises(ModelError):
        read("a\0b")


def test_importing_the_room_does_not_import_onnx() -> None:
    code = "import sys, hwsim.onnx_io; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
