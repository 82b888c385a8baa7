from __future__ import annotations

import re
from typing import Any

import packaging
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging import requirements
from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from envcheck import versions

PACKAGING = Version(packaging.__version__)

CONTAINED = [
    pytest.param("", "1.0", True, id="the empty specifier admits everything"),
    pytest.param(" , ", "1.0", True, id="so does one of commas"),
    pytest.param("==2.5.1", "2.5.1+cu124", True, id="a build is its version"),
    pytest.param("!=2.5.1", "2.5.1+cu124", False, id="also where it is excluded"),
    pytest.param("<=2.5.1", "2.5.1+cu124", True, id="a build is not above its version"),
    pytest.param(">2.5.1", "2.5.1+cu124", False, id="so it isn't greater either"),
    pytest.param("==2.5.1+cu121", "2.5.1+cu124", False, id="unless the specifier names a build"),
    pytest.param("==2.5.1+cu124", "2.5.1", False, id="which a version without one isn't"),
    pytest.param("<5.0", "5.0.0rc1", False, id="a pre-release isn't below its version"),
    pytest.param("<5.0rc2", "5.0.0rc1", True, id="but below a later pre-release"),
    pytest.param(">=5.0", "5.0.0rc1", False, id="nor has it reached it"),
    pytest.param("<5.0", "5.0.dev0", False, id="nor is a working copy of it below"),
    pytest.param("<=5.0", "5.0rc1", True, id="inclusive is as the order says"),
    pytest.param("<5.0.post1", "5.0rc1", True, id="a pre-release of another version is below"),
    pytest.param(">4.46", "4.46.post1", False, id="a post-release isn't above its version"),
    pytest.param(">4.46", "4.46.0.post1", False, id="however long it is written"),
    pytest.param(">4.46", "4.46.1", True, id="a micro release is"),
    pytest.param(">4.46.post1", "4.46.post2", True, id="nor above an earlier post-release"),
    pytest.param(">4.46rc1", "4.46.post1", True, id="but above a pre-release"),
    pytest.param(">4.46rc1", "4.46rc1.post1", False, id="whose own post-releases aren't"),
    pytest.param(
        ">2.5.0rc1", "2.5.0+cu124", True, id="a build of the release is above a candidate"
    ),
    pytest.param(">2.5.0.dev1", "2.5.0", True, id="the release is above a working copy"),
    pytest.param("!=1.0", "1.0.post1", True, id="a bare exclusion leaves the post-release in"),
    pytest.param("!=1.0.*", "1.0.post1", False, id="a family leaves it out"),
    pytest.param("==4.46.*", "4.46", True, id="the first of a family"),
    pytest.param("==4.46.0.*", "4.46", True, id="padded with zeros"),
    pytest.param("==4.46.*", "4.46.0rc1", True, id="pre-releases are of the family"),
    pytest.param("==4.4.*", "4.46.0", False, id="parts are numbers, not text"),
    pytest.param("==v4.46.*", "4.46.1", True, id="with the letter v"),
    pytest.param("==1!4.46.*", "4.46.1", False, id="epochs differ"),
    pytest.param("~=2.2", "2.9", True, id="compatible release"),
    pytest.param("~=2.2", "3.0", False, id="not a compatible one"),
    pytest.param("~=2.2.0", "2.3", False, id="compatible to the last part but one"),
    pytest.param("~=2.2rc1", "2.2", True, id="compatible with a candidate"),
    pytest.param("===1.0", "1.0", True, id="the same spelling"),
    pytest.param("===1", "1.0", False, id="another spelling"),
    pytest.param(" >= 2.0 , <2.6 ", "2.5", True, id="white space"),
    pytest.param(">=2.0,<2.6", "2.6", False, id="all clauses must hold"),
]


@pytest.mark.parametrize(("specifier", "installed", "expected"), CONTAINED)
def test_a_specifier_admits_what_pep_440_says(
    specifier: str, installed: str, expected: bool
) -> None:
    assert versions.contains(specifier, Version(installed)) is expected


