"""
Names of hosts that DeepSpeed takes, and nothing after it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envcheck.clean import clip
from envcheck.launch.notes import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envcheck.launch.hostfile import Host
    from envcheck.launch.notes import Note, Release


def traps(host: str, number: int, where: Mapping[str, Any]) -> Iterator[Note]:
    """
    Yield what a host's name leads to.
    """
    if host.startswith("\ufeff"):
        yield note(
            "hostfile/byte-order-mark",
            "warning",
            f"Line {number}: the host's name begins with an invisible byte order mark",
            "DeepSpeed doesn't remove it, so ssh looks for a host that isn't there, and no filter finds it.",
            **where,
        )
    elif not (host.isascii() and host.isprintable()):
        yield note(
            "hostfile/strange-host",
            "warning",
            f"Line {number}: the name {clip(host)} has characters that no host's name has",
            "Names of hosts are letters, digits, dots and hyphens; others often come with text "
            "that was copied.",
            **where,
        )
    user, at, name = host.rpartition("@")
    if at:
        bare = name.partition(":")[0] if name.count(":") == 1 else name
        yield note(
            "hostfile/user",
            "warning",
            f"Line {number}: a host with a user can't be named in --include or --exclude",
            "There @ separates hosts; and what isn't started by ssh doesn't know it.",
            instead=_entry(bare, where) if user and bare else "",
            **where,
        )
    colons = name.count(":")
    if colons == 1:
        yield note(
            "hostfile/port",
            "warning",
            f"Line {number}: ssh takes the port for a part of the host's name",
            "The port has to be given by --ssh_port (DeepSpeed 0.10.2 and newer), the same for "
            "all hosts.",
            instead=_entry(name.partition(":")[0], where),
            **where,
        )
    elif colons:
        yield note(
            "hostfile/ipv6",
            "warning",
            f"Line {number}: an IPv6 address can't be named in --include or --exclude",
            "There a colon separates a host from its slots.",
            **where,
        )
    if any(mark in host for mark in ",[]"):
        yield note(
            "hostfile/several-hosts",
            "warning",
            f"Line {number}: {clip(host)} is one host for DeepSpeed and another number of them "
            "for pdsh",
            "pdsh reads commas and brackets as a list of hosts: ranks and machines no longer fit together.",
            **where,
        )


def _entry(host: str, where: Mapping[str, Any]) -> str:
    slots = str(where["text"]).split()[1].partition("=")[2]
    return f"{host} slots={slots}"


def alike(found: Mapping[str, Host], release: Release, file: str) -> Iterator[Note]:
    """
    Yield hosts that are named twice in another spelling.
    """
    first: dict[str, Host] = {}
    for host in found.values():
        key = host.name.lstrip("\ufeff").rpartition("@")[2].lower().rstrip(".,")
        if key in ("127.0.0.1", "::1"):
            key = "localhost"
        other = first.setdefault(key, host)
        if other is not host:
            yield note(
                "hostfile/same-host",
                "warning",
                f"Lines {other.line} and {host.line} look like the same machine in two spellings",
                "DeepSpeed compares names letter by letter. On one machine the two would share "
                "the GPUs and the port.",
                release=release,
                place=f"{file}:{host.line}",
                text=host.name,
                certainty="needs-verification",
                verify=f"Whether {clip(other.name)} and {clip(host.name)} are two machines.",
            )
