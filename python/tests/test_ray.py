"""A run on a Ray cluster of two nodes, each in a network namespace of its own, of which something is killed.

Needs root, iproute2 and Ray: `make ray-test`.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow.dataset
import pytest
from conftest import MEDIA, missing
from PIL import Image

PICTURES = 800
PATIENCE = 900
PORT = 6379
SPACES = ("camoverlay-1", "camoverlay-2")
HOSTS = ("10.77.0.1", "10.77.0.2")


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


@pytest.fixture(scope="module")
def spaces() -> Iterator[None]:
    """Two network namespaces with a cable between them."""
    if os.geteuid() != 0:
        missing("a run on a Ray cluster", "only root can make network namespaces")
    if importlib.util.find_spec("ray") is None:
        missing("a run on a Ray cluster", "Ray is not installed")
    for space in SPACES:
        ip("netns", "del", space, check=False)
        ip("netns", "add", space)
    ip("link", "add", "camoverlay-a", "netns", SPACES[0], "type", "veth", "peer", "name", "camoverlay-b", "netns", SPACES[1])
    for space, host, link in zip(SPACES, HOSTS, ("camoverlay-a", "camoverlay-b"), strict=True):
        ip("-n", space, "addr", "add", f"{host}/24", "dev", link)
        ip("-n", space, "link", "set", link, "up")
        ip("-n", space, "link", "set", "lo", "up")
    yield
    for space in SPACES:
        ip("netns", "del", space, check=False)


class Node:
    """`ray start` in a namespace, with all that it starts in one session of processes."""

    def __init__(self, number: int, folder: pathlib.Path) -> None:
        command = ["ip", "netns", "exec", SPACES[number], sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        command += [f"--node-ip-address={HOSTS[number]}", "--num-cpus=1", "--object-store-memory=100000000"]
        if number == 0:
            command += ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}"]
        else:
            command += [f"--address={HOSTS[0]}:{PORT}"]
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
        self.log = (folder / f"node-{number}.txt").open("ab")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, env=environment, cwd="/", start_new_session=True
        )

    def kill(self) -> None:
        """As a machine that loses its power."""
        for process in [self.process.pid, *descendants(self.process.pid)]:
            end(process)
        self.process.wait()
        self.log.close()


def end(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def descendants(process: int) -> list[int]:
    """All processes that this one started, and they in turn."""
    parents: dict[int, list[int]] = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, open_ = [], [process]
    while open_:
        children = parents.get(open_.pop(), [])
        found += children
        open_ += children
    return found


def at_work(node: Node) -> list[int]:
    """The processes of a node that have a task in hand."""
    found = []
    for process in descendants(node.process.pid):
        try:
            title = pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_make"):
            found.append(process)
    return found


@pytest.fixture
def cluster(spaces: None, tmp_path: pathlib.Path) -> Iterator[list[Node]]:
    # The paths of Ray's sockets must be short.
    folder = pathlib.Path(f"/tmp/camoverlay-ray-{os.getpid()}-{time.monotonic_ns() % 10**6}")
    folder.mkdir()
    nodes = [Node(0, folder)]
    try:
        wait_for(lambda: knocks(HOSTS[0]), "the head to answer")
        nodes.append(Node(1, folder))
        yield nodes
    finally:
        for node in reversed(nodes):
            node.kill()
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def knocks(host: str) -> bool:
    script = f"import socket; socket.create_connection(({host!r}, {PORT}), 2)"
    command = ["ip", "netns", "exec", SPACES[0], sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True).returncode == 0


def wait_for(condition: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"Waited for {what} for {PATIENCE} s."
        time.sleep(0.1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(5)
    for photo, label in (("chelsea.png", "Egyptian cat"), ("coffee.png", "espresso")):
        with Image.open(MEDIA / photo) as image:
            whole = image.convert("RGB")
        (folder / label).mkdir()
        for number in range(PICTURES // 2):
            left, top = random.integers(0, 100, 2)
            part = whole.crop((left, top, left + 200, top + 200)).resize((227, 227))
            part.save(folder / label / f"{number:04}.jpg", quality=90)
    return folder


def begin(photos: pathlib.Path, out: pathlib.Path) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", SPACES[0], sys.executable, "-m", "camoverlay.audit.cli", "run", str(photos)]
    command += ["--out", str(out), "--ray", f"{HOSTS[0]}:{PORT}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, text=True, cwd="/", start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def finish(driver: subprocess.Popen[str]) -> None:
    said, _ = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, said


def shards(out: pathlib.Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "shards").glob("*.parquet")}


def assert_complete(out: pathlib.Path) -> None:
    """Rows = distinct = N, and every picture was explained."""
    table = pyarrow.dataset.dataset(out / "shards", exclude_invalid_files=False).to_table(columns=["index", "path", "status"])
    rows = table.to_pylist()
    assert len(rows) == PICTURES
    assert len({row["path"] for row in rows}) == PICTURES
    assert sorted(row["index"] for row in rows) == list(range(PICTURES))
    assert not [row for row in rows if row["status"] == "error"]
    assert not list((out / "shards").glob(".*"))


def test_what_is_killed_is_made_again(cluster: list[Node], photos: pathlib.Path, tmp_path: pathlib.Path) -> None:
    # A process of a node.
    out = tmp_path / "worker"
    driver = begin(photos, out)
    wait_for(lambda: len(shards(out)) >= 3 and at_work(cluster[1]), "work on the second node")
    for process in at_work(cluster[1]):
        end(process)
    finish(driver)
    assert_complete(out)

    # Who hands out. What is complete is not made again.
    out = tmp_path / "driver"
    driver = begin(photos, out)
    wait_for(lambda: len(shards(out)) >= 3 and at_work(cluster[1]), "work on the second node")
    for process in [*descendants(driver.pid), driver.pid]:
        end(process)
    driver.communicate()
    wait_for(lambda: not any(at_work(node) for node in cluster), "the tasks of who is gone to end")
    before = shards(out)
    assert 3 <= len(before) < PICTURES // 20
    finish(begin(photos, out))
    assert before.items() <= shards(out).items()
    assert_complete(out)

    # A node.
    out = tmp_path / "node"
    driver = begin(photos, out)
    wait_for(lambda: len(shards(out)) >= 3 and at_work(cluster[1]), "work on the second node")
    cluster[1].kill()
    finish(driver)
    assert_complete(out)


def test_what_cannot_work_is_told(cluster: list[Node], photos: pathlib.Path, tmp_path: pathlib.Path) -> None:
    # No cluster where one is said to be.
    command = [sys.executable, "-m", "camoverlay.audit.cli", "run", str(photos), "--out", str(tmp_path / "a")]
    said = subprocess.run([*command, "--ray", "127.0.0.1:9"], capture_output=True, text=True, cwd="/", timeout=120)
    assert said.returncode == 1
    assert "There is no Ray cluster to be had at 127.0.0.1:9" in said.stderr
    # Nodes that do not see the pictures: those of a file system that is the driver's alone.
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    script = (
        f"mount -t tmpfs tmpfs {hidden} && cp -r {photos} {hidden}/photos && exec ip netns exec {SPACES[0]} {sys.executable} "
    )
    script += f"-m camoverlay.audit.cli run {hidden}/photos --out {tmp_path}/b --ray {HOSTS[0]}:{PORT}"
    told = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, cwd="/", timeout=PATIENCE)
    assert told.returncode == 1, told.stderr
    assert f"does not see {hidden}/photos" in told.stderr
