from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, Any

import importlib_metadata
import pytest
from builders import distribution, metadata, write

from envcheck import versions
from envcheck.sources import site_packages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envcheck.model import Package

TRACKED = frozenset(
    map(versions.normalize, ("torch", "transformers", "flash-attn", "legacy", "moellava"))
)


def scan(*site: Path, before: Iterable[Path] = ()) -> site_packages.Scan:
    return site_packages.scan([str(each) for each in before], [str(each) for each in site], TRACKED)


def package(found: site_packages.Scan, name: str) -> Package:
    return found.packages[versions.normalize(name)]


def version(found: site_packages.Scan, name: str) -> str:
    return str(package(found, name).version)


def oddities(found: site_packages.Scan) -> list[tuple[str, str, str]]:
    return [(each.kind, each.subject, each.detail) for each in found.oddities]


def info(folder: Path, stem: str, name: str, number: str) -> None:
    """Write metadata below a folder of any name."""
    egg = stem.endswith(".egg-info")
    write(folder / stem / ("PKG-INFO" if egg else "METADATA"), metadata(name, number))


def test_a_tracked_package_is_read_fully(tmp_path: Path) -> None:
    distribution(
        tmp_path,
        "transformers",
        "4.37.2",
        requires=["tokenizers<0.19,>=0.14", "deepspeed; extra == 'deepspeed'"],
        installer="uv",
        direct={"url": "https://a/b", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
    )

    found = scan(tmp_path)

    assert dict(found.packages) == {
        "transformers": (
            "transformers",
            versions.version("4.37.2"),
            str(tmp_path),
            "vcs",
            "git+https://a/b@abc",
            "uv",
            ("tokenizers<0.19,>=0.14", "deepspeed; extra == 'deepspeed'"),
        )
    }
    assert found.installers == {"uv"}
    assert found.complete
    assert not found.oddities
    assert found.folders == [str(tmp_path)]


def test_other_packages_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in [("numpy", "1.26.4"), ("Foo.Bar", "1.0"), ("a__b", "2!1.0.post1+l.1")]:
        info(tmp_path, f"{name}-{number}.dist-info", name, number)
    info(tmp_path, "dbus_python-1.3.2.egg-info", "dbus-python", "1.3.2")
    info(tmp_path, "x-1.2-py3.11.egg-info", "x", "1.2")
    monkeypatch.setattr(os, "open", None)

    assert scan(tmp_path).untracked == {
        "numpy": "1.26.4",
        "foo-bar": "1.0",
        "a-b": "2!1.0.post1+l.1",
        "dbus-python": "1.3.2",
        "x": "1.2",
    }


NAMES = [
    pytest.param("legacy-1.0_1.dist-info", "legacy", "1.0-1", "1.0.post1", id="old post release"),
    pytest.param("legacy.dist-info", "legacy", "2.0", "2.0", id="no version"),
    pytest.param("legacy.egg-info", "legacy", "2.0", "2.0", id="no version, egg"),
    pytest.param("legacy-2.0-py3.10.egg-info", "legacy", "2.0", "2.0", id="Python's version"),
    pytest.param("legacy-2.0-py3.10-linux.egg-info", "legacy", "2.0", "2.0", id="and platform"),
    pytest.param("Legacy-2.0.dist-info", "Legacy", "2.0", "2.0", id="capital letters"),
    pytest.param("legacy-v2.dist-info", "legacy", "2.0", "2.0", id="a letter first"),
    pytest.param("flash-attn-2.3.0.dist-info", "flash_attn", "2.3.0", "2.3.0", id="dashes"),
    pytest.param(
        "torch-2.0.1.dist-info", "torch", "2.0.1+cu117", "2.0.1+cu117", id="METADATA knows"
    ),
    pytest.param("torch-2.0.1+cu117.dist-info", "torch", "2.0.1+cu117", "2.0.1+cu117", id="label"),
]


@pytest.mark.parametrize(("stem", "name", "number", "expected"), NAMES)
def test_whatever_the_folder_is_called(
    tmp_path: Path, stem: str, name: str, number: str, expected: str
) -> None:
    info(tmp_path, stem, name, number)

    found = scan(tmp_path)

    assert version(found, name) == expected
    assert not found.oddities


def test_a_doubtful_name_of_another_package_is_looked_up(tmp_path: Path) -> None:
    info(tmp_path, "other-1.0_1.dist-info", "other", "1.0-1")
    info(tmp_path, "noversion.egg-info", "noversion", "3.0")
    (tmp_path / "nothing.egg-info").mkdir()

    assert scan(tmp_path).untracked == {"other": "1.0-1", "noversion": "3.0", "nothing": ""}


DAMAGED = [
    pytest.param({}, "it has no METADATA", id="no METADATA"),
    pytest.param({"METADATA": ""}, "its METADATA is empty", id="empty"),
    pytest.param({"METADATA": b"\xff\xff"}, "its METADATA is not UTF-8 text", id="undecodable"),
    pytest.param({"METADATA": "Name: torch\n"}, "its METADATA has no Version", id="no version"),
    pytest.param(
        {"METADATA": metadata("numpy", "1.26.4")}, "its metadata is that of numpy", id="another's"
    ),
]


@pytest.mark.parametrize(("files", "problem"), DAMAGED)
def test_a_damaged_package_is_listed_with_the_version_of_its_folder(
    tmp_path: Path, files: dict[str, str | bytes], problem: str
) -> None:
    (tmp_path / "torch-2.0.1.dist-info").mkdir()
    for name, text in files.items():
        write(tmp_path / "torch-2.0.1.dist-info" / name, text)

    found = scan(tmp_path)

    assert version(found, "torch") == "2.0.1"
    assert package(found, "torch").requires is None
    detail = f"torch-2.0.1.dist-info in {tmp_path} is damaged: {problem}"
    assert oddities(found) == [("unreadable", "torch", detail)]
    assert found.oddities[0].packages == ("torch",)


def test_a_damaged_package_without_a_version_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "torch.dist-info").mkdir()

    assert package(scan(tmp_path), "torch").version is None


