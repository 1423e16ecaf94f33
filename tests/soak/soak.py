"""A day in the life, as long as wanted: soak.py SECONDS PROGRAMS.

Live pipelines of each mode, an RTSP server and a relay of it with clients that come and go, some of them killed, a recording
of the relay in segments, and one of a camera that is killed and comes back, all at once. Writes a table of what each
process takes, and says at the end what grew and what was lost: exit code 1 then. PROGRAMS is the folder of the built
plugin and programs.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
RATE = 15
CLIP = (
    f"gst-launch-1.0 -q videotestsrc num-buffers=300 pattern=smpte ! video/x-raw,width=320,height=240,framerate={RATE}/1 ! "
    "x264enc tune=zerolatency key-int-max=15 ! mp4mux ! filesink location={}"
)
LIGHT = ["--inference", "latest", "--input-size", "160", "--threads", "1"]

WARM_UP = 0.25
"""Share of the run after which nothing may grow, at most the ten minutes of a long one."""
MOST_WARM_UP_S = 600
GROWTH_MIB = 16
"""What may come and go: clients' buffers, and what allocators keep."""
OUTAGES = 8
"""How often the camera is killed; it is away for two seconds."""
OUTAGE_S = 2.0
MOST_LOST = 0.01
"""Share of a recording's frames that RTSP may lose where several processes want the same cores."""


@dataclass
class Sample:
    time: float
    memory_mib: float
    descriptors: int
    threads: int


@dataclass
class Process:
    name: str
    child: subprocess.Popen
    log: Path
    samples: list[Sample] = field(default_factory=list)

    def sample(self, elapsed: float) -> None:
        proc = Path(f"/proc/{self.child.pid}")
        try:
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            count = len(os.listdir(proc / "fd"))
        except (OSError, ValueError):
            return
        if "VmRSS" in status:
            memory = int(status["VmRSS"].split()[0]) / 1024
            self.samples.append(Sample(elapsed, memory, count, int(status["Threads"])))

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


def grown(process: Process, warm_up: float, length: float) -> list[str]:
    """What the last quarter has more of than what came after the warm-up and before the middle of the rest."""
    middle = warm_up + (length - warm_up) / 2
    early = [sample for sample in process.samples if warm_up <= sample.time < middle]
    late = [sample for sample in process.samples if sample.time >= length - (length - warm_up) / 4]
    if not early or not late:
        return [f"{process.name}: it was not there to be measured"]
    faults = []
    for what, slack in [("memory_mib", GROWTH_MIB), ("descriptors", 8), ("threads", 8)]:
        before = max(getattr(sample, what) for sample in early)
        after = min(getattr(sample, what) for sample in late)
        if after > before + slack:
            faults.append(f"{process.name}: {what} grew from {before:.0f} to {after:.0f}")
    return faults


