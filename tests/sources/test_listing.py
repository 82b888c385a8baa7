from __future__ import annotations

import pytest

from envcheck import versions
from envcheck.errors import SourceError
from envcheck.sources.listing import Listing

TRACKED = frozenset(map(versions.normalize, ("torch", "transformers")))


def listing(path: str = "list.txt") -> Listing:
    return Listing(path, TRACKED)


def test_packages_are_sorted_and_the_others_are_texts() -> None:
    made = listing()
    made.add("Transformers", "4.37.2", "line 1")
    made.add("torch", "2.0.1+cu117", "line 2", "file", "https://a/b.whl")
    made.add("Some_Thing", "whatever", "line 3")

    found = made.environment("freeze", "3.10", "lines")

    assert list(found.packages) == ["torch", "transformers"]
    assert found.packages[versions.normalize("torch")] == (
        "torch",
        versions.version("2.0.1+cu117"),
        "line 2",
        "file",
        "https://a/b.whl",
        "",
        None,
    )
    assert dict(found.untracked) == {"some-thing": "whatever"}
    assert (found.origin, found.kind, found.python) == ("list.txt", "freeze", "3.10")
    assert (found.cuda, found.rocm) == ("11.7", "")
    assert (found.platform, found.executable) == (None, None)
    assert not found.complete
    assert not found.oddities


@pytest.mark.parametrize(
    ("first", "second", "odd"),
    [
        pytest.param(("2.0.1", "index"), ("2.0.1", "index"), False, id="the same"),
        pytest.param(("2.0.1", "index"), ("2.1.0", "index"), True, id="another version"),
        pytest.param(("", "vcs"), ("2.0.1", "index"), True, id="from elsewhere"),
    ],
)
def test_of_a_package_that_is_listed_twice_the_last_counts(
    first: tuple[str, str], second: tuple[str, str], odd: bool
) -> None:
    made = listing()
    made.add("torch", first[0], "line 1", first[1])
    made.add("torch", second[0], "line 2", second[1])

    found = made.environment("freeze", None, "lines")

    assert found.packages[versions.normalize("torch")].location == "line 2"
    details = [(each.kind, each.subject, each.packages, each.detail) for each in found.oddities]
    said = first[0] or "an unknown version"
    detail = (
        f"it is listed twice, as {said} (line 1) and {second[0]} (line 2); "
        "the last is taken, but pip would refuse it"
    )
    assert details == ([("duplicate", "torch", ("torch",), detail)] if odd else [])


@pytest.mark.parametrize("version", ["4.40.x", "latest", "9" * 5000, "\x1b[1m"])
def test_a_version_that_is_none_is_an_oddity(version: str) -> None:
    made = listing()
    made.add("torch", version, "line 1")

    found = made.environment("freeze", None, "lines")

    assert found.packages[versions.normalize("torch")].version is None
    (odd,) = found.oddities
    assert (odd.kind, odd.subject, odd.packages) == ("unreadable", "line 1", ("torch",))
    assert odd.detail.endswith(" is no version by PEP 440")
    assert odd.detail.isprintable()


def test_a_version_that_is_not_stated_is_no_oddity() -> None:
    made = listing()
    made.add("torch", "", "line 1", "vcs", "git+https://a")

    assert not made.environment("freeze", None, "lines").oddities


def test_a_password_is_not_passed_on() -> None:
    made = listing()
    made.add("torch", "", "line 1", "vcs", "git+https://me:secret@host/torch.git@v1")

    (torch,) = made.environment("freeze", None, "lines").packages.values()

    assert torch.reference == "git+https://****@host/torch.git@v1"


def test_many_oddities_are_only_counted() -> None:
    made = listing()
    made.add("torch", "2.0.1", "line 1")
    for number in range(2, 102):
        made.odd("unreadable", f"line {number}", "it is no requirement: x")

    found = made.environment("freeze", None, "lines")

    assert len(found.oddities) == 51
    assert found.oddities[-1].detail == "50 more lines can't be used"


def test_a_list_of_nothing_is_refused() -> None:
    with pytest.raises(SourceError) as caught:
        listing("a\nb").environment("freeze", None, "lines such as name==1.0")

    expected = r"a\x0ab lists no package with a version; expected lines such as name==1.0"
    assert str(caught.value) == expected


def test_a_list_of_nonsense_is_refused_without_quoting_it() -> None:
    made = listing("-")
    made.odd("unreadable", "line 1", "it is no requirement: !!")

    with pytest.raises(SourceError) as caught:
        made.environment("freeze", None, "lines")

    assert str(caught.value) == (
        "standard input lists no package with a version (first in doubt: line 1); expected lines"
    )
