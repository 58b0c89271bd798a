"""From what the user typed to a parsed ONNX file: nothing outside that one file is ever opened."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import ModelError, nearest
from hwsim.onnx_io.names import printable

if TYPE_CHECKING:
    import onnx

#: protobuf cannot hold more than 2 GiB; larger files keep their weights outside.
MAX_FILE_BYTES = 2**31


def _wheel_folder() -> Path | None:
    found = importlib.util.find_spec("onnx")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "backend" / "test" / "data" / "light"
    return folder if folder.is_dir() else None


def wheel_models() -> tuple[str, ...]:
    """Short names of the real networks that come with the onnx package (``light_resnet50``, ...)."""
    folder = _wheel_folder()
    return () if folder is None else tuple(sorted(path.stem for path in folder.glob("light_*.onnx")))


def resolve(source: str | os.PathLike[str]) -> Path:
    """The file that is meant: a path, or a short name (``resnet50``, ``light_resnet50``) of a graph in the onnx package.

    Raises ModelError where there is no such file, naming the nearest thing there is.
    """
    path, text = Path(source), os.fspath(source)
    try:
        if path.is_dir():
            raise ModelError(f"{printable(text)}: is a directory; give the .onnx file inside it")
        if path.exists():
            if not path.is_file():
                raise ModelError(f"{printable(text)}: is not a regular file")
            return path
    except (OSError, ValueError) as problem:
        raise ModelError(f"{printable(text)}: cannot be a path ({printable(str(problem))})") from None
    known = wheel_models()
    folder = _wheel_folder()
    for name in (text, f"light_{text}"):
        if folder is not None and name in known:
            return folder / f"{name}.onnx"
    raise ModelError(f"{printable(text)}: no such file, and no network of that name{_suggestion(path, known)}")


def _suggestion(path: Path, known: tuple[str, ...]) -> str:
    try:
        beside = [child.name for child in path.parent.iterdir() if child.suffix == ".onnx"]
    except OSError:
        beside = []
    short = [name.removeprefix("light_") for name in known]
    return (
        nearest(path.name, beside) or nearest(path.name, [*known, *short]) or f" (networks at hand: {', '.join(known)})"
    )


def load(source: str | os.PathLike[str]) -> tuple[onnx.ModelProto, str]:
    """The parsed file and the SHA-256 of its bytes; external data stays where it is.

    Raises ModelError in one line where it cannot be read or is no ONNX.
    """
    path = resolve(source)
    where = printable(os.fspath(source))
    try:
        size = path.stat().st_size
        if size == 0:
            raise ModelError(f"{where}: is empty; was the download or the export interrupted?")
        if size >= MAX_FILE_BYTES:
            raise ModelError(
                f"{where}: {size} bytes; ONNX files hold less than 2 GiB, larger weights go to external data"
            )
        content = path.read_bytes()
    except OSError as problem:
        raise ModelError(f"{where}: cannot be read ({problem.strerror or problem})") from None
    return parse(content, where), hashlib.sha256(content).hexdigest()


def parse(content: bytes, where: str) -> onnx.ModelProto:
    """The ModelProto in ``content``; raises ModelError in one line where there is none."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, RecursionError, UnicodeDecodeError):
        raise ModelError(f"{where}: {_looks_like(content)}") from None
    if not model.HasField("graph"):
        raise ModelError(f"{where}: holds no graph: not an ONNX model ({_looks_like(content)})")
    return model


def is_text(message: onnx.ModelProto) -> bool:
    """Whether every string in a message is text; protobuf hands over bytes where one is not UTF-8."""
    pending: list[Any] = [message]
    while pending:
        for field, value in pending.pop().ListFields():
            items = list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
            if field.type == field.TYPE_STRING and any(isinstance(item, bytes) for item in items):
                return False
            if field.type == field.TYPE_MESSAGE:
                pending.extend(items)
    return True


def _looks_like(content: bytes) -> str:
    start = content[:64]
    known = {
        b"\x89HDF": "an HDF5 file (a Keras model?); export it to ONNX first",
        b"PK\x03\x04": "a zip archive (a PyTorch checkpoint?); export the model to ONNX first",
        b"\x1f\x8b": "gzip data; unpack it first",
        b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with 'git lfs pull'",
        b"<": "text (a web page?), not an ONNX file",
    }
    for magic, meaning in known.items():
        if start.startswith(magic):
            return f"looks like {meaning}"
    if start[4:8] == b"TFL3":
        return "looks like a TensorFlow Lite file; convert it to ONNX first"
    if start[4:8] == b"ORTM":
        return "looks like an ORT-format file; give the .onnx it was made from"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return "looks like text, not an ONNX file"
    return "is not a readable ONNX file: truncated, corrupt, or another format"
