"""What a run is made of: everything that changes a row."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

from .errors import AuditError

MAPS = ("predicted", "true", "rival")
"""Whose maps can be kept; the rival is the best class besides the other two."""

CONTENTS = {
    "network_hash": "what is in the network's files",
    "labels_hash": "what is in the file of --labels",
    "boxes_hash": "what is in the file of --boxes",
}
"""Settings of which only the hash is kept, in words."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a run. `network` has what `camoverlay.Explainer` is opened with; `network_hash` is that of its files, and
    `labels_hash` and `boxes_hash` those of the files that were given for them."""

    data: tuple[str, ...]
    boxes: str | None
    network: dict[str, Any]
    network_hash: str
    maps: tuple[str, ...] = MAPS
    features: bool = True
    labels_hash: str | None = None
    boxes_hash: str | None = None
    version: int = 1

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that are others where any row could be."""
        told = json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def differences(self, other: Settings) -> list[str]:
        """What differs, by name."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return [
            CONTENTS.get(name) or f"{name} ({theirs[name]!r}, now {ours[name]!r})"
            for name in ours
            if ours[name] != theirs[name]
        ]

    @staticmethod
    def from_json(content: dict[str, Any]) -> Settings:
        """The inverse of `dataclasses.asdict` through JSON."""
        return Settings(**{**content, "data": tuple(content["data"]), "maps": tuple(content["maps"])})


def hash_of_files(*paths: pathlib.Path) -> str:
    """SHA-256, in hexadecimal digits, of the bytes of all these files, one after the other.

    Raises:
        AuditError: where one cannot be read.
    """
    total = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    total.update(chunk)
        except OSError as error:
            raise AuditError(f"{path} cannot be read: {error.strerror}.") from None
    return total.hexdigest()
