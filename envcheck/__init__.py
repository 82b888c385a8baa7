"""
Whether a training environment will work, and if not, the smallest change that makes it work.

The names in `__all__` are supported; everything else may change.

>>> import envcheck
>>> report = envcheck.check(packages={"torch": "2.0.1", "numpy": "2.1.0"})
>>> report.verdict
'known-bad'
>>> [finding.severity for finding in report.findings][0]
'error'
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = [
    "EnvcheckError",
    "Environment",
    "Finding",
    "MatrixError",
    "Report",
    "SourceError",
    "Suggestion",
    "UsageError",
    "__version__",
    "check",
]

TYPE_CHECKING = False  # importing typing for this would cost more than `envcheck --version` itself
if TYPE_CHECKING:
    from envcheck.api import check
    from envcheck.errors import EnvcheckError, MatrixError, SourceError, UsageError
    from envcheck.model import Environment, Finding, Report, Suggestion


def __getattr__(name: str) -> object:
    """
    Import a supported name when it is first used.
    """
    if name == "check":
        from envcheck import api as module
    elif name in {"Environment", "Finding", "Report", "Suggestion"}:
        from envcheck import model as module  # type: ignore[no-redef]
    elif name in __all__:
        from envcheck import errors as module  # type: ignore[no-redef]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)
