"""Where does a network look when it is right, and where when it is wrong?

eval "$(make -s env)"
/usr/bin/python3 examples/explain_dataset.py photos/ --output out/dataset
/usr/bin/python3 examples/explain_dataset.py photos/ --truth truth.csv --net efficientnet-lite0

The true class of an image is the name of its folder, or what the CSV file says (lines "file,class",
files relative to the folder). A class is what the element's target takes: a label, which wins over an
index, or an index, or a label's first name; underscores may stand for spaces. OUTPUT gets

results.csv          a line an image: truth, prediction, score of both, where the map is hot
CLASS-right.png      a contact sheet of the class: image, map of the predicted class
CLASS-wrong.png      image, map of the predicted class, map of the true class
CLASS-unknown.png    image, map of the predicted class, where the network has no such class
CLASS-*-mean.png     the mean map of those images

A mean map that is hot on the background, on a watermark or always at the same corner says that the
network learnt something about the training set, not about the class.
"""

import argparse
import base64
import csv
import pathlib
import re
import sys
import time

import gi
import numpy as np

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401 (GstApp: appsrc's and appsink's methods)

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
CELL = 240  # side of a contact sheet's cell, in pixels
GRID = 16  # side of a mean map, in cells
FIT = (
    f"videoscale add-borders=true ! video/x-raw,format=RGB,width={CELL},height={CELL},"
    "pixel-aspect-ratio=1/1 ! appsink sync=false name="
)
DECODE = (
    "uridecodebin name=file ! videoconvert ! videoflip video-direction=auto "
    "! videoscale ! video/x-raw,format=RGB,pixel-aspect-ratio=1/1 "
    "! tee name=t t. ! queue ! appsink name=full sync=false "
    f"t. ! queue ! {FIT}small"
)
PATIENCE = 10  # seconds without a picture


