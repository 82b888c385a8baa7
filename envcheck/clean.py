"""
Text from elsewhere, made fit to be shown.

Names, versions, paths and file contents come from whoever built the environment. On a terminal, in
a log and in a workflow's annotations they must be letters, never instructions.
"""

from __future__ import annotations

from typing import Final

_INVISIBLE: Final = (
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
)
"Printable to `str.isprintable`, yet drawn as nothing (Unicode: Default_Ignorable_Code_Point)."
_SELECTORS: Final = range(0xE0100, 0xE01F0)


def clean(text: str) -> str:
    r"""
    Return text in which nothing but visible characters is left.

    Control characters, line ends, what changes the direction of writing, what has no width and what
    can't be encoded become escapes; a workflow command (`::error`, `##[error]`) is broken up.
    Clean text comes back as it is.

    >>> print(clean("a\x1b[31mb\n::error::c"))
    a\x1b[31mb\x0a:\x3aerror:\x3ac
    """
    return visible(text).replace("::", r":\x3a").replace("##[", r"#\x23[")


def visible(text: str) -> str:
    r"""
    Return text in which nothing but visible characters is left, with `::` as it is.

    For prose that doesn't start a line: only there is a workflow command one.

    >>> print(visible("torchvision::nms\r"))
    torchvision::nms\x0d
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def clip(text: str, length: int = 80) -> str:
    """
    Return clean text of at most `length` characters, the last of them an ellipsis if it was cut.
    """
    shown = clean(text[: length + 1])
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def without_secret(url: str) -> str:
    """
    Return a URL in which a password or token before the host is replaced by stars.

    >>> without_secret("git+https://me:secret@host/a.git@v1"), without_secret("ssh://git@host/a")
    ('git+https://****@host/a.git@v1', 'ssh://git@host/a')
    """
    scheme, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, at, name = host.rpartition("@")
    if not slashes or not at or user == "git":
        return url
    return f"{scheme}://****@{name}{slash}{path}"


def _visible(character: str) -> str:
    code = ord(character)
    if character.isprintable() and code not in _INVISIBLE and code not in _SELECTORS:
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
