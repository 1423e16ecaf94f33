"""`camoverlay-audit run`: every picture explained, once."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

from . import inputs, ray, shard
from .errors import AuditError
from .inputs.item import is_address, local
from .listing import Plan, read_plan, write_plan
from .network import Network
from .progress import Progress
from .rows import STATUSES
from .settings import Settings, hash_of_files
from .work import State, run


@dataclasses.dataclass(frozen=True)
class Request:
    """What a run is asked for; `share` is the part of the shards that is to be done here, and of how many parts."""

    data: list[str]
    out: pathlib.Path
    network: dict[str, Any]
    boxes: str | None
    maps: tuple[str, ...]
    features: bool
    share: tuple[int, int]
    processes: int


def prepare(request: Request) -> Plan:
    """Opens the network, and lists the pictures where no earlier run has.

    Raises:
        AuditError: also where an earlier run in that folder was one with other settings.
    """
    network = Network(request.network)
    settings = Settings(
        data=tuple(place if is_address(place) else os.path.abspath(place) for place in map(local, request.data)),
        boxes=os.path.abspath(local(request.boxes)) if request.boxes else None,
        network={name: _absolute(name, value) for name, value in request.network.items()},
        network_hash=network.hash,
        maps=request.maps,
        features=request.features,
        labels_hash=network.labels_hash,
        boxes_hash=hash_of_files(pathlib.Path(local(request.boxes))) if request.boxes else None,
    )
    earlier = read_plan(request.out)
    if earlier is None:
        listed = inputs.find(settings.data, settings.boxes)
        return write_plan(request.out, settings, listed, network.classes.labels, network.name)
    if earlier.settings.hash != settings.hash:
        differences = "; ".join(settings.differences(earlier.settings))
        raise AuditError(
            f"{request.out} holds a run with other settings: {differences}. Ask for the same, or take another folder for --out."
        )
    return earlier


def execute(plan: Plan, share: tuple[int, int], processes: int, address: str | None = None) -> dict[str, int]:
    """Makes the shards of a share that are missing, by so many processes or, where an `address` is given, on the Ray cluster
    there: how many rows of each status the whole share has then.

    Raises:
        AuditError: as `work.run` or `ray.run`.
    """
    part, parts = share
    ours = range(part, plan.shards, parts)
    missing = plan.missing(part, parts)
    plan.clear_parts(missing)
    total, left = (sum(len_of(plan, number) for number in numbers) for numbers in (ours, missing))
    progress = Progress(total, total - left)
    if address is None:
        run(plan, missing, processes, progress.watch)
    elif missing:
        ray.run(plan, missing, address, progress.watch)
    counts = dict.fromkeys(STATUSES, 0)
    for number in ours:
        for status, count in shard.counts_of(plan, number).items():
            counts[status] += count
    progress.end(State(left, counts["error"]))
    return counts


def len_of(plan: Plan, number: int) -> int:
    """Pictures of a shard."""
    return min(plan.shard_size, plan.pictures - plan.first(number))


def _absolute(name: str, value: Any) -> Any:
    return os.path.abspath(value) if name in ("model", "labels") and value is not None else value
