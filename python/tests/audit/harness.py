"""What the tests of the audit share: the command, rows, and a biased data set with a network that fell for it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any

import pyarrow.dataset

COMMAND = pathlib.Path(sys.executable).with_name("camoverlay-audit")


def audit(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs `camoverlay-audit`, which must end with this exit code."""
    done = subprocess.run(
        [COMMAND, *(os.fspath(one) if isinstance(one, os.PathLike) else str(one) for one in arguments)],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def rows_of(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The rows of a run, in order."""
    table = pyarrow.dataset.dataset(folder / "shards", exclude_invalid_files=False).to_table()
    return sorted(table.to_pylist(), key=lambda row: row["index"])


@dataclasses.dataclass(frozen=True)
class Planted:
    """The biased pictures, and the run of the network that was fitted to such ones."""

    pictures: pathlib.Path
    network: pathlib.Path
    run: pathlib.Path
