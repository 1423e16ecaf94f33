"""A process for each core, a shard at a time; what ends a process is found and left out."""

from __future__ import annotations

import collections
import dataclasses
import multiprocessing
import os
import pathlib
import signal
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from typing import Any

from .errors import AuditError
from .listing import Plan, existing_plan
from .network import Network
from .shard import make_shard

DEADLY = 2
"""Processes that die on a picture before it is left out: the first may have been killed for another reason."""

MOST_DEATHS = 20
"""Processes that die in a row before it is given up: then it is not the pictures."""

REPORT_EVERY = 0.5
"""Seconds between two reports of a process on how far it is."""


@dataclasses.dataclass(frozen=True)
class State:
    """How far the work is; of shards that are under way, what their processes have told."""

    done: int
    errors: int


Watch = Callable[[State], None]


class _Worker:
    """A process, and what it is at."""

    def __init__(self, plan: Plan) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Where the process is, which outlives it.
        self.current = context.Value("q", -1, lock=False)
        self.process = context.Process(target=_serve, args=(str(plan.folder), theirs, self.current), daemon=True)
        self.process.start()
        theirs.close()
        self.shard: int | None = None

    def begin(self, shard: int, deadly: frozenset[int] = frozenset(), one_by_one: bool = False) -> None:
        self.shard, self.current.value = shard, -1
        self.connection.send((shard, deadly, one_by_one))

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def run(plan: Plan, shards: Iterable[int], processes: int, watch: Watch) -> None:
    """Makes the shards. `watch` is told now and then, from this thread, how far it is.

    Raises:
        AuditError: where a process cannot begin, a shard cannot be written, or processes die whatever they open.
    """
    waiting = collections.deque(shards)
    died_at: collections.Counter[int] = collections.Counter()
    one_by_one: set[int] = set()
    finished = State(0, 0)
    deaths = 0
    workers = [_Worker(plan) for _ in range(max(1, min(processes, len(waiting))))] if waiting else []
    try:
        for worker in workers:
            worker.begin(waiting.popleft())
        while any(worker.shard is not None for worker in workers):
            for connection in wait([worker.connection for worker in workers if worker.shard is not None], timeout=REPORT_EVERY):
                number = next(number for number, worker in enumerate(workers) if worker.connection is connection)
                worker = workers[number]
                answer = _receive(worker.connection)
                shard = worker.shard
                assert shard is not None
                if answer is None:
                    worker.process.join(1)
                    deaths += 1
                    died_at[worker.current.value] += 1
                    one_by_one.add(shard)
                    if deaths > MOST_DEATHS:
                        raise AuditError(
                            f"Processes die again and again (exit code {worker.process.exitcode}), the last one at "
                            f"{_name(plan, worker.current.value)}. Give them more memory, or fewer of them (--processes)."
                        )
                    worker.stop()
                    plan.clear_parts([shard])
                    waiting.appendleft(shard)
                    workers[number] = worker = _Worker(plan)
                elif isinstance(answer, str):
                    raise AuditError(answer)
                else:
                    deaths = 0
                    finished = State(finished.done + sum(answer.values()), finished.errors + answer.get("error", 0))
                worker.shard = None
                if waiting:
                    shard = waiting.popleft()
                    worker.begin(
                        shard, frozenset(index for index, times in died_at.items() if times >= DEADLY), shard in one_by_one
                    )
            watch(_so_far(plan, finished, workers))
    finally:
        for worker in workers:
            worker.stop()


def _so_far(plan: Plan, finished: State, workers: list[_Worker]) -> State:
    under_way = [worker for worker in workers if worker.shard is not None]
    # Indices are told before a picture is opened.
    done = sum(max(0, worker.current.value - plan.first(worker.shard or 0)) for worker in under_way)
    return State(finished.done + done, finished.errors)


def _name(plan: Plan, index: int) -> str:
    return plan.item(index).name if index >= 0 else "the beginning"


def _receive(connection: Connection) -> Any:
    """What a process says; None where it is dead."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def _serve(folder: str, connection: Connection, current: Any) -> None:
    """A process: shards in, counts out, or a sentence where it cannot go on."""
    parent = os.getppid()
    # Who interrupts stops the parent, which stops its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def told(index: int) -> None:
        current.value = index
        if os.getppid() != parent:
            os._exit(1)

    try:
        plan = existing_plan(pathlib.Path(folder))
        network = Network.of_run(plan.settings)
        while True:
            shard, deadly, one_by_one = connection.recv()
            connection.send(make_shard(plan, shard, network, told, deadly, one_by_one))
    except (EOFError, BrokenPipeError):
        pass  # The parent is gone.
    except AuditError as error:
        connection.send(str(error))
    except OSError as error:
        connection.send(f"A shard cannot be written: {error}. What is complete is kept: make room, and start again.")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
