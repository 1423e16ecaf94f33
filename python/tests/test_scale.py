"""The command of docs/scale.md's manifest, run as an indexed Job would: a process for each index, lost ones started anew."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.dataset
from conftest import TREE, read
from PIL import Image

PICTURES = 120


def manifest_command() -> tuple[list[str], int]:
    """The command, and for how many indices it is."""
    text = (TREE / "docs" / "scale.md").read_text(encoding="utf-8")
    manifest = re.search(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert manifest is not None
    command = re.search(r"command: (\[.*\])", manifest[1])
    completions = re.search(r"completions: (\d+)", manifest[1])
    assert command is not None
    assert completions is not None
    return json.loads(command[1]), int(completions[1])


def test_every_index_makes_its_share(tmp_path: Path) -> None:
    command, completions = manifest_command()
    assert command[0] == "camoverlay-audit"
    assert command[-1] == f"$(JOB_COMPLETION_INDEX)/{completions}"
    photos = tmp_path / "photos" / "Egyptian cat"
    photos.mkdir(parents=True)
    whole = Image.fromarray(read("chelsea.png"))
    for number in range(PICTURES):
        whole.crop((number, number // 2, number + 200, number // 2 + 200)).save(photos / f"{number}.jpg")

    def start(index: int) -> subprocess.Popen[bytes]:
        places = {"/data/photos": str(tmp_path / "photos"), "/data/audit": str(tmp_path / "audit")}
        arguments = [places.get(one, one).replace("$(JOB_COMPLETION_INDEX)", str(index)) for one in command[1:]]
        return subprocess.Popen([sys.executable, "-m", "camoverlay.audit.cli", *arguments, "--processes", "1"], cwd="/")

    # Two at a time, since a test is no cluster; every fourth is lost at some moment, and comes again.
    waiting = list(range(completions))
    lost: set[int] = set()
    pods: dict[int, subprocess.Popen[bytes]] = {}
    while waiting or pods:
        while waiting and len(pods) < 2:
            index = waiting.pop(0)
            pods[index] = start(index)
            if index % 4 == 1 and index not in lost:
                lost.add(index)
                time.sleep(0.4 * index / completions)
                pods[index].send_signal(signal.SIGKILL)
        for index, pod in list(pods.items()):
            if pod.poll() is None:
                continue
            del pods[index]
            if pod.returncode:
                assert pod.returncode == -signal.SIGKILL
                waiting.append(index)
        time.sleep(0.05)
    assert lost
    rows = pyarrow.dataset.dataset(tmp_path / "audit" / "shards", exclude_invalid_files=False).to_table().to_pylist()
    assert len(rows) == len({row["path"] for row in rows}) == PICTURES
    assert sorted(row["index"] for row in rows) == list(range(PICTURES))
    assert not [row for row in rows if row["status"] == "error"]