def test_spellings_of_one_version_are_not_mixed_up() -> None:
    assert versions.contains("===1", Version("1"))
    assert not versions.contains("===1", Version("1.0"))
    assert [str(versions.public(Version(each))) for each in ("1+a", "1.0+a")] == ["1", "1.0"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2.0", id="no operator"),
        pytest.param("=2.0", id="half an operator"),
        pytest.param("==", id="no version"),
        pytest.param(">=two", id="no number"),
        pytest.param(">=2. 0", id="a space within a version"),
        pytest.param(">=2.0 <3", id="no comma"),
        pytest.param(">=2.*", id="a family has no order"),
        pytest.param("~=2.*", id="nor a compatible release"),
        pytest.param("==2.0rc1.*", id="a candidate is no family"),
        pytest.param("==2.0.post1.*", id="nor is a post-release"),
        pytest.param("==2.0+cu118.*", id="nor is a build"),
        pytest.param("~=2", id="a compatible release needs two parts"),
        pytest.param(">=2.0+cu118", id="builds have no order"),
        pytest.param("~=2.0+cu118", id="nor compatible releases"),
    ],
)
def test_what_is_no_specifier_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"specifier|local label|two parts"):
        versions.specifier(text)
    with pytest.raises(ValueError, match=r"specifier|local label|two parts"):
        versions.requirement(f"torch {text}")


release = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)
suffix = st.tuples(
    st.sampled_from(["", "", "a1", "rc1", "rc2"]),
    st.sampled_from(["", "", ".post0", ".post1"]),
    st.sampled_from(["", "", ".dev0", ".dev1"]),
).map("".join)
public = st.builds("{}{}{}".format, st.sampled_from(["", "", "1!"]), release, suffix)
label = st.sampled_from(["", "", "+cu118", "+cu124.1"])
version = st.builds("{}{}".format, public, label)
clause = st.one_of(
    st.builds(
        "{}{}".format, st.sampled_from(["<", "<=", ">", ">=", "~=", "==", "!=", "==="]), public
    ),
    st.builds("{}{}".format, st.sampled_from(["==", "!=", "==="]), version),
    st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), release),
)
specifier = st.lists(clause, max_size=3).map(",".join)


@given(specifier, version)
def test_specifiers_agree_with_packaging(specifier: str, installed: str) -> None:
    parsed = Version(installed)
    try:
        oracle = SpecifierSet(specifier)
    except InvalidSpecifier:
        with pytest.raises(ValueError, match=r"specifier|two parts"):
            versions.specifier(specifier)
        return
    if Version("26.1") > PACKAGING:
        assume(not any(_judged_otherwise(each.operator, each.version, parsed) for each in oracle))

    assert versions.contains(specifier, parsed) == oracle.contains(parsed, prereleases=True)


def _judged_otherwise(operator: str, operand: str, installed: Version) -> bool:
    """Tell where packaging changed its mind, or had a fault (epochs before 24.0)."""
    if operator in {"~=", "==", "!="} and Version("24.0") > PACKAGING:
        return "!" in operand or installed.epoch > 0
    if operator == "===":
        return False
    named = Version(operand.removesuffix(".*"))
    if operator == "<":
        return named.is_postrelease and installed.is_prerelease
    return (
        operator == ">"
        and named.is_prerelease
        and bool(installed.local or installed.is_postrelease)
    )


@given(specifier, version)
def test_white_space_makes_no_difference(specifier: str, installed: str) -> None:
    spaced = re.sub(r"(===|[<>=!~]=|[<>,])", r" \1 ", specifier)
    try:
        plain = versions.specifier(specifier)
    except ValueError:
        return

    assert versions.specifier(spaced) == plain
    assert versions.contains(spaced, Version(installed)) == versions.contains(
        plain, Version(installed)
    )


REQUIREMENTS = [
    pytest.param("torch", ("torch", "", "", "", ""), id="a name"),
    pytest.param(
        "Flash_Attn.X >=2", ("flash-attn-x", ">=2", "", "", ""), id="names are normalised"
    ),
    pytest.param("torch (>=2, <3)", ("torch", ">=2,<3", "", "", ""), id="parentheses"),
    pytest.param("torch>=2,", ("torch", ">=2", "", "", ""), id="a comma at the end"),
    pytest.param(
        'peft[ dev , test ]>=0.4; python_version < "3.12" ',
        ("peft", ">=0.4", 'python_version < "3.12"', "dev,test", ""),
        id="extras and a marker",
    ),
    pytest.param("peft[]", ("peft", "", "", "", ""), id="no extras"),
    pytest.param(
        "torch @ https://host/torch-2.0.1%2Bcu118.whl",
        ("torch", "", "", "", "https://host/torch-2.0.1%2Bcu118.whl"),
        id="an address",
    ),
    pytest.param(
        "torch@https://host/a;b ; os_name == 'nt'",
        ("torch", "", "os_name == 'nt'", "", "https://host/a;b"),
        id="an address with a semicolon, and a marker",
    ),
]


