"""`camoverlay-audit`: what a classifier looks at in all pictures of a data set."""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from . import export, gate, ray, run
from .errors import AuditError
from .inputs.lists import TRUTH_COLUMNS
from .listing import existing_plan
from .settings import MAPS
from .work import cores

TOO_MANY_ERRORS = 3
"""Exit code where more pictures failed than --max-errors allows."""

GATE = 4
"""Exit code where --fail-on has something to say."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: its exit code (0: done; 1: it could not be; 2: misused; 3: too many pictures failed; 4: --fail-on)."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
        return code
    except AuditError as error:
        print(f"camoverlay-audit: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"camoverlay-audit: interrupted. {options.interrupted}", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    network = {
        name: value
        for name in (
            "net",
            "model",
            "labels",
            "preprocess",
            "input_size",
            "method",
            "layer",
            "provider",
            "models_dir",
            "ort_library",
        )
        if (value := getattr(options, name)) is not None
    }
    if options.ray is not None:
        ray.check(options.ray)
    plan = run.prepare(
        run.Request(
            options.data,
            options.out,
            network,
            options.boxes,
            tuple(options.maps.split(",")),
            not options.no_features,
            options.shard,
            options.processes,
        )
    )
    if not plan.has_classes():
        print(
            "camoverlay-audit: no picture has a class, so that none is called right or wrong. Classes are names of folders, "
            f"or stand in a list's column that is called {', '.join(TRUTH_COLUMNS[:-1])} or {TRUTH_COLUMNS[-1]}.",
            file=sys.stderr,
        )
    counts = run.execute(plan, options.shard, options.processes, options.ray)
    total = sum(counts.values())
    print(f"{total} pictures: " + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
    if counts["error"] > options.max_errors * total:
        share = counts["error"] / total
        print(
            f"camoverlay-audit: {share:.1%} of the pictures failed, more than --max-errors allows; the rows say why.",
            file=sys.stderr,
        )
        return TOO_MANY_ERRORS
    return 0


def _report(options: argparse.Namespace) -> int:
    from .report.make import make_report

    missing = len(existing_plan(options.folder).missing())
    if missing and options.fail_on:
        raise AuditError(
            f"--fail-on cannot be judged: {_shards(missing)} missing, and their pictures are in no number. Finish "
            "with the command of the run (without --shard it makes all that is missing), then report."
        )
    out = options.out or options.folder / ("report.html" if options.single_file else "report")
    summary = make_report(options.folder, out, options.pictures, options.single_file)
    counts = ", ".join(f"{count} {status}" for status, count in summary["counts"].items() if count)
    print(f"{summary['pictures']} pictures: {counts}; {len(summary['flags'])} flags")
    if missing:
        print(f"camoverlay-audit: {_shards(missing)} missing: this is about a part of the pictures.", file=sys.stderr)
    for number, flag in enumerate(summary["flags"][:10], 1):
        print(f"{number}. {flag['class']}: {flag['sentence']} Effect {flag['effect']}, n = {flag['n']}.")
    print(out if options.single_file else out / "index.html")
    met = [condition for condition in options.fail_on if condition.holds(summary)]
    for condition in met:
        print(f"camoverlay-audit: --fail-on {condition.text}", file=sys.stderr)
    return GATE if met else 0


def _shards(count: int) -> str:
    return "1 shard is" if count == 1 else f"{count} shards are"


def _export(options: argparse.Namespace) -> int:
    if options.csv is not None:
        print(f"{export.to_csv(options.folder, options.csv)} rows in {options.csv}")
    else:
        print(f"{export.to_fiftyone(options.folder, options.fiftyone)} samples in {options.fiftyone}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="camoverlay-audit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("run", help="explain every picture; a second run goes on where the first was stopped")
    command.set_defaults(
        command=_run, interrupted="The shards that are complete are kept: the same command goes on where it was."
    )
    command.add_argument(
        "data",
        type=_name,
        nargs="+",
        metavar="DATA",
        help="folder of class folders, .csv or .parquet list, COCO .json, .tar, s3://…",
    )
    command.add_argument("--out", type=_path, required=True, metavar="DIR", help="where the rows go")
    command.add_argument("--boxes", type=_name, metavar="FILE", help="COCO file with boxes and masks of the pictures")
    command.add_argument(
        "--maps", type=_maps, default=",".join(MAPS), help="whose maps are kept: %(default)s, or fewer of them"
    )
    command.add_argument(
        "--no-features", action="store_true", help="keep no pooled features (smaller rows, but flags need them)"
    )
    command.add_argument(
        "--shard", type=_share, default=(0, 1), metavar="I/N", help="only every N-th shard from I on; I counts from 0"
    )
    command.add_argument(
        "--processes", type=_natural, default=cores(), metavar="N", help="one for each core by default (%(default)s)"
    )
    command.add_argument(
        "--ray",
        type=_name,
        metavar="ADDRESS",
        help="work on the Ray cluster there (HOST:6379; auto: that of this machine), not here",
    )
    command.add_argument(
        "--max-errors", type=_share_of_all, default=0.01, metavar="SHARE", help="failed pictures for exit code 3 (1%%)"
    )
    network = command.add_argument_group("network, as camoverlay.Explainer takes it")
    network.add_argument("--net", type=_name, help="one of the catalogue")
    network.add_argument("--model", type=_name, help="ONNX file, or a folder with one")
    for name, text in (("labels", "file"), ("preprocess", "name"), ("method", "name"), ("layer", "name"), ("provider", "name")):
        network.add_argument(f"--{name}", type=_name, metavar=text.upper())
    network.add_argument("--input-size", type=_natural, metavar="PIXELS")
    network.add_argument("--models-dir", type=_name, metavar="DIR")
    network.add_argument("--ort-library", type=_name, metavar="FILE")

    command = commands.add_parser("report", help="make pages of the rows, what is suspicious first; they open offline")
    command.set_defaults(
        command=_report, interrupted="The rows are as they were, the report is not complete: the same command makes it anew."
    )
    command.add_argument("folder", type=_path, metavar="DIR", help="--out of the run")
    command.add_argument("--out", type=_path, metavar="PLACE", help="folder or, with --single-file, file (in DIR by default)")
    command.add_argument("--single-file", action="store_true", help="one .html file with all in it, under 20 MB")
    command.add_argument("--pictures", type=_natural, default=1000, metavar="N", help="small JPEG files at most (%(default)s)")
    command.add_argument(
        "--fail-on",
        type=_conditions,
        default=[],
        metavar="CONDITIONS",
        help="exit code 4 if one is met: flags>0, confirmed>0, effect>=8, and shares: accuracy<80%%, errors>5%%, unknown>10%%",
    )

    command = commands.add_parser("export", help="hand the rows on")
    command.set_defaults(
        command=_export, interrupted="The rows are as they were, and what was begun is not there: the same command begins anew."
    )
    command.add_argument("folder", type=_path, metavar="DIR", help="--out of the run")
    kind = command.add_mutually_exclusive_group(required=True)
    kind.add_argument("--csv", type=_path, metavar="FILE")
    kind.add_argument("--fiftyone", type=_path, metavar="FOLDER")
    return parser


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("give a name: nothing is none (. is the folder where you are)")
    return text


def _path(text: str) -> pathlib.Path:
    return pathlib.Path(_name(text))


def _conditions(text: str) -> list[gate.Condition]:
    try:
        return gate.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _maps(text: str) -> str:
    names = text.split(",")
    if "predicted" not in names or not set(names) <= set(MAPS):
        raise argparse.ArgumentTypeError(f"give some of {','.join(MAPS)}, the predicted class's among them")
    return ",".join(name for name in MAPS if name in names)


def _share(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and int(part) < int(parts)):
        raise argparse.ArgumentTypeError("give I/N, I from 0 to N - 1, such as 0/8")
    return int(part), int(parts)


def _natural(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return int(text)


def _share_of_all(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("give a share from 0 to 1, or from 0% to 100%")
    return share


if __name__ == "__main__":
    sys.exit(main())
