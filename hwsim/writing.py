"""Files are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to: what stands there takes the target's place at the end, and goes away where that is not reached.

    Readers see the old file or the new one, whenever this process is killed and whoever writes beside it. A device or a pipe is written
    as it is. Raises OSError where the folder cannot be written.
    """
    place = Path(os.path.realpath(target))
    if place.exists() and not place.is_file():
        yield place
        return
    partial = place.with_name(f".{secrets.token_hex(6)}.partial")
    try:
        yield partial
        if place.exists():
            shutil.copymode(place, partial)
        partial.replace(place)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