@pytest.mark.parametrize(("text", "expected"), REQUIREMENTS)
def test_a_requirement_is_split(text: str, expected: tuple[str, ...]) -> None:
    found = versions.requirement(text)

    assert (found.name, found.specifier, found.marker, found.extras, found.url) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(">=2", id="no name"),
        pytest.param("-torch", id="a name that begins with a dash"),
        pytest.param("torch-", id="a name that ends with one"),
        pytest.param("torch (>=2", id="an open parenthesis"),
        pytest.param("torch >=2)", id="a closed one"),
        pytest.param("torch[a b]", id="extras without a comma"),
        pytest.param("torch[a", id="open extras"),
        pytest.param("torch 2.0", id="no operator"),
        pytest.param("torch;", id="no marker"),
        pytest.param("torch @ ", id="no address"),
    ],
)
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"requirement|specifier"):
        versions.requirement(text)


def test_a_requirement_is_shown_as_pip_takes_it() -> None:
    assert (
        str(versions.requirement("Peft [dev] (>=0.4) ; os_name=='nt'"))
        == "peft[dev]>=0.4; os_name=='nt'"
    )


name = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?\Z")
marker = st.sampled_from(["", "; os_name == 'nt'", ' ; python_version < "3.8" and extra == "x"'])
extras = st.lists(name, max_size=2).map(lambda names: f"[{', '.join(names)}]" if names else "")
space = st.sampled_from(["", " "])
form = st.sampled_from(["{}", "({})"])
wanted = st.builds(
    lambda name, extras, space, form, specifier, marker: (
        f"{name}{extras}{space}{form.format(specifier) if specifier else ''}{marker}"
    ),
    *(name, extras, space, form, specifier, marker),
)


@st.composite
def damaged(draw: Any) -> str:
    text: str = draw(wanted)
    at = draw(st.integers(0, len(text)))
    put: str = draw(st.sampled_from(["", *"()[]<>=,;@! .x"]))
    return text[:at] + put + text[at + 1 :]


@given(st.one_of(wanted, damaged()))
def test_requirements_agree_with_packaging(text: str) -> None:
    assume("@" not in text)  # what an address may be was read differently through time
    assume("===" not in text)  # so was what may follow this operator
    try:
        oracle = requirements.Requirement(text)
    except requirements.InvalidRequirement:
        try:
            found = versions.requirement(text)
        except ValueError:
            return
        # What is not judged here: the marker, and how many commas there are.
        requirements.Requirement(f"{found.name}[{found.extras}]{found.specifier}")
        return
    if not oracle.name[-1].isalnum():
        return  # packaging is more lenient than its own grammar with an underscore at the end
    found = versions.requirement(text)

    assert found.name == versions.normalize(oracle.name)
    assert SpecifierSet(found.specifier) == oracle.specifier
    assert set(filter(None, found.extras.split(","))) == oracle.extras
    assert bool(found.marker) == (oracle.marker is not None)
    assert not found.marker or Marker(found.marker) == oracle.marker


@pytest.mark.parametrize(
    ("version", "specifier", "expected"),
    [
        pytest.param(None, "", True, id="any version will do"),
        pytest.param(None, ">=1", None, id="an unknown version can't be told"),
        pytest.param("1.0", ">=1", True, id="it holds"),
        pytest.param("0.9", ">=1", False, id="it doesn't"),
    ],
)
def test_an_unknown_version_satisfies_only_what_all_do(
    version: str | None, specifier: str, expected: bool | None
) -> None:
    assert versions.satisfies(Version(version) if version else None, specifier) is expected


def test_what_is_no_version_is_none() -> None:
    assert versions.version("2.0.1+cu118") == Version("2.0.1+cu118")
    assert versions.version("git-abc") is None