@pytest.mark.parametrize(
    "number", ["1.0-custom build", "9" * 300, "9" * 5000, "[red]1", "\x1b[31m"]
)
def test_a_version_that_is_none_is_an_oddity(tmp_path: Path, number: str) -> None:
    info(tmp_path, "torch-2.dist-info", "torch", number)

    found = scan(tmp_path)

    assert package(found, "torch").version is None
    assert package(found, "torch").requires == ()
    assert [each.kind for each in found.oddities] == ["unreadable"]
    assert f"its version {number} is none by PEP 440" in found.oddities[0].detail


LEFT_OVER = [
    pytest.param("~ransformers-4.37.2.dist-info", ("transformers",), id="pip"),
    pytest.param("~~ansformers-4.37.2.dist-info", (), id="pip, the second time"),
    pytest.param("-ransformers-4.37.2.dist-info", ("transformers",), id="old pip"),
    pytest.param("~ip-23.0.dist-info", (), id="another package"),
    pytest.param("~lash_attn-2.3.0.egg-info", ("flash-attn",), id="egg-info"),
    pytest.param(".dist-info", (), id="no name"),
]


@pytest.mark.parametrize(("stem", "packages"), LEFT_OVER)
def test_what_an_interrupted_installation_left_is_no_package(
    tmp_path: Path, stem: str, packages: tuple[str, ...]
) -> None:
    info(tmp_path, stem, "transformers", "4.37.2")

    found = scan(tmp_path)

    assert not found.packages
    assert not found.untracked
    detail = f"{stem} in {tmp_path} was left behind by an interrupted installation"
    assert oddities(found) == [("leftover", stem, detail)]
    assert found.oddities[0].packages == packages


def test_an_earlier_folder_hides_a_later_one(tmp_path: Path) -> None:
    distribution(tmp_path / "first", "torch", "2.0.1")
    distribution(tmp_path / "second", "torch", "2.1.0")
    distribution(tmp_path / "first", "numpy", "1.26.4")
    distribution(tmp_path / "second", "numpy", "2.0.0")

    found = scan(tmp_path / "first", tmp_path / "second")

    assert version(found, "torch") == "2.0.1"
    assert found.untracked == {"numpy": "1.26.4"}
    detail = (
        f"2.0.1 in {tmp_path}/first comes first on the path and hides 2.1.0 in {tmp_path}/second"
    )
    assert oddities(found) == [("duplicate", "torch", detail)]


def test_the_same_version_twice_is_nothing_to_speak_of(tmp_path: Path) -> None:
    distribution(tmp_path / "first", "torch", "2.0.1")
    distribution(tmp_path / "second", "torch", "2.0.1")

    assert not scan(tmp_path / "first", tmp_path / "second").oddities


def test_two_versions_in_one_folder_are_said_to_be_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "torch", "2.0.1")
    distribution(tmp_path, "torch", "2.1.0")
    listing = ["torch-2.1.0.dist-info", "torch", "torch-2.0.1.dist-info"]
    monkeypatch.setattr(os, "listdir", lambda _: listing)

    found = scan(tmp_path)

    assert version(found, "torch") == "2.1.0"
    detail = (
        f"Python finds 2.1.0 in {tmp_path}, but there is also 2.0.1 in {tmp_path}; "
        "to which of them the code belongs can't be told, so reinstall it"
    )
    assert oddities(found) == [("duplicate", "torch", detail)]