class Pipeline:
    """A running pipeline whose samples are asked for one by one."""

    def __init__(self, description):
        self.pipeline = Gst.parse_launch(description)

    def __getitem__(self, name):
        return self.pipeline.get_by_name(name)

    def play(self):
        self.pipeline.set_state(Gst.State.PLAYING)

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)

    def pull(self, name, patience=float("inf")):
        """The next sample of an appsink; RuntimeError with the words of whatever prevents it."""
        deadline = time.monotonic() + patience
        while not (sample := self[name].try_pull_sample(Gst.SECOND // 10)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"It has given nothing for {patience} seconds.")
            error = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
            if error or self[name].is_eos():
                self.stop()
                words = error.parse_error().gerror.message if error else "No picture is in it."
                raise RuntimeError(words)
        return sample


class Explainer:
    """One network, open for as long as the program runs."""

    def __init__(self, properties):
        self.pipeline = Pipeline(
            "appsrc name=frames format=time ! camoverlay name=cam attach-map=true "
            f"! videoconvert ! {FIT}overlays"
        )
        for name, value in properties.items():
            Gst.util_set_object_arg(self.pipeline["cam"], name, value)
        self.pipeline.play()
        self.classes = {}  # name: index, None where there is no such class

    def index(self, name: str, sample: Gst.Sample) -> int | None:
        """The index of the class called `name`, as the element has it; None if there is none."""
        if name not in self.classes:
            bus = self.pipeline.pipeline.get_bus()
            while bus.pop_filtered(Gst.MessageType.WARNING):
                pass  # about the network
            fields, _, _ = self.explain(sample, name)
            refused = bus.pop_filtered(Gst.MessageType.WARNING)
            is_rank = re.fullmatch(r"top-\d+", name)
            self.classes[name] = None if refused or is_rank else fields["target-id"]
        return self.classes[name]

    def explain(self, sample, target):
        """Fields of the metadata, the map (height x width), the overlay fitted into a cell."""
        self.pipeline["cam"].set_property("target", target)
        self.pipeline["frames"].push_sample(sample)
        result = self.pipeline.pull("overlays")
        fields = result.get_buffer().get_custom_meta("CamOverlayMeta").get_structure()
        heat = np.frombuffer(fields["map"].get_data(), np.float32)
        return fields, heat.reshape(fields["map-height"], fields["map-width"]), pixels(result)


def pixels(sample):
    """The RGB samples of a cell, CELL x CELL x 3 (its rows need no padding)."""
    buffer = sample.get_buffer()
    return np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).reshape(CELL, CELL, 3)


def read(path):
    """The image at its own size, as a sample, and fitted into a cell, as pixels."""
    decoder = Pipeline(DECODE)
    decoder["file"].set_property("uri", uri(path))
    decoder["file"].connect("autoplug-select", select)
    decoder.play()
    try:
        return decoder.pull("full", PATIENCE), pixels(decoder.pull("small", PATIENCE))
    finally:
        decoder.stop()


def prefer_what_turns():
    """Has decodebin find what GStreamer 1.22 gives no rank: the parser of JPEG, which reads the
    orientation, and gdk-pixbuf, which decodes BMP and TIFF."""
    for name, rank in (("jpegparse", Gst.Rank.PRIMARY), ("gdkpixbufdec", Gst.Rank.MARGINAL + 1)):
        factory = Gst.ElementFactory.find(name)
        if factory and factory.get_rank() == Gst.Rank.NONE:
            factory.set_rank(rank)


def select(_decoder, _pad, caps, factory):
    """0 tries a factory, 2 skips it: JPEG in CMYK is left to libav's decoder."""
    of_cmyk = "CMYK" in caps.to_string() or "YCCK" in caps.to_string()
    return 2 if factory.get_name() == "jpegdec" and of_cmyk else 0


def uri(path):
    """The URI of a picture. GIF and JPEG that lack their end are read on and on, or not at all."""
    data = path.read_bytes()
    if not data:
        raise RuntimeError("The file is empty.")
    if data.startswith(b"GIF8"):
        return "data:image/gif;base64," + base64.b64encode(data + b";").decode()
    if data.startswith(b"\xff\xd8\xff") and not data.endswith(b"\xff\xd9"):
        return "data:image/jpeg;base64," + base64.b64encode(data + b"\xff\xd9").decode()
    return path.resolve().as_uri()


def write_png(path, picture):
    """Writes `picture`, height x width x 3 bytes."""
    height, width = picture.shape[:2]
    to_4_bytes = -3 * width % 4  # GStreamer's rows end on a multiple of 4
    padded = np.pad(picture.reshape(height, -1), ((0, 0), (0, to_4_bytes)))
    encoder = Pipeline("appsrc name=picture ! pngenc ! appsink name=file")
    caps = f"video/x-raw,format=RGB,width={width},height={height},framerate=0/1"
    encoder["picture"].set_property("caps", Gst.Caps.from_string(caps))
    encoder.play()
    encoder["picture"].push_buffer(Gst.Buffer.new_wrapped(padded.tobytes()))
    data = encoder.pull("file").get_buffer()
    path.write_bytes(data.extract_dup(0, data.get_size()))
    encoder.stop()


def where(heat):
    """Centre of the positive part (shares of width and height), share of cells above half of the
    maximum, share of the positive part in the outermost eighth of the picture."""
    positive = np.maximum(heat, 0)
    positive = positive / max(positive.sum(), 1e-12)
    y, x = ((np.arange(n) + 0.5) / n for n in heat.shape)
    border = (np.minimum(y, 1 - y) < 1 / 8)[:, None] | (np.minimum(x, 1 - x) < 1 / 8)[None, :]
    area = np.mean(heat >= 0.5 * heat.max()) if heat.max() > 0 else 0
    return positive.sum(0) @ x, positive.sum(1) @ y, area, positive[border].sum()


def on_grid(heat):
    """The map from 0 to 1 on GRID x GRID cells, so that pictures of all shapes can be averaged."""
    rows, columns = (np.arange(GRID) * n // GRID for n in heat.shape)
    low, high = heat.min(), heat.max()
    return (heat[np.ix_(rows, columns)] - low) / max(high - low, 1e-12)


def images(folder, truth_file):
    """Path and true class of every image."""
    if truth_file:
        with open(truth_file, newline="") as lines:
            return [(folder / name, truth.strip()) for name, truth in csv.reader(lines)]
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [(path, path.parent.name) for path in found]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--truth", help="CSV file of file and class")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("out/dataset"))
    element = parser.add_argument_group("properties of the element")
    for name in ("net", "model", "labels", "preprocess", "method"):
        element.add_argument(f"--{name}")
    options = parser.parse_args()
    names = ("net", "model", "labels", "preprocess", "method")
    given = {name: getattr(options, name) for name in names if getattr(options, name)}
    Gst.init(None)
    prefer_what_turns()
    options.output.mkdir(parents=True, exist_ok=True)

    explainer = Explainer(given)
    sheets, maps = {}, {}  # (class, right, wrong or unknown): rows of cells, maps on the grid
    unknown = set()  # classes that were told of
    # Names of files need not be text.
    with open(options.output / "results.csv", "w", newline="", errors="surrogateescape") as file:
        table = csv.writer(file)
        table.writerow(
            "file truth predicted score truth_score right centre_x centre_y hot_area border".split()
        )
        for path, truth in images(options.folder, options.truth):
            try:
                sample, small = read(path)
            except (RuntimeError, OSError) as error:
                print(f"{path}: {error}", file=sys.stderr)
                continue
            fields, heat, overlay = explainer.explain(sample, "top-1")
            label, score, truth_score = fields["target-label"], fields["target-score"], ""
            true_index = explainer.index(truth, sample)
            if true_index is None:
                kind = "unknown"
            elif true_index == fields["target-id"]:
                kind = "right"
            else:
                kind = "wrong"
            cells = [small, overlay]
            if kind == "wrong":
                of_truth, _, overlay = explainer.explain(sample, f"#{true_index}")
                truth_score = f"{of_truth['target-score']:.4f}"
                cells.append(overlay)
            elif kind == "unknown" and truth not in unknown:
                print(f"{path}: the network knows no class {truth}", file=sys.stderr)
                unknown.add(truth)
            place = [f"{share:.3f}" for share in where(heat)]
            right = "" if kind == "unknown" else int(kind == "right")
            table.writerow([path, truth, label, f"{score:.4f}", truth_score, right, *place])
            key = (re.sub(r"\W+", "-", truth), kind)
            sheets.setdefault(key, []).append(np.hstack(cells))
            maps.setdefault(key, []).append(on_grid(heat))

    for (truth, kind), rows in sorted(sheets.items()):
        write_png(options.output / f"{truth}-{kind}.png", np.vstack(rows))
        mean = np.mean(maps[truth, kind], 0).repeat(CELL // GRID, 0).repeat(CELL // GRID, 1)
        gray = np.rint(255 * mean).astype(np.uint8)
        write_png(options.output / f"{truth}-{kind}-mean.png", np.dstack([gray] * 3))
        print(f"{truth}: {len(rows)} {kind}")
    explainer.pipeline.stop()


try:
    main()
except RuntimeError as error:
    sys.exit(str(error))
