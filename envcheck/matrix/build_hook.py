"""
Compiles the matrix while a wheel is built, so that a check reads an index and never YAML.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MatrixIndexHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """
    Adds `envcheck/matrices/index.json` to a wheel; an editable installation compiles on first use.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """
        Compile the matrix of the source tree that is being built.
        """
        if self.target_name != "wheel" or version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from envcheck.matrix.store import INDEX_NAME, compile_directory
        finally:
            sys.path.remove(self.root)
        data = compile_directory(os.path.join(self.root, "matrices"))
        self._folder = tempfile.TemporaryDirectory()
        path = os.path.join(self._folder.name, INDEX_NAME)
        with open(path, "wb") as file:
            file.write(data)
        build_data["force_include"][path] = f"envcheck/matrices/{INDEX_NAME}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """
        Remove the temporary folder.
        """
        if hasattr(self, "_folder"):
            self._folder.cleanup()
