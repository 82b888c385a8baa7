"""
The release files, written against a small package index that answers on the loopback address.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from commands import envcheck

from envcheck.errors import RefreshError, SourceError, UsageError
from envcheck.matrix import command
from envcheck.matrix.refresh import refresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("pypi_simple")  # comes with the extra `refresh`

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
NOISE = hashlib.shake_128(b"weights").digest(300_000)  # what makes a wheel large, and stays so


SETTINGS = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_CONFIG_FILE",
    "XDG_CONFIG_HOME",
)
"What the machine on which the tests run may have set."


class Index:
    """
    A package index of which a test can fill the shelves and read the visitors' book.
    """

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, Any]] = {}
        self.content: dict[str, bytes] = {}
        self.failures: dict[str, list[int]] = {}
        self.has_ranges = self.has_json = True
        self.visits: list[str] = []
        self.sent = 0
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, headers = request.path, {}
        self.visits.append(path)
        status, body = 200, self.content.get(path, b"")
        if name := re.fullmatch(r"/simple/([^/]+)/", path):
            headers["Content-Type"] = SIMPLE_JSON if self.has_json else "text/html"
            if page := self.pages.get(name[1]):
                links = "".join(f"<a href='{f['url']}'>{f['filename']}</a>" for f in page["files"])
                body = (json.dumps(page) if self.has_json else links).encode()
        if self.failures.get(path):
            status, body = self.failures[path].pop(0), b""
        elif not body:
            status = 404
        elif (wanted := request.headers["Range"]) and self.has_ranges:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(len(body) - int(last), 0)
            end = min(int(last), len(body) - 1) if first and last else len(body) - 1
            headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
            status, body = 206, body[start : end + 1]
        request.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(body)
        self.sent += len(body)

    def publish(
        self,
        filename: str,
        content: bytes,
        *,
        date: str = "2024-01-29",
        metadata: str = "",
        python: str = "",
        yanked: str | bool = False,
    ) -> None:
        """
        Put a file on the shelf, with its metadata beside it if given.
        """
        project = re.split(r"-\d", filename)[0].replace("_", "-").lower()
        digest = hashlib.sha256(filename.encode() + content).hexdigest()
        url = f"{self.address}/files/{digest}/{filename}"
        self.content[f"/files/{digest}/{filename}"] = content
        file: dict[str, Any] = {"filename": filename, "url": url, "hashes": {"sha256": digest}}
        file |= {"upload-time": f"{date}T10:00:00.5Z", "yanked": yanked, "size": len(content)}
        if python:
            file["requires-python"] = python
        if metadata:
            self.content[f"/files/{digest}/{filename}.metadata"] = metadata.encode()
            file["core-metadata"] = {"sha256": hashlib.sha256(metadata.encode()).hexdigest()}
        empty: dict[str, Any] = {"meta": {"api-version": "1.1"}, "name": project, "files": []}
        self.pages.setdefault(project, empty)["files"].append(file)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    index = Index()
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.address}/simple")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=index.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield index
    index.server.shutdown()
    index.server.server_close()
    thread.join()


def metadata(*requires: str, version: str = "2.1", more: str = "") -> str:
    lines = [f"Metadata-Version: {version}", "Name: x", "Version: 1"]
    lines += [f"Requires-Dist: {text}" for text in requires]
    return "\n".join([*lines, *filter(None, [more]), "", "Requires-Dist: not-a-header"])


def wheel(content: str, name: str = "x-1.dist-info/METADATA", after: bytes = b"") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x/weights.bin", NOISE)
        archive.writestr(name, content)
        archive.writestr("x-1.dist-info/RECORD", after)
    return stream.getvalue()


def sdist(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def read(directory: Path, package: str) -> list[dict[str, Any]]:
    """
    Read a release file back with every scalar as text.
    """
    content = (directory / f"{package}.yaml").read_text(encoding="utf-8")
    return yaml.load(content, yaml.BaseLoader) or []


def test_one_line_a_release_in_order_of_publication(index: Index, tmp_path: Path) -> None:
    plain = metadata("NumPy (>=1.17)", "tokenizers !=0.11.3, <0.14,>=0.11.1", "tqdm")
    index.publish("trl-0.10.0-py3-none-any.whl", b"-", date="2024-08-29", metadata=plain)
    index.publish(
        "trl-0.9.6-py3-none-any.whl", b"-", date="2024-07-08", metadata=plain, python=">=3.8, <4"
    )
    index.publish("trl-0.9.6.tar.gz", b"-", date="2024-07-07")
    index.publish("trl-0.9.7-py3-none-any.whl", b"-", date="2024-09-01", metadata=metadata())
    index.publish("trl-1.0rc1-py3-none-any.whl", b"-", date="2026-01-01", metadata=metadata())
    index.publish("trl-1.0.dev20250101-py3-none-any.whl", b"-", metadata=metadata())

    assert refresh(["TRL"], tmp_path) == [tmp_path / "trl.yaml"]

    requires = '[numpy>=1.17, "tokenizers!=0.11.3,<0.14,>=0.11.1", tqdm]'
    assert (tmp_path / "trl.yaml").read_text(encoding="utf-8").splitlines()[1:] == [
        f'- {{version: 0.9.6, date: 2024-07-07, python: "<4,>=3.8", requires: {requires}}}',
        f"- {{version: 0.10.0, date: 2024-08-29, requires: {requires}}}",
        "- {version: 0.9.7, date: 2024-09-01, requires: []}",
        "- {version: 1.0rc1, date: 2026-01-01, requires: []}",
    ]
    assert not any(visit.endswith((".whl", ".gz")) for visit in index.visits)


def test_extras_of_interest_lose_their_condition_and_the_rest_is_left_out(
    index: Index, tmp_path: Path
) -> None:
    declared = metadata(
        'colorama ; sys_platform == "win32"',
        "deepspeed>=0.9.3; extra == 'deepspeed'",
        'accelerate>=0.26; python_version < "3.13" and extra == "torch"',
        'torch; (os_name == "posix" or os_name == "nt") and extra == "torch"',
        'sentencepiece; extra == "torch" or extra == "sentencepiece"',
        'protobuf; python_version < "3.9" and extra == "x" or extra == "sentencepiece"',
        'pytest; extra == "testing"',
        'broken (>=1.*); extra == "testing"',
    )
    index.publish("transformers-4.56.0-py3-none-any.whl", b"-", metadata=declared)
    index.publish("datasets-4.0.0-py3-none-any.whl", b"-", metadata=declared)

    refresh(["transformers", "datasets"], tmp_path)

    (release,) = read(tmp_path, "transformers")
    assert release["requires"] == ['colorama; sys_platform == "win32"']
    assert release["extras"] == {
        "deepspeed": ["deepspeed>=0.9.3"],
        "sentencepiece": [
            'protobuf; python_version < "3.9" and extra == "x" or extra == "sentencepiece"',
            "sentencepiece",
        ],
        "torch": [
            'accelerate>=0.26; python_version < "3.13"',
            "sentencepiece",
            'torch; os_name == "posix" or os_name == "nt"',
        ],
    }
    assert "extras" not in read(tmp_path, "datasets")[0]


def test_a_release_is_yanked_when_all_its_files_are(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata("bad"), yanked="half")
    index.publish("a-1.tar.gz", sdist({"a-1/PKG-INFO": metadata("good")}))
    index.publish("a-2-py3-none-any.whl", b"-", metadata=metadata(), yanked=True)

    refresh(["a"], tmp_path)

    first, second = read(tmp_path, "a")
    assert "yanked" not in first
    assert first["requires"] == ["good"]
    assert second["yanked"] == "no reason given"


@pytest.mark.parametrize(
    "reason",
    [
        "yes",
        "It doesn't work",
        'Fails: "no module", see #12, [a] {b} \\ c',
        "- a list?",
        "# a comment?",
        "> folded",
        "!tag &anchor *alias",
        "*alias",
        "'quoted'",
        "(in brackets)",
        "trailing colon:",
        "ünïcode → 🔥 at the end",
    ],
)
def test_any_text_is_read_back_as_it_was(index: Index, tmp_path: Path, reason: str) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata(), yanked=reason)
    refresh(["a"], tmp_path)
    assert [release["yanked"] for release in read(tmp_path, "a")] == [reason]


def test_a_reason_of_many_lines_becomes_one(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata(), yanked="One.\r\n\tTwo.\n")
    refresh(["a"], tmp_path)
    assert read(tmp_path, "a")[0]["yanked"] == "One. Two."


@pytest.mark.parametrize("after", [b"", bytes(200_000)], ids=["at-the-end", "further-in"])
def test_without_metadata_files_only_a_part_of_the_wheel_is_fetched(
    index: Index, tmp_path: Path, after: bytes
) -> None:
    index.publish("a-1-py3-none-any.whl", wheel(metadata("torch>=2.0"), after=after))
    refresh(["a"], tmp_path)
    assert read(tmp_path, "a")[0]["requires"] == ["torch>=2.0"]
    assert index.sent < len(NOISE)


def test_the_wheel_for_linux_on_x86_64_speaks_for_the_release(index: Index, tmp_path: Path) -> None:
    for platform in ("win_amd64", "musllinux_1_2_x86_64", "macosx_11_0_arm64", "linux_aarch64"):
        index.publish(f"torch-2.0.0-cp310-cp310-{platform}.whl", wheel(metadata(platform)))
    linux = wheel(metadata("nvidia-nccl-cu11==2.14.3"))
    index.publish("torch-2.0.0-cp310-cp310-manylinux1_x86_64.whl", linux)
    refresh(["torch"], tmp_path)
    assert read(tmp_path, "torch")[0]["requires"] == ["nvidia-nccl-cu11==2.14.3"]


OLD, NEW = metadata(version="1.2"), metadata(version="2.2")
DYNAMIC = metadata(version="2.4", more="Dynamic: Requires-Dist")


@pytest.mark.parametrize(
    ("files", "requires"),
    [
        pytest.param({"PKG-INFO": metadata("torch")}, ["torch"], id="pkg-info"),
        pytest.param(
            {
                "PKG-INFO": OLD,
                "deepspeed.egg-info/SOURCES.txt": "setup.py",
                "deepspeed.egg-info/requires.txt": "hjson\npydantic<2.0.0\n\n[:python_version "
                '< "3.8"]\ntyping_extensions\n\n[dev:os_name == "nt"]\na\n\n[1bit]\ncupy',
            },
            ["hjson", "pydantic<2.0.0", 'typing-extensions; python_version < "3.8"'],
            id="setuptools",
        ),
        pytest.param(
            {"PKG-INFO": OLD, "src/deepspeed.egg-info/SOURCES.txt": "x"}, [], id="setuptools-none"
        ),
        pytest.param({"PKG-INFO": NEW}, [], id="complete"),
        pytest.param({"PKG-INFO": DYNAMIC}, None, id="dynamic"),
        pytest.param({"PKG-INFO": OLD, "setup.py": "?"}, None, id="distutils"),
        pytest.param(
            {"PKG-INFO": OLD, "tests/other.egg-info/requires.txt": "x"}, None, id="of-another"
        ),
    ],
)
def test_a_release_without_wheels_is_read_from_its_sdist(
    index: Index, tmp_path: Path, files: dict[str, str], requires: list[str] | None
) -> None:
    content = sdist({f"deepspeed-0.9.5/{name}": text for name, text in files.items()})
    index.publish("deepspeed-0.9.5.tar.gz", content)
    refresh(["deepspeed"], tmp_path)
    (release,) = read(tmp_path, "deepspeed")
    assert release.get("requires") == requires
    assert ("requires-unknown" in release) == (requires is None)


def test_an_sdist_can_be_a_zip_file(index: Index, tmp_path: Path) -> None:
    index.publish("a-1.zip", wheel(metadata("six"), name="a-1/PKG-INFO"))
    refresh(["a"], tmp_path)
    assert read(tmp_path, "a")[0]["requires"] == ["six"]


@pytest.mark.parametrize(
    ("filename", "content", "reason"),
    [
        ("a-1-py3-none-any.whl", b"not a zip file", "a-1-py3-none-any.whl is damaged"),
        ("a-1.tar.gz", b"not a tar file", "a-1.tar.gz is damaged"),
        ("a-1-py3-none-any.whl", wheel("", name="x/METADATA"), "the wheel has no METADATA"),
        ("a-1-py2.7.egg", b"-", "published only as egg, which isn't read"),
        (
            "a-1-py3-none-any.whl",
            wheel(metadata("torch (>=1.9.*)", "tqdm")),
            "not a requirement: torch (>=1.9.*)",
        ),
    ],
)
def test_requirements_that_cannot_be_had_are_never_an_empty_list(
    index: Index, tmp_path: Path, filename: str, content: bytes, reason: str
) -> None:
    index.publish(filename, content)
    refresh(["a"], tmp_path, cache=tmp_path / "cache")
    (release,) = read(tmp_path, "a")
    assert release == {"version": "1", "date": "2024-01-29", "requires-unknown": reason}


def test_a_second_refresh_asks_for_the_page_only_and_writes_nothing(
    index: Index, tmp_path: Path
) -> None:
    index.publish("a-1-py3-none-any.whl", wheel(metadata("torch", 'x; extra == "y"')))
    index.publish("a-2.tar.gz", sdist({"a-2/PKG-INFO": NEW}))
    path, cache = tmp_path / "out" / "a.yaml", tmp_path / "cache"
    assert refresh(["a"], path.parent, cache=cache) == [path]
    before = path.read_bytes(), path.stat().st_mtime_ns
    index.visits.clear()
    index.pages["a"]["files"].reverse()

    assert refresh(["a"], path.parent, cache=cache) == []

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert index.visits == ["/simple/a/"]
    assert list(path.parent.iterdir()) == [path]


def test_a_new_release_adds_one_line(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata("torch"))
    refresh(["a"], tmp_path)
    before = (tmp_path / "a.yaml").read_text(encoding="utf-8")
    index.publish("a-1.1-py3-none-any.whl", b"-", date="2024-02-01", metadata=metadata())
    refresh(["a"], tmp_path)
    after = (tmp_path / "a.yaml").read_text(encoding="utf-8")
    assert after == before + "- {version: 1.1, date: 2024-02-01, requires: []}\n"


def test_a_short_failure_of_the_index_is_got_over(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata("torch"))
    index.failures["/simple/a/"] = [503]
    refresh(["a"], tmp_path)
    assert index.visits.count("/simple/a/") == 2


def test_a_refusal_is_one_line_and_leaves_the_file_as_it_was(index: Index, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- {version: 1}\n", encoding="utf-8")
    index.publish("a-1-py3-none-any.whl", b"-")
    index.failures[next(path for path in index.content if path.endswith(".whl"))] = [403]
    message = r"^a-1-py3-none-any\.whl: the package index failed \(403\)$"
    with pytest.raises(RefreshError, match=message):
        refresh(["a"], tmp_path)
    assert read(tmp_path, "a") == [{"version": "1"}]


def test_an_unknown_project_is_named_and_a_password_is_not(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.address}/simple/".replace("//", "//me:secret@", 1))
    message = r"^no-such: no such project in the index at 127\.0\.0\.1$"
    with pytest.raises(RefreshError, match=message):
        refresh(["no.such"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX"])
def test_what_the_first_index_does_not_have_is_asked_of_the_others(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata("x>=1"))
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.address}/empty")
    monkeypatch.setenv(setting, f"{index.address}/bare {index.address}/simple")

    refresh(["a"], tmp_path)

    assert "x>=1" in (tmp_path / "a.yaml").read_text("utf-8")
    assert index.visits[:3] == ["/empty/a/", "/bare/a/", "/simple/a/"]
    with pytest.raises(RefreshError, match=r"^b: no such project in the index at 127\.0\.0\.1$"):
        refresh(["b"], tmp_path)


def test_an_index_that_cannot_send_a_part_is_refused(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", wheel(metadata("torch")))
    index.has_ranges = False
    with pytest.raises(RefreshError, match="neither a metadata file nor byte ranges"):
        refresh(["a"], tmp_path)


def test_an_index_without_upload_times_is_refused(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-")
    index.has_json = False
    with pytest.raises(RefreshError, match=r"^a: the package index doesn't give upload times"):
        refresh(["a"], tmp_path)


def test_a_missing_library_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypi_simple", None)
    with pytest.raises(UsageError, match=r"^pypi_simple is missing: .*'ml-envcheck\[refresh\]'$"):
        refresh(["a"], tmp_path / "releases")
    assert not list(tmp_path.iterdir())


# The command.


def test_the_command_tells_what_has_changed(
    index: Index,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    into = str(tmp_path / "mine")
    for name in ("a", "b_c"):
        index.publish(f"{name}-1-py3-none-any.whl", b"-", metadata=metadata())

    assert command.refresh(["a", "B.C"], into) == 0
    assert capsys.readouterr().out == (
        f"{into}/releases/a.yaml\n{into}/releases/b-c.yaml\n2 of 2 changed\n"
    )
    assert list((tmp_path / "cache").rglob("*.txt"))
    assert command.refresh(["a"], into) == 0
    assert capsys.readouterr().out == "0 of 1 changed\n"


def test_what_was_written_before_a_failure_is_told(
    index: Index, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata())

    with pytest.raises(RefreshError, match=r"^no-such: no such project"):
        command.refresh(["a", "no-such", "b"], str(tmp_path / "mine"))
    assert capsys.readouterr().out == f"{tmp_path}/mine/releases/a.yaml\n"


def test_a_folder_that_can_not_be_made_is_told(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata())
    (tmp_path / "mine").write_text("", encoding="utf-8")

    with pytest.raises(SourceError, match=r"mine/releases: can't be written: Not a directory$"):
        command.refresh(["a"], str(tmp_path / "mine"))


def test_without_a_folder_to_cache_in_all_is_asked_anew(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("", encoding="utf-8")
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata())

    for _ in range(2):
        command.refresh(["a"], str(tmp_path / "mine"))
    assert sum(path.endswith(".metadata") for path in index.visits) == 2


def test_the_command_asks_the_index_of_the_user(index: Index, tmp_path: Path) -> None:
    index.publish("a-1-py3-none-any.whl", b"-", metadata=metadata("torch"))
    address = f"{index.address}/simple"
    given = {
        "PIP_INDEX_URL": address,
        "NO_PROXY": "127.0.0.1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    done = envcheck("matrix", "refresh", "a", "--into", "mine", cwd=tmp_path, **given)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "mine/releases/a.yaml\n1 of 1 changed\n"
    assert read(tmp_path / "mine/releases", "a")[0]["requires"] == ["torch"]
    assert envcheck("matrix", "validate", "mine", cwd=tmp_path).returncode == 0
    done = envcheck("matrix", "refresh", "no-such", "--into", "mine", cwd=tmp_path, **given)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "envcheck: no-such: no such project in the index at 127.0.0.1\n"
