"""Sets what execution providers make of photos next to what cpu does: top-1, scores and class maps.

    agreement.py --inspect target/release/camoverlay-inspect [--model FILE.onnx ...] [--write docs/providers.md] [PHOTO ...]

The networks of the catalogue that are installed are taken, and those named by --model. Of each photo, its four
quarters and its middle are taken too.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "<!-- agreement: written by make agreement -->"
END = "<!-- agreement: end -->"
PRECISIONS = ["auto", "float32", "reduced"]
# Pictures that are made of a photo, itself first.
PARTS = 6


@dataclass
class Seen:
    """What a provider made of a picture: the best class, the scores of the classes reported, the class map."""

    best: int
    scores: dict[int, float]
    values: np.ndarray


def pictures(photos: list[Path], folder: Path) -> list[Path]:
    """The photos and parts of them, as PNG in `folder`."""
    made = []
    for photo in photos:
        with Image.open(photo) as image:
            whole = image.convert("RGB")
        width, height = whole.size
        boxes = [(0, 0, width, height), (width // 4, height // 4, width * 3 // 4, height * 3 // 4)]
        boxes += [(x, y, x + width // 2, y + height // 2) for x in (0, width // 2) for y in (0, height // 2)]
        for index, box in enumerate(boxes):
            made.append(folder / f"{photo.stem}-{index}.png")
            whole.crop(box).save(made[-1])
    return made


def run(inspect: str, arguments: list[str]) -> dict | list:
    done = subprocess.run([inspect, *arguments, "--json"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def look(inspect: str, network: list[str], provider: list[str], picture: Path) -> Seen:
    said = run(inspect, [*network, *provider, "--image", str(picture), "--top-k", "100", "--target", "top-1"])
    top = said["top"]
    values = np.array(said["map"], dtype=np.float64)
    return Seen(top[0]["id"], {one["id"]: one["score"] for one in top}, values.ravel())


def compare(right: list[Seen], found: list[Seen]) -> dict[str, float | str]:
    """How far pictures agree; maps are compared where both explain the same class."""
    same = [a.best == b.best for a, b in zip(right, found, strict=True)]
    off = [abs(a.scores[k] - b.scores[k]) for a, b in zip(right, found, strict=True) for k in a.scores.keys() & b.scores.keys()]
    pairs = [(a.values, b.values) for a, b, is_same in zip(right, found, same, strict=True) if is_same]
    correlations = [float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 1.0 for a, b in pairs]
    photos = same[::PARTS]
    counts = {"photos": f"{sum(photos)} of {len(photos)}", "parts": f"{sum(same) - sum(photos)} of {len(same) - len(photos)}"}
    return counts | {"score": max(off), "map": min(correlations, default=float("nan"))}


def rows(inspect: str, networks: dict[str, list[str]], made: list[Path]) -> list[str]:
    lines = ["| network | provider | `precision` | device | same best class: photos | parts of them | score off by | correlation of maps |"]
    lines.append("|---" * 8 + "|")
    for name, network in networks.items():
        right: list[Seen] = []
        for precision in PRECISIONS:
            for found in run(inspect, [*network, "--providers", "--precision", precision])[1:]:
                if "time" not in found:
                    continue
                if not right:
                    right = [look(inspect, network, [], picture) for picture in made]
                provider = ["--provider", found["provider"], "--precision", precision]
                agreed = compare(right, [look(inspect, network, provider, picture) for picture in made])
                lines.append(
                    f"| {name} | `{found['provider']}` | `{precision}` | {found['device']} "
                    f"| {agreed['photos']} | {agreed['parts']} | {agreed['score']:.4f} | {agreed['map']:.5f} |"
                )
                print(lines[-1], flush=True)
    return lines


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "an unknown processor")
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    has = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in flags]
    count = sum(line.startswith("processor\t") for line in lines)
    return f"{model}, {count} threads, {has[0] if has else 'no vectors'}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--inspect", required=True)
    parser.add_argument("--model", action="append", type=Path, default=[])
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    folder = ROOT / ".deps/share/camoverlay/models"
    networks = {path.stem: [str(path)] for path in sorted(folder.glob("*.onnx"))}
    networks |= {path.stem: [str(path)] for path in options.model}
    photos = options.photos or [ROOT / "examples/media" / name for name in ("chelsea.png", "coffee.png")]
    with tempfile.TemporaryDirectory() as temporary:
        made = pictures(photos, Path(temporary))
        lines = rows(options.inspect, networks, made)
    if len(lines) == 2:
        sys.exit("No execution provider is installed.\nInstall one: make provider NAME=openvino")
    text = "\n".join(lines) + f"\n\nOn {processor()}; {len(made)} pictures: {', '.join(photo.name for photo in photos)}, and parts of them.\n"
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        replaced, count = re.subn(f"(?s)(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", lambda _: text, page)
        if count != 1:
            sys.exit(f"{options.write} has no place for the table: the lines {BEGIN} and {END} are missing.")
        options.write.write_text(replaced, encoding="utf-8")


if __name__ == "__main__":
    main()
