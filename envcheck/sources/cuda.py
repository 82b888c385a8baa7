"""
The CUDA or ROCm version that torch was built for.
"""

from __future__ import annotations

import os
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from envcheck.files import head

if TYPE_CHECKING:
    from envcheck.model import Package

_SMALL: Final = 64 * 1024
_OTHER: Final = ("cpu", "rocm", "xpu")
"Labels of builds without CUDA."


def of_label(torch: Package | None) -> str | None:
    """
    Tell the CUDA version from the local label of torch's version.

    Returns:
        `11.8` for `2.1.0+cu118`, empty for a build without CUDA, `None` where nothing is said.
    """
    label = torch.version.local if torch is not None and torch.version is not None else None
    if not label:
        return None
    digits = label.split(".")[0].removeprefix("cu")
    if label.startswith("cu") and digits.isdigit() and len(digits) > 1:
        return f"{digits[:-1]}.{digits[-1]}"
    return "" if label.startswith(_OTHER) else None


def rocm(torch: Package | None) -> str | None:
    """
    Tell the ROCm version from the local label of torch's version.

    Returns:
        `6.2.4` for `2.7.1+rocm6.2.4`, empty for another build, `None` where nothing is said. The package
        index has no ROCm builds, so a version without a label is none.
    """
    if torch is None or torch.version is None:
        return None
    label = torch.version.local or ""
    if label.startswith("rocm"):
        number = "".join(takewhile(lambda each: each.isdigit() or each == ".", label[4:]))
        return number.rstrip(".") or None
    return None if label and not label.startswith(("cu", *_OTHER)) else ""


def of_installed(torch: Package | None) -> str | None:
    """
    Tell the CUDA version of an installed torch, from `torch/version.py` where the label doesn't.
    """
    label = of_label(torch)
    if torch is None or label is not None:
        return label
    try:
        text = head(os.path.join(torch.location, "torch", "version.py"), _SMALL)
    except OSError:
        return None
    return _assigned(text.decode("utf-8", "replace"))


def _assigned(text: str) -> str | None:
    """Return what a line such as `cuda: Optional[str] = '11.7'` assigns, read as text."""
    for line in text.splitlines():
        target, equals, value = line.partition("=")
        if equals and target.partition(":")[0].rstrip() == "cuda":
            word = value.partition("#")[0].strip().strip("'\"")
            if word == "None":
                return ""
            return word if word.replace(".", "").isdigit() else None
    return None