def test_sound_metadata_goes_before_damaged_metadata(tmp_path: Path) -> None:
    (tmp_path / "first" / "torch.dist-info").mkdir(parents=True)
    distribution(tmp_path / "second", "torch", "2.1.0")

    found = scan(tmp_path / "first", tmp_path / "second")

    assert version(found, "torch") == "2.1.0"
    assert [each.kind for each in found.oddities] == ["unreadable", "duplicate"]
    assert "an unknown version in" in found.oddities[1].detail


def test_conda_s_record_of_where_it_built_a_package_is_no_origin(tmp_path: Path) -> None:
    direct = {"url": "file:///croot/torch_1702400/work", "dir_info": {}}
    distribution(tmp_path, "torch", "2.0.1", installer="conda", direct=direct)

    assert package(scan(tmp_path), "torch").origin == "index"


def test_a_development_install_is_editable(tmp_path: Path) -> None:
    source = tmp_path / "source"
    info(source, "MoELLaVA.egg-info", "MoELLaVA", "1.0.0")
    write(tmp_path / "site" / "easy-install.pth", f"{source}\n")
    write(tmp_path / "site" / "MoELLaVA.egg-link", f"{source}\n.")

    found = package(scan(tmp_path / "site"), "moellava")

    assert (found.origin, found.reference) == ("editable", str(source))
    assert found.location == str(source)


def test_an_egg_link_beside_its_metadata_makes_it_editable(tmp_path: Path) -> None:
    info(tmp_path, "torch.egg-info", "torch", "2.0.1")
    write(tmp_path / "torch.egg-link", "/src/torch\n")

    found = package(scan(tmp_path), "torch")

    assert (found.origin, found.reference) == ("editable", "/src/torch")


def test_a_working_copy_on_pythonpath_is_editable(tmp_path: Path) -> None:
    info(tmp_path / "src", "transformers.egg-info", "transformers", "4.38.0.dev0")
    distribution(tmp_path / "site", "transformers", "4.37.2")

    found = scan(tmp_path / "site", before=[tmp_path / "src"])

    assert version(found, "transformers") == "4.38.0.dev0"
    assert package(found, "transformers").origin == "editable"
    assert [each.kind for each in found.oddities] == ["duplicate"]


def test_an_egg_info_with_a_version_was_installed(tmp_path: Path) -> None:
    info(tmp_path / "target", "torch-2.0.1-py3.10.egg-info", "torch", "2.0.1")

    assert package(scan(before=[tmp_path / "target"]), "torch").origin == "index"


@pytest.mark.parametrize("child", ["transformers/__init__.py", "transformers.py"])
def test_code_on_pythonpath_shadows_what_is_installed(tmp_path: Path, child: str) -> None:
    write(tmp_path / "src" / child)
    distribution(tmp_path / "site", "transformers", "4.37.2")

    found = scan(tmp_path / "site", before=[tmp_path / "src"])

    source = tmp_path / "src" / child.removesuffix("/__init__.py")
    detail = f"{source} is on PYTHONPATH and is imported in place of what is installed"
    assert oddities(found) == [("shadowed", "transformers", detail)]


def test_code_on_pythonpath_without_metadata_has_no_version(tmp_path: Path) -> None:
    write(tmp_path / "src" / "transformers" / "__init__.py")
    distribution(tmp_path / "site", "torch", "2.0.1")

    found = scan(tmp_path / "site", before=[tmp_path / "src"])

    detail = f"{tmp_path}/src/transformers is on PYTHONPATH, but without metadata its version can't be told"
    assert oddities(found) == [("shadowed", "transformers", detail)]


def test_the_working_copy_of_an_editable_install_shadows_nothing(tmp_path: Path) -> None:
    for name in ("a repo", "a repo 2"):
        write(tmp_path / name / "src" / "transformers" / "__init__.py")
    direct = {"url": f"file://{tmp_path}/a%20repo", "dir_info": {"editable": True}}
    distribution(tmp_path / "site", "transformers", "4.37.2", direct=direct)

    assert not scan(tmp_path / "site", before=[tmp_path / "a repo" / "src"]).oddities
    assert scan(tmp_path / "site", before=[tmp_path / "a repo 2" / "src"]).oddities


