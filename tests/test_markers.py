from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from envcheck.markers import holds

MARKERS = [
    pytest.param("", None, None, True, id="no marker"),
    pytest.param('python_version < "3.8"', "3.10", None, False, id="known Python"),
    pytest.param('python_version >= "3.10"', "3.10.13", None, True, id="with a micro version"),
    pytest.param('python_version >= "3.10"', None, None, None, id="unknown Python"),
    pytest.param('python_version >= "3.6"', None, None, True, id="every Python"),
    pytest.param('python_version < "3"', None, None, False, id="no Python"),
    pytest.param('python_full_version < "3.10.5"', "3.10", None, None, id="which micro version"),
    pytest.param('python_full_version >= "3.10.0"', "3.10", None, True, id="every micro version"),
    pytest.param('python_full_version < "3.10.5"', "3.10.4", None, True, id="a micro version"),
    pytest.param(
        'implementation_version < "3.10"', "3.11", None, False, id="of the implementation"
    ),
    pytest.param('sys_platform == "win32"', None, "linux", False, id="known platform"),
    pytest.param('sys_platform == "win32"', None, None, None, id="unknown platform"),
    pytest.param('sys_platform != "sunos"', None, None, True, id="every platform"),
    pytest.param('platform_system == "Darwin"', None, "darwin", True, id="system"),
    pytest.param('os_name == "nt"', None, "win32", True, id="name of the system"),
    pytest.param('os_name == "posix"', None, "plan9", None, id="a platform that isn't known here"),
    pytest.param(
        'platform_system == "Linux" and platform_machine == "x86_64"',
        None,
        "linux",
        None,
        id="unknown machine",
    ),
    pytest.param(
        'platform_system == "Linux" and platform_machine == "x86_64"',
        None,
        "win32",
        False,
        id="which is no matter on another system",
    ),
    pytest.param('python_version < "3" or os_name == "nt"', None, "win32", True, id="either"),
    pytest.param('platform_python_implementation == "CPython"', None, None, True, id="CPython"),
    pytest.param('extra == "dev"', None, None, False, id="of an extra"),
    pytest.param('platform_release > "5"', None, "linux", None, id="never known"),
    pytest.param("python_version ~~ 3", "3.10", "linux", None, id="can't be read"),
    pytest.param("(os_name == 'nt'", "3.10", "linux", None, id="an open parenthesis"),
    pytest.param("os_name == 'nt')", "3.10", "linux", None, id="a closed one"),
    pytest.param("'nt' == 'nt'", "3.10", "linux", None, id="no fact"),
    pytest.param("os_name == sys_platform", "3.10", "linux", None, id="two facts"),
    pytest.param("os_name", "3.10", "linux", None, id="no comparison"),
    pytest.param("colour == 'red'", "3.10", "linux", None, id="an unheard-of fact"),
    pytest.param("os_name < 'nt'", "3.10", "linux", None, id="names have no order"),
    pytest.param("python_version >= '3.*'", "3.10", "linux", None, id="families have no order"),
    pytest.param("python_version < '3.8'", "main", "linux", None, id="no version"),
    pytest.param("python_version in '3.9 3.10'", "3.10", None, True, id="a list in a text"),
    pytest.param("python_version not in '3.9 3.10'", "3.10", None, False, id="not in it"),
    pytest.param("'3.8' <= python_version", "3.10", None, True, id="turned round"),
]


@pytest.mark.parametrize(("marker", "python", "platform", "expected"), MARKERS)
def test_a_marker_is_judged_for_the_environment_that_is_checked(
    marker: str, python: str | None, platform: str | None, expected: bool | None
) -> None:
    assert holds(marker, python, platform) is expected


FULL = {
    "python_version": "3.10",
    "python_full_version": "3.10.13",
    "implementation_version": "3.10.13",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "extra": "",
}
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
versions = st.sampled_from(["2.7", "3", "3.7", "3.10", "3.10.5", "3.10.13", "3.11", "3.20"])
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
about_python = st.builds(
    "{} {} {!r}".format,
    st.sampled_from(["python_version", "python_full_version", "implementation_version"]),
    operators,
    versions,
)
turned = st.builds("{!r} {} python_version".format, versions, operators)
families = st.builds(
    "python_version {} '3.{}.*'".format, st.sampled_from(["==", "!="]), st.integers(7, 12)
)
about_system = st.builds(
    "{} {} {}".format,
    st.sampled_from(["sys_platform", "platform_system", "os_name", "os.name", "sys.platform"]),
    st.sampled_from(["==", "!=", "in", "not in"]),
    st.sampled_from(["'linux'", '"Linux"', "'win32 darwin'", "'nt'", "'posix'", "'Windows'"]),
)
about_extra = st.sampled_from(
    ["extra == 'dev'", "'dev' == extra", "platform_python_implementation != 'PyPy'"]
)
comparison = about_python | turned | families | about_system | about_extra
marker = st.recursive(
    comparison,
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("({})".format, inner)
    ),
    max_leaves=6,
)


def oracle(marker: str, python: str, platform: str) -> bool:
    facts: dict[str, Any] = {**FULL, **SYSTEMS[platform]}
    facts["python_version"] = ".".join(python.split(".")[:2])
    facts["python_full_version"] = facts["implementation_version"] = python
    return Marker(marker).evaluate(facts)


@given(marker, st.sampled_from(sorted(SYSTEMS)))
def test_markers_agree_with_packaging(marker: str, platform: str) -> None:
    assert holds(marker, "3.10.13", platform) is oracle(marker, "3.10.13", platform)


@given(
    marker,
    st.sampled_from(["3.7.0", "3.8.18", "3.10.13", "3.12.1", "3.13.99"]),
    st.sampled_from(sorted(SYSTEMS)),
    st.integers(0, 3),
)
def test_what_is_decided_without_a_fact_is_so_whatever_the_fact_is(
    marker: str, python: str, platform: str, hidden: int
) -> None:
    known = [python, python.rpartition(".")[0], None, None][hidden]
    found = holds(marker, known, None if hidden % 2 else platform)

    assert found is None or found is oracle(marker, python, platform)


@given(st.text("'\"() =<>!~inadort_pyhvesx.3", max_size=30))
def test_nothing_makes_it_raise(text: str) -> None:
    assert holds(text, "3.10", "linux") in {True, False, None}


def test_one_that_is_nested_without_end_is_not_judged() -> None:
    assert holds("(" * 100_000 + 'os_name == "nt"' + ")" * 100_000, "3.10", "linux") is None


def test_an_empty_one_always_holds() -> None:
    assert holds("", None, None) is True
