from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.device import available
from hwsim.device.library import find, folders, shipped_folder
from hwsim.errors import ProfileError
from tests.device.profiles import TINY, write


def test_a_checkout_has_its_profiles_beside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "hwsim"
    package.mkdir()
    assert shipped_folder(package) == tmp_path / "device_profiles"


def test_an_installed_package_has_them_inside(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "hwsim"
    (package / "device_profiles").mkdir(parents=True)
    assert shipped_folder(package) == package / "device_profiles"


def test_names_are_found_and_sorted() -> None:
    names = available()
    assert list(names) == sorted(names)
    assert {"eyeriss_v1", "hcm_28nm", "tpu_v1", "a100_sxm_80g", "edge_tpu"} <= set(names)


def test_folders_of_the_environment_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = write(tmp_path, TINY, "eyeriss_v1")
    write(tmp_path, TINY, "my_chip")
    monkeypatch.setenv("HWSIM_DEVICE_PATH", str(tmp_path))
    assert find("eyeriss_v1") == mine
    assert "my_chip" in available()


def test_a_folder_of_the_environment_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWSIM_DEVICE_PATH", "/no/such/folder")
    assert "eyeriss_v1" in available()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("eyeris_v1", "eyeris_v1: no such device (did you mean eyeriss_v1?)"),
        ("zzzzzz", "zzzzzz: no such device (hwsim devices lists them; a file is given by its path)"),
        ("", "(empty name): no such device (hwsim devices lists them; a file is given by its path)"),
        ("./eyeris_v1.yaml", "./eyeris_v1.yaml: no such file (did you mean eyeriss_v1?)"),
        ("zzz/zzz", "zzz/zzz: no such file"),
    ],
)
def test_what_is_not_there_is_said_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ProfileError) as caught:
        find(name)
    assert str(caught.value) == message


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="is a folder"):
        find(tmp_path)


def test_importing_the_room_imports_neither_pydantic_nor_yaml() -> None:
    code = "import sys, hwsim.device; hwsim.device.available(); print({'pydantic', 'yaml', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", ["tiny.yaml", "tiny.yml", "./tiny", "a/tiny", Path("tiny")])
def test_what_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | Path) -> None:
    """A separator, an ending, or a path object; from the working directory, or from where it is asked for."""
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "a"):
        folder.mkdir(exist_ok=True)
        for file in ("tiny", "tiny.yaml", "tiny.yml"):
            (folder / file).write_text("x")
    assert find(name) == Path(name)
    away = tmp_path / "b"
    (away / "a").mkdir(parents=True)
    with pytest.raises(ProfileError, match=r": no such file"):
        find(name, away)
    (away / name).write_text("x")
    assert find(name, away) == away / name


def test_a_name_is_no_file_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").write_text("x")
    with pytest.raises(ProfileError, match=r"^tiny: not a device profile: a file ending in \.yaml is one"):
        find("tiny")
    monkeypatch.setenv("HWSIM_DEVICE_PATH", f"{tmp_path / 'a'}{os.pathsep}{os.pathsep}{tmp_path / 'b'}")
    for folder in "ab":
        (tmp_path / folder).mkdir()
    (tmp_path / "b" / "tiny.yml").write_text("x")
    assert find("tiny") == tmp_path / "b" / "tiny.yml" and "tiny" in available()
    (tmp_path / "b" / "tiny.yaml").write_text("x")
    assert find("tiny") == tmp_path / "b" / "tiny.yaml"
    (tmp_path / "a" / "tiny.yml").write_text("x")
    (tmp_path / "a" / "other.txt").write_text("x")
    assert find("tiny") == tmp_path / "a" / "tiny.yml" and "other" not in available()
    assert [str(folder) for folder in folders()[:2]] == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert folders()[2] == shipped_folder()


def test_a_name_that_is_too_long_is_told_in_part() -> None:
    with pytest.raises(ProfileError) as caught:
        find("n" * 5000)
    assert str(caught.value) == f"{'n' * 80}: no such device (File name too long)"
    with pytest.raises(ProfileError, match=r"^~nobody_at_all/x: no such device \(Could not determine home directory"):
        find("~nobody_at_all/x")
