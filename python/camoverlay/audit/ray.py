"""The shards of a run, handed out to the nodes of a Ray cluster.

Each shard is a task for one core, and what a task leaves is a shard's file or nothing: whatever is killed, a process, a node or
who hands them out, a shard that is not there is made again, and one that is made twice is the same file. Tasks and no actors: a
pool of those is made for one size of cluster, and waits for ever when a node of it dies.
"""

from __future__ import annotations

import collections
import functools
import importlib
import os
import pathlib
import platform
import socket
import time
from collections.abc import Iterable
from typing import Any

from .errors import AuditError
from .inputs.item import is_address
from .listing import Plan, existing_plan
from .network import Network
from .shard import make_shard
from .work import DEADLY, MOST_DEATHS, State, Watch

KNOCK = 10.0
"""Seconds that an address has to answer in."""

LOOK = 0.5
"""Seconds between two looks at what is done."""

PATIENCE = 60.0
"""Seconds without any core in the cluster before it is given up."""

AHEAD = 2
"""Tasks for each core: one at work, and what it goes on with."""


def run(plan: Plan, shards: Iterable[int], address: str, watch: Watch) -> None:
    """Makes the shards on the cluster at `address` ("auto": the one that this machine is a node of). `watch` is told now and
    then, from this thread, how far it is.

    Raises:
        AuditError: where there is no Ray or no such cluster, the nodes do not see the folder or the pictures, a shard cannot be
            written, or processes die at the same shard again and again.
    """
    check(address)
    ray = _ray()
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, error) from None
    try:
        _hand_out(ray, plan, collections.deque(shards), watch)
    finally:
        ray.shutdown()


def check(address: str) -> None:
    """Whether there is Ray, and somebody at `address`, as far as can be told before there is work.

    Raises:
        AuditError: where there is not.
    """
    _ray()
    try:
        _reach(address)
    except OSError as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: Exception) -> AuditError:
    said = " ".join(str(error).split()).rstrip(".")
    return AuditError(
        f"There is no Ray cluster to be had at {address}: {said}. Start one (ray start --head, and "
        "ray start --address=HOST:6379 on further machines), with the Python and the Ray that are here."
    )


def _reach(address: str) -> None:
    """Knocks where a cluster is said to be: Ray itself would wait for it for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK).close()


def _hand_out(ray: Any, plan: Plan, waiting: collections.deque[int], watch: Watch) -> None:
    task = ray.remote(num_cpus=1, max_retries=0)(_make)
    under_way: dict[Any, int] = {}
    deaths: collections.Counter[int] = collections.Counter()
    died_at: collections.Counter[int] = collections.Counter()
    finished = State(0, 0)
    last_core = time.monotonic()
    while waiting or under_way:
        cores = int(ray.cluster_resources().get("CPU", 0))
        last_core = time.monotonic() if cores else last_core
        if time.monotonic() - last_core > PATIENCE:
            raise AuditError(
                "The cluster has no core for tasks. Start a node with some (ray start --num-cpus): the same command goes on."
            )
        while waiting and len(under_way) < AHEAD * max(cores, 1):
            shard = waiting.popleft()
            deadly = [index for index, times in died_at.items() if times >= DEADLY]
            under_way[task.remote(str(plan.folder), shard, deadly, deaths[shard] > 0)] = shard
        done, _ = ray.wait(list(under_way), timeout=LOOK)
        for reference in done:
            shard = under_way.pop(reference)
            try:
                answer = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise AuditError(
                    f"A node cannot work on shards: {type(error.cause).__name__}: {error.cause}. Install the same "
                    "camoverlay[audit] on all nodes."
                ) from None
            except ray.exceptions.RayError:
                # Its process or its node is gone, or what was left of its memory.
                deaths[shard] += 1
                died_at.update(_picture_at(plan, shard))
                if deaths[shard] > MOST_DEATHS:
                    first = plan.item(plan.first(shard)).name
                    raise AuditError(
                        f"Processes die again and again at the pictures from {first} on. Give the nodes more memory, or fewer "
                        "cores (ray start --num-cpus)."
                    ) from None
                plan.clear_parts([shard])
                waiting.appendleft(shard)
                continue
            if isinstance(answer, str):
                raise AuditError(answer)
            finished = State(finished.done + sum(answer.values()), finished.errors + answer.get("error", 0))
        watch(finished)


def _make(folder: str, shard: int, deadly: list[int], one_by_one: bool) -> dict[str, int] | str:
    """A task, on whichever node: how many rows of each status it wrote, or a sentence where it cannot."""
    node = platform.node()
    try:
        plan = existing_plan(pathlib.Path(folder))
        for place in plan.settings.data:
            if not is_address(place) and not os.path.exists(place):
                return f"The node {node} does not see {place}. Put the pictures where all nodes see them at the same place."
        note = _note(plan, shard)
        told = (lambda index: _write(note, index)) if one_by_one else None
        counts = make_shard(plan, shard, _network(folder, plan.settings.hash), told, deadly, one_by_one)
        note.unlink(missing_ok=True)
        return counts
    except AuditError as error:
        return f"On the node {node}: {error} Nodes must see {folder} at the same place."
    except OSError as error:
        return f"A shard cannot be written on the node {node}: {error}. What is complete is kept: the same command goes on."


@functools.lru_cache(maxsize=1)
def _network(folder: str, settings: str) -> Network:
    """The network of the run in `folder`, whose settings have that hash. Ray's processes serve for many tasks."""
    return Network.of_run(existing_plan(pathlib.Path(folder)).settings)


def _note(plan: Plan, shard: int) -> pathlib.Path:
    """Where a process that explains one by one says at which picture it is: what is left of it is taken away as parts are."""
    return plan.folder / "shards" / f".{shard:06}.at.part"


def _write(note: pathlib.Path, index: int) -> None:
    note.write_text(str(index), "ascii")


def _picture_at(plan: Plan, shard: int) -> list[int]:
    """At which picture of a shard a process was that is gone, if it had told."""
    try:
        return [int(_note(plan, shard).read_text("ascii"))]
    except (OSError, ValueError):
        return []


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise AuditError(f"Ray is not installed ({error}): pip install 'camoverlay[ray]'.") from None
