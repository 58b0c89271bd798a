from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.device import available
from hwsim.device.library import find, shipped_folder
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