def test_a_folder_of_data_shadows_nothing(tmp_path: Path) -> None:
    write(tmp_path / "src" / "transformers" / "data.json")
    write(tmp_path / "src" / "torch")
    distribution(tmp_path / "src", "legacy", "1.0")
    distribution(tmp_path / "site", "transformers", "4.37.2")

    assert not scan(tmp_path / "site", before=[tmp_path / "src"]).oddities


def test_eggs_on_the_path_are_packages(tmp_path: Path) -> None:
    zipped = tmp_path / "site" / "torch-2.0.1-py3.10.egg"
    zipped.parent.mkdir()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", metadata("torch", "2.0.1"))
    folder = tmp_path / "site" / "transformers-4.37.2-py3.10.egg"
    write(folder / "EGG-INFO" / "PKG-INFO", metadata("transformers", "4.37.2"))
    write(tmp_path / "site" / "numpy-1.26.4.egg")
    write(
        tmp_path / "site" / "easy-install.pth",
        f"./{zipped.name}\n./{folder.name}\n./numpy-1.26.4.egg\n",
    )

    found = scan(tmp_path / "site")

    assert version(found, "torch") == "2.0.1"
    assert version(found, "transformers") == "4.37.2"
    assert package(found, "torch").location == str(zipped)
    assert found.untracked == {"numpy": "1.26.4"}


def test_a_broken_egg_is_listed_as_damaged(tmp_path: Path) -> None:
    egg = write(tmp_path / "torch-2.0.1-py3.10.egg", "no archive")

    found = scan(egg)

    assert version(found, "torch") == "2.0.1"
    assert "it is no zip archive" in found.oddities[0].detail


def test_a_folder_that_cannot_be_read_leaves_the_environment_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listdir = os.listdir

    def denied(path: Any) -> list[str]:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return list(listdir(path))

    (tmp_path / "closed").mkdir()
    distribution(tmp_path / "site", "torch", "2.0.1")
    monkeypatch.setattr(os, "listdir", denied)

    found = scan(tmp_path / "closed", tmp_path / "site")

    assert not found.complete
    assert version(found, "torch") == "2.0.1"
    detail = "the folder can't be read: Permission denied"
    assert oddities(found) == [("unreadable", str(tmp_path / "closed"), detail)]


def test_everything_else_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    for name in ("a-info", "some.other-info", "torch", "README", "x.dist-info.txt"):
        write(tmp_path / name)

    found = scan(tmp_path)

    assert not found.packages
    assert not found.untracked
    assert not found.oddities


ORACLE = {
    "Foo.Bar-1.0.dist-info": ("Foo.Bar", "1.0"),
    "torch-2.0.1+cu117.dist-info": ("torch", "2.0.1+cu117"),
    "transformers-4.37.2.dist-info": ("transformers", "4.37.2"),
    "legacy-1.0_1.dist-info": ("legacy", "1.0-1"),
    "flash_attn-2.3.0.dist-info": ("flash_attn", "2.3.0"),
    "x-1.2-py3.11.egg-info": ("x", "1.2"),
    "moellava.egg-info": ("moellava", "1.0.0"),
    "numpy-1.26.4.dist-info": ("numpy", "1.26.4"),
}

FILES = ("METADATA", "PKG-INFO", "")


def test_importlib_metadata_finds_the_same(tmp_path: Path) -> None:
    for folder, skip in (("first", {"numpy-1.26.4.dist-info"}), ("second", set())):
        for stem, (name, number) in ORACLE.items():
            if stem not in skip:
                info(tmp_path / folder, stem, name, number)
    info(tmp_path / "second", "torch-2.1.0.dist-info", "torch", "2.1.0")
    info(tmp_path / "second", "transformers-4.40.0.dist-info", "transformers", "4.40.0")
    for number in ("4.36.0", "4.35.0", "4.34.0"):
        info(tmp_path / "first", f"transformers-{number}.dist-info", "transformers", number)
    (tmp_path / "first" / "transformers-4.33.0.dist-info").mkdir()
    write(tmp_path / "first" / "single-3.0.egg-info", metadata("single", "3.0"))
    path = [str(tmp_path / "first"), str(tmp_path / "second")]

    found = scan(tmp_path / "first", tmp_path / "second")

    for name in [*(name for name, _ in ORACLE.values()), "single"]:
        everywhere = importlib_metadata.distributions(name=name, path=path)
        wins = next(each for each in everywhere if any(map(each.read_text, FILES)))
        normal = versions.normalize(name)
        own = found.packages.get(normal)
        if own is None:
            assert wins.version == found.untracked[normal]
        else:
            assert own.version == versions.version(wins.version)
            assert own.location == str(wins.locate_file(""))