class Soak:
    def __init__(self, length: float, programs: Path, folder: Path) -> None:
        self.length, self.programs, self.folder = length, programs, folder
        self.start = time.monotonic()
        self.processes: list[Process] = []
        self.clients: list[tuple[subprocess.Popen, float]] = []
        self.client_count = 0

    def elapsed(self) -> float:
        return time.monotonic() - self.start

    def launch(self, name: str, *command: str | Path) -> Process:
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            child = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
        process = Process(name, child, log)
        self.processes.append(process)
        return process

    def serve(self, name: str, port: int, source: str | Path) -> tuple[Process, str]:
        program = self.programs / "camoverlay-rtsp"
        process = self.launch(name, program, source, "--port", str(port), *LIGHT)
        until = time.monotonic() + 60
        while not any(line.startswith("Serving ") for line in process.lines()):
            if process.child.poll() is not None or time.monotonic() > until:
                sys.exit(f"{name} does not start: {process.log.read_text()}")
            time.sleep(0.2)
        return process, f"rtsp://127.0.0.1:{port}/cam"

    def record(self, name: str, address: str, segment: int, *options: str) -> Process:
        output = self.folder / f"{name}.mkv"
        segments = ["--segment", f"{segment}s"]
        return self.launch(name, self.programs / "camoverlay-record", address, "-o", output, *segments, *options, *LIGHT)

    def kill_and_bring_back(self, camera: Process, clip: Path) -> Process:
        """The camera, started again where it was: it is not measured, being another process each time."""
        camera.child.kill()
        camera.child.wait()
        self.processes.remove(camera)
        time.sleep(OUTAGE_S)
        return self.serve("camera", 8653, clip)[0]

    def come_and_go(self, address: str, random_: random.Random) -> None:
        for client in [client for client in self.clients if client[1] < self.elapsed()]:
            self.clients.remove(client)
            client[0].send_signal(random_.choice([signal.SIGINT, signal.SIGKILL]))
            client[0].wait()
        if len(self.clients) < 6:
            protocol = random_.choice(["tcp", "udp"])
            line = f"rtspsrc location={address} protocols={protocol} ! fakesink"
            quiet = subprocess.DEVNULL
            client = subprocess.Popen(["gst-launch-1.0", "-q", *line.split()], stdout=quiet, stderr=quiet)
            self.clients.append((client, self.elapsed() + random_.uniform(1, 20)))
            self.client_count += 1

    def run(self) -> list[str]:
        seconds = int(self.length)
        clip = self.folder / "clip.mp4"
        subprocess.run(CLIP.format(clip).split(), check=True)
        live = [
            self.launch(f"live {mode}", sys.executable, HERE / "live.py", mode, str(seconds))
            for mode in ("every-frame", "latest")
        ]
        _, server = self.serve("server", 8651, clip)
        _, relay = self.serve("relay", 8652, server)
        camera, unsteady = self.serve("camera", 8653, clip)
        segment = max(10, seconds // 12)
        recordings = [
            self.record("recording", relay, segment),
            self.record("reconnecting", unsteady, segment, "--reconnect"),
        ]
        outages = 0
        random_ = random.Random(1)
        while self.elapsed() < self.length:
            for process in self.processes:
                process.sample(self.elapsed())
            self.come_and_go(relay, random_)
            if self.elapsed() > self.length * (outages + 1) / (OUTAGES + 1):
                camera = self.kill_and_bring_back(camera, clip)
                outages += 1
            time.sleep(min(2.0, self.length / 100))
        faults = [
            f"{process.name} ended by itself: {process.lines()[-1:]}"
            for process in self.processes
            if process not in live and process.child.poll() is not None
        ]
        for client, _ in self.clients:
            client.kill()
            client.wait()
        for recording in recordings:
            recording.child.send_signal(signal.SIGINT)
            if recording.child.wait(timeout=120) != 0:
                faults.append(f"{recording.name}: exit code {recording.child.returncode}: {recording.lines()[-1:]}")
        for process in self.processes:
            if process in live:
                process.child.wait(timeout=120)
            elif process.child.poll() is None:
                process.child.send_signal(signal.SIGINT)
                process.child.wait(timeout=60)
        for process in live:
            faults += lost(process, seconds)
        faults += recorded(self.folder, "recording", outages=0)
        faults += recorded(self.folder, "reconnecting", outages=outages)
        self.processes.remove(camera)
        warm_up = min(self.length * WARM_UP, MOST_WARM_UP_S)
        for process in self.processes:
            faults += grown(process, warm_up, self.length)
        return faults


def lost(process: Process, seconds: int) -> list[str]:
    """What a live pipeline did not show, or not announce."""
    last = json.loads(process.lines()[-1])
    print(f"{process.name}: {last}")
    if "error" in last:
        return [f"{process.name}: {last['error']}"]
    faults = []
    if last["in"] != last["out"]:
        faults.append(f"{process.name}: {last['in']} frames went in and {last['out']} came out")
    most = 10 + seconds / 5
    if last["latency_messages"] > most:
        faults.append(f"{process.name}: {last['latency_messages']} latency messages in {seconds} s")
    return faults


def recorded(folder: Path, name: str, outages: int) -> list[str]:
    """Segments that do not play, or lack frames that were served: but for the outages they follow at the clip's rate."""
    faults, frames, lost, gaps = [], 0, 0, []
    segments = sorted(folder.glob(f"{name}*.mkv"))
    for segment in segments:
        command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries"]
        command += ["frame=pts_time", "-of", "csv=p=0", str(segment)]
        probe = subprocess.run(command, capture_output=True, text=True, check=False)
        times = [float(line.split(",")[0]) for line in probe.stdout.split()]
        if probe.returncode or probe.stderr or not times:
            faults.append(f"{segment.name} does not play: {probe.stderr.strip()}")
        frames += len(times)
        steps = [after - before for before, after in zip(times, times[1:])]
        gaps += [step for step in steps if step >= OUTAGE_S]
        lost += sum(max(0, round(step * RATE) - 1) for step in steps if step < OUTAGE_S)
    rounded = [round(gap, 1) for gap in gaps]
    print(f"{name}: {len(segments)} segments, {frames} frames, {lost} lost, gaps of seconds: {rounded}")
    if len(segments) < 2 or not frames:
        faults.append(f"{name}: there are no segments")
    if lost > MOST_LOST * frames:
        faults.append(f"{name}: {lost} frames of {frames + lost} are lost")
    if len(gaps) > outages:
        faults.append(f"{name}: {len(gaps)} gaps, and {outages} outages")
    return faults + [f"{part.name} is left" for part in folder.glob(f"{name}*.part")]


def table(processes: list[Process], rows: int = 12) -> str:
    names = [process.name for process in processes]
    lines = ["| time | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    times = sorted({round(sample.time) for process in processes for sample in process.samples})
    for moment in times[:: max(1, len(times) // rows)]:
        cells = []
        for process in processes:
            near = min(process.samples, key=lambda sample: abs(sample.time - moment), default=None)
            cells.append(f"{near.memory_mib:.0f}, {near.descriptors}, {near.threads}" if near else "")
        lines.append(f"| {moment // 60}:{moment % 60:02} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float)
    parser.add_argument("programs", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="camoverlay-soak-"))
    os.environ["GST_PLUGIN_PATH"] = f"{arguments.programs}:{os.environ.get('GST_PLUGIN_PATH', '')}"
    soak = Soak(arguments.seconds, arguments.programs.resolve(), folder)
    try:
        faults = soak.run()
    finally:
        for process in soak.processes:
            process.child.kill()
        for client, _ in soak.clients:
            client.kill()
    print(f"\nMemory in MiB, descriptors and threads; {soak.client_count} clients came and went.\n")
    print(table(soak.processes))
    print("\n" + ("\n".join(faults) or f"Nothing grew and nothing was lost in {arguments.seconds:.0f} s."))
    if faults:
        sys.exit(f"Logs are in {folder}.")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
