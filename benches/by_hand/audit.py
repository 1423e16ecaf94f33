"""What an audit costs: pictures a second next to a plain loop, memory, bytes a row, and how long a report takes.

make audit-scale            all of it, in an hour or less on two cores
make audit-scale PART=rate  1,500 photos next to a plain loop; class: 5,000 of one class; many: 100,000 small pictures
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time

import numpy as np
import pyarrow.dataset
from camoverlay.audit.decoding import decode

import camoverlay

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "python" / "tests"))
from audit import photos

AUDIT = [sys.executable, "-m", "camoverlay.audit.cli"]
PROCESSES = 2


def plain_loop(files: list[str]) -> None:
    """What anybody would write: decode, explain, next."""
    explainer = camoverlay.Explainer(threads=1)
    for file in files:
        pixels, _ = decode(pathlib.Path(file).read_bytes(), explainer.scaled_size)
        explainer.explain(pixels)


def time_of_loop(files: list[str]) -> tuple[float, float]:
    """Seconds, and seconds of processor time, of two processes that share the files."""
    before, start = time_of_children(), time.monotonic()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=plain_loop, args=(files[number::PROCESSES],)) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.monotonic() - start, time_of_children() - before


def time_of_children() -> float:
    """Seconds of processor time of all processes that were started and have ended."""
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


def resident(process: int) -> float:
    """MiB that a process and those it started take, shared pages shared out."""
    total = 0.0
    try:
        for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) / 1024
        for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split():
            total += resident(int(child))
    except OSError:
        pass  # It has just ended.
    return total


def run(*arguments: object) -> tuple[float, list[float]]:
    """Runs the command: its seconds, and what it took of memory, each second."""
    process = subprocess.Popen([*AUDIT, *map(str, arguments)], stdout=subprocess.DEVNULL)
    start, memory = time.monotonic(), []
    while process.poll() is None:
        time.sleep(1)
        memory.append(resident(process.pid))
    if process.returncode not in (0, 3):
        raise SystemExit(f"camoverlay-audit {' '.join(map(str, arguments))} ended with {process.returncode}")
    return time.monotonic() - start, memory[:-1] or memory


def bytes_a_row(folder: pathlib.Path) -> float:
    shards = list((folder / "shards").iterdir())
    rows = pyarrow.dataset.dataset(folder / "shards").count_rows()
    return sum(path.stat().st_size for path in shards) / rows


def make_photos(folder: pathlib.Path, count: int) -> None:
    """As data sets of photos have them: 500 x 375."""
    random = np.random.default_rng(0)
    names = list(photos.PHOTOS)
    for number in range(count):
        place = folder / names[number % len(names)]
        place.mkdir(parents=True, exist_ok=True)
        picture = photos.picture(names[number % len(names)], random, "audit", 500)
        picture.crop((0, 0, 500, 375)).save(place / f"{number:06}.jpg", quality=90)


def make_small(folder: pathlib.Path, count: int, classes: list[str]) -> None:
    """Small pictures, shared out to classes; all of them different."""
    random = np.random.default_rng(0)
    names = list(photos.PHOTOS)
    pool = [np.asarray(photos.picture(names[number % len(names)], random, "audit", 160)) for number in range(600)]
    for number in range(count):
        place = folder / classes[number % len(classes)]
        if number < len(classes):
            place.mkdir(parents=True)
        x, y = random.integers(0, 64, 2)
        cut = np.clip(pool[number % len(pool)][y : y + 96, x : x + 96].astype(np.int16) + random.integers(-20, 20, 3), 0, 255)
        photos.Image.fromarray(cut.astype(np.uint8)).save(place / f"{number:06}.jpg", quality=85)


def rate(work: pathlib.Path) -> None:
    make_photos(work / "photos", 1500)
    files = sorted(str(path) for path in (work / "photos").rglob("*.jpg"))
    print("| run | plain loop, pictures/s, start included | audit | share | processor time a picture, loop | audit |")
    print("|---|---|---|---|---|---|")
    for turn in range(3):
        loop, of_loop = time_of_loop(files)
        before = time_of_children()
        shutil.rmtree(work / "run", ignore_errors=True)
        seconds, _ = run("run", work / "photos", "--out", work / "run", "--processes", PROCESSES)
        of_run = time_of_children() - before
        told = f"| {turn + 1} | {1500 / loop:.0f} | {1500 / seconds:.0f} | {loop / seconds:.0%} "
        print(told + f"| {of_loop / 1.5:.1f} ms | {of_run / 1.5:.1f} ms |", flush=True)
    print(f"\n{bytes_a_row(work / 'run'):.0f} bytes a row; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def many(work: pathlib.Path, count: int = 100_000) -> None:
    labels = [f"{number}" for number in range(1000)]
    make_small(work / "small", count, labels)
    seconds, memory = run("run", work / "small", "--out", work / "run", "--processes", PROCESSES)
    quarter = max(1, len(memory) // 4)
    print(f"{count} pictures: {count / seconds:.0f} a second, load {os.getloadavg()[0]:.1f}")
    print(
        f"memory: at most {max(memory):.0f} MiB; means of its quarters "
        + ", ".join(f"{np.mean(memory[start : start + quarter]):.0f}" for start in range(0, 4 * quarter, quarter))
    )
    print(f"{bytes_a_row(work / 'run'):.0f} bytes a row with three maps and features")
    seconds, memory = run("report", work / "run")
    print(f"report: {seconds:.0f} s, at most {max(memory):.0f} MiB, load {os.getloadavg()[0]:.1f}")
    seconds, _ = run("report", work / "run", "--single-file")
    print(f"single file: {seconds:.0f} s, {(work / 'run' / 'report.html').stat().st_size / 1e6:.1f} MB")


def one_class(work: pathlib.Path) -> None:
    make_small(work / "class", 5000, ["tabby"])
    run("run", work / "class", "--out", work / "of-class", "--maps", "predicted", "--no-features")
    print(f"5,000 of one class: {bytes_a_row(work / 'of-class'):.0f} bytes a row with the predicted class's map alone")
    seconds, _ = run("report", work / "of-class")
    print(f"report: {seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["rate", "many", "class", ""], default="")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="an empty folder for pictures and rows")
    options = parser.parse_args()
    for name, part in {"rate": rate, "class": one_class, "many": many}.items():
        if options.part in ("", name):
            (options.work / name).mkdir(parents=True)
            part(options.work / name)


if __name__ == "__main__":
    main()
