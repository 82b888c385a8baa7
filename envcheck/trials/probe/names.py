"""
By which name a distribution is imported, which is not always its own.
"""

from __future__ import annotations

import importlib.util
from importlib import metadata


def module(distribution: str) -> str:
    """
    The module of a distribution: that of its name, else the first one that its files hold.
    """
    name = distribution.replace("-", "_")
    if importlib.util.find_spec(name) is not None:
        return name
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return name
    # The shortest path is the outermost: google/protobuf has no __init__.py above it.
    packages = [file.parts[:-1] for file in files if file.name == "__init__.py"]
    modules = [(file.name[:-3],) for file in files if len(file.parts) == 1 and file.suffix == ".py"]
    found = sorted(
        (parts for parts in packages + modules if parts and all(map(str.isidentifier, parts))),
        key=lambda parts: (len(parts), parts in {("test",), ("tests",)}, parts),
    )
    return ".".join(found[0]) if found else name
