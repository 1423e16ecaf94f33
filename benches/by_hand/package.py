#!/usr/bin/env python3
"""What the Python package adds to the core's own time for a picture, the two taking turns in one run.

    package.py --turns target/release/examples/turns --write python/README.md

needs the package installed: `make bench-package`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from camoverlay.explainer import onnxruntime_library
from PIL import Image

import camoverlay

TREE = Path(__file__).resolve().parents[2]
SIZES = [(450, 300), (640, 480), (1920, 1080), (4000, 3000)]
THREADS = [1, 2]
BEGIN, END = "<!-- by make bench-package -->\n", "<!-- to here -->\n"


def processor_time(process: int) -> float:
    """Seconds that a process has had of the processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(turns: Path, size: tuple[int, int], threads: int, rounds: int) -> tuple[float, float, float]:
    """Milliseconds that the core takes and the package, medians; and the package's processor time in the core's."""
    width, height = size
    with Image.open(TREE / "examples" / "media" / "chelsea.png") as photo:
        picture = np.asarray(photo.convert("RGB").resize(size))
    explainer = camoverlay.Explainer(threads=threads)
    with tempfile.NamedTemporaryFile(suffix=".rgb") as file:
        file.write(picture.tobytes())
        file.flush()
        command = [str(turns), file.name, str(width), str(height), str(threads)]
        environment = {**os.environ, "ORT_DYLIB_PATH": str(onnxruntime_library())}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, cwd=TREE, env=environment, **pipes) as core:
            times, processor = np.zeros((rounds, 2)), np.zeros(2)
            for number in range(-5, rounds):
                if number == 0:
                    processor = np.array([processor_time(core.pid), processor_time(os.getpid())])
                core.stdin.write("\n")
                core.stdin.flush()
                of_core = int(core.stdout.readline()) / 1e6
                start = time.perf_counter()
                explainer.explain(picture)
                times[number] = of_core, (time.perf_counter() - start) * 1e3
            processor = np.array([processor_time(core.pid), processor_time(os.getpid())]) - processor
            core.stdin.close()
    own, ours = np.median(times, axis=0)
    return float(own), float(ours), float(processor[1] / processor[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    lines = ["| picture | threads | core | package | package / core | of processor time |", "|---|---|---|---|---|---|"]
    for size in SIZES:
        for threads in THREADS:
            own, ours, share = measure(arguments.turns.resolve(), size, threads, arguments.rounds)
            of_time = f"{own:.2f} ms | {ours:.2f} ms | {ours / own:.3f} | {share:.3f}"
            lines.append(f"| {size[0]} x {size[1]} | {threads} | {of_time} |")
            print(lines[-1], flush=True)
    if arguments.write:
        text = arguments.write.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        arguments.write.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
