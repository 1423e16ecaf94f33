"""What the tests of the audit share: the command, rows, and a biased data set with a network that fell for it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any

import pyarrow.dataset
import pytest

import camoverlay

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import heads
import photos


def audit(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs `camoverlay-audit`, which must end with this exit code."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "camoverlay.audit.cli",
            *(os.fspath(one) if isinstance(one, os.PathLike) else str(one) for one in arguments),
        ],
        capture_output=True,
        text=True,
        timeout=300,
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


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    photos.make_set(folder / "fit", 40, "fit")
    photos.make_set(folder / "audit", 40, "audit")
    squeezenet = camoverlay.Explainer(net="squeezenet", threads=1).path
    heads.fit_head(squeezenet, folder / "fit", folder / "fitted.onnx")
    audit("run", folder / "audit", "--model", folder / "fitted.onnx", "--out", folder / "run")
    return Planted(folder / "audit", folder / "fitted.onnx", folder / "run")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Five pictures each of four classes."""
    folder = tmp_path_factory.mktemp("few") / "pictures"
    photos.make_set(folder, 5, classes=["Egyptian_cat", "espresso", "Pekinese", "missile"])
    return folder
