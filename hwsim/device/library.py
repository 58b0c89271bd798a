"""Where profiles lie: shipped with hwsim, and in the folders of ``HWSIM_DEVICE_PATH``."""

from __future__ import annotations

import os
from pathlib import Path

from hwsim.errors import ProfileError, nearest
from hwsim.errors.plugins import DEVICES, plugins

SUFFIXES = (".yaml", ".yml")


def shipped_folder(package: Path | None = None) -> Path:
    """The folder of shipped profiles: inside the package in an installed wheel, beside it in a checkout.

    package : folder of the hwsim package.
    """
    package = package or Path(__file__).resolve().parents[1]
    inside = package / "device_profiles"
    return inside if inside.is_dir() else package.parent / "device_profiles"


def folders() -> tuple[Path, ...]:
    """Folders that are searched for profiles, first match wins: those of ``HWSIM_DEVICE_PATH``, the shipped ones, those of plugins.

    A plugin is an entry point of the group ``hwsim.devices`` that is a path.
    """
    given = os.environ.get("HWSIM_DEVICE_PATH", "")
    own = (*(Path(part).expanduser() for part in given.split(os.pathsep) if part), shipped_folder())
    return (*own, *(Path(content) for _, content in plugins(DEVICES)))


def available() -> tuple[str, ...]:
    """Names of all profiles that can be loaded by name, sorted."""
    names = {
        path.stem for folder in folders() if folder.is_dir() for path in folder.iterdir() if path.suffix in SUFFIXES
    }
    return tuple(sorted(names))


def find(name_or_path: str | os.PathLike[str], base: Path | None = None) -> Path:
    """The file of a profile.

    name_or_path : a name, or a path (it has a separator, ends in .yaml or .yml, or is no str), relative to ``base`` or the working
    directory. Raises ProfileError with the nearest name.
    """
    try:
        return _found(name_or_path, base)
    except (OSError, RuntimeError) as error:  # a name too long for a file, the home of a user that there is not
        text = os.fspath(name_or_path)
        raise ProfileError(f"{text[:80]}: no such device ({getattr(error, 'strerror', None) or error})") from None


def _found(name_or_path: str | os.PathLike[str], base: Path | None) -> Path:
    text = os.fspath(name_or_path)
    is_path = not isinstance(name_or_path, str) or text.endswith(SUFFIXES) or os.sep in text or "/" in text
    if is_path:
        path = Path(text).expanduser()
        path = base / path if base else path
        if path.is_file():
            return path
        known = nearest(path.stem, available())
        raise ProfileError(f"{text}: {'is a folder' if path.is_dir() else 'no such file'}{known}")
    for folder in folders():
        for suffix in SUFFIXES:
            path = folder / f"{text}{suffix}"
            if path.is_file():
                return path
    if text and Path(text).exists():
        raise ProfileError(
            f"{text}: not a device profile: a file ending in .yaml is one (hwsim device check FILE says what is wrong)"
        )
    names = available()
    hint = nearest(text, names) or " (hwsim devices lists them; a file is given by its path)"
    raise ProfileError(f"{text or '(empty name)'}: no such device{hint}")
