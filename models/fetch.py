#!/usr/bin/env python3
"""Fetches what the catalogue lists: ONNX Runtime's library, labels, network files, and execution providers.

    fetch.py PREFIX runtime [MACHINE]     PREFIX/lib/camoverlay/libonnxruntime.so.*, for this machine or another kind
    fetch.py PREFIX networks              PREFIX/share/camoverlay/models/*.onnx, all that need no framework
    fetch.py PREFIX network NICK [WEIGHTS.pth]
    fetch.py PREFIX provider NICK         PREFIX/lib/camoverlay/providers/NICK/*.so

Archives are kept in PREFIX/cache: a second run needs no network and leaves files alone that are right.
"""

import errno
import importlib
import json
import platform
import sys
import tomllib
from pathlib import Path

import archives
import providers
from archives import Failure, sha256, write_atomically

HERE = Path(__file__).resolve().parent


def is_right(path: Path, digest: str) -> bool:
    return path.exists() and sha256(path.read_bytes()) == digest


def pinned(what: str, data: bytes, digest: str) -> bytes:
    if sha256(data) != digest:
        raise Failure(
            f"{what} came out with SHA-256 {sha256(data)}, not the one that the catalogue pins.\n"
            "Mend sha256 in models/catalogue.toml if the change is meant."
        )
    return data


def fetch_runtime(catalogue: dict, prefix: Path, machine: str) -> None:
    runtime = catalogue["runtime"]
    if not isinstance(runtime.get(machine), dict):
        raise Failure(
            f"The catalogue has no {runtime['name']} for {machine} machines.\n"
            "Build or install it yourself and name its library in ORT_DYLIB_PATH."
        )
    source, path = runtime[machine], prefix / "lib" / "camoverlay" / runtime["file"]
    print(f"{runtime['name']} {runtime['version']}", flush=True)
    if not is_right(path, source["member-sha256"]):
        cache = prefix / "cache"
        licence = archives.other_member(source, "onnxruntime/LICENSE", cache)
        notices = archives.other_member(source, "onnxruntime/ThirdPartyNotices.txt", cache)
        write_atomically(path.with_name("onnxruntime.licence.txt"), licence + b"\n" + notices)
        write_atomically(path, archives.member(source, cache))
    # What an earlier catalogue pinned would be installed and packed beside it.
    for other in path.parent.glob("libonnxruntime.so*"):
        if other != path:
            other.unlink()


def fetch_labels(catalogue: dict, key: str, prefix: Path) -> str:
    """Install the label file `key` and return it: one label a line."""
    labels = catalogue["labels"][key]
    path = prefix / "share" / "camoverlay" / "models" / labels["file"]
    if not is_right(path, labels["sha256"]):
        print(f"labels: {labels['name']}", flush=True)
        names = json.loads(archives.member(labels["source"], prefix / "cache"))
        text = "".join(f"{names[str(i)]}\n" for i in range(labels["classes"]))
        data = pinned(labels["file"], text.encode(), labels["sha256"])
        write_licence(path, labels)
        write_atomically(path, data)
    return path.read_text(encoding="utf-8")


def source_line(source: dict) -> str:
    package = " ".join(source[key] for key in ("index", "package", "version") if key in source)
    return f"{package}: {source['member']}"


def write_licence(path: Path, entry: dict) -> None:
    """Write beside the installed file `path` where it comes from and the licence it is under."""
    source = entry["source"]
    head = (
        f"{entry['name']} ({entry['file']})\n"
        f"Source: {source_line(source)}\n"
        f"{source['notes']}\nLicence: {entry['licence']}\n\n"
    )
    text = head.encode() + (HERE / "licences" / source["licence-text"]).read_bytes()
    if entry["licence"] == "Apache-2.0":
        text += (HERE.parent / "LICENSE-APACHE").read_bytes()
    write_atomically(path.with_name(path.name + ".licence.txt"), text)


def metadata(network: dict, labels: str) -> dict[str, str]:
    source = network["source"]
    return {
        "name": network["name"],
        "source": source_line(source),
        "licence": network["licence"],
        "preprocess": network["preprocess"],
        "input_size": str(network["input-size"]),
        "labels": labels.removesuffix("\n"),
    }


def convert(network: dict, classes: int, labels: str, prefix: Path, weights: str | None) -> bytes:
    """The checked ONNX file of `network`, out of its package or, from `weights` if given, by way of torchvision."""
    from check import check  # numpy and ONNX Runtime take a second to load

    source, description = network["source"], metadata(network, labels)
    if "converter" not in source:
        import torchvision_networks

        if weights is not None:
            description["source"] += f" with the weights of {Path(weights).name}"
        model = torchvision_networks.convert(network, classes, description, weights)
        check(network, model)
        return model
    if weights is not None:
        raise Failure(f"{network['name']} has its weights from {source['package']}.\nLeave out WEIGHTS.")
    converter = importlib.import_module(source["converter"])
    model = converter.convert(archives.member(source, prefix / "cache"), description)
    check(network, model)
    return pinned(network["file"], model, network["sha256"])


def fetch_network(catalogue: dict, network: dict, prefix: Path, weights: str | None = None) -> None:
    path = prefix / "share" / "camoverlay" / "models" / network["file"]
    labels = fetch_labels(catalogue, network["labels"], prefix)
    print(network["name"], flush=True)
    if "sha256" in network and is_right(path, network["sha256"]):
        return
    classes = catalogue["labels"][network["labels"]]["classes"]
    model = convert(network, classes, labels, prefix, weights)
    write_licence(path, network)
    write_atomically(path, model)


def main(arguments: list[str]) -> None:
    catalogue = tomllib.loads((HERE / "catalogue.toml").read_text(encoding="utf-8"))
    networks = {network["nick"]: network for network in catalogue["network"]}
    match arguments:
        case [prefix, "runtime", *machine] if len(machine) <= 1:
            fetch_runtime(catalogue, Path(prefix), *(machine or [platform.machine()]))
        case [prefix, "networks"]:
            for network in networks.values():
                if "converter" in network["source"]:
                    fetch_network(catalogue, network, Path(prefix))
        case [prefix, "network", nick, *weights] if len(weights) <= 1:
            if nick not in networks:
                raise Failure(f"There is no network called {nick}.\nThere are: {', '.join(networks)}.")
            fetch_network(catalogue, networks[nick], Path(prefix), *weights)
        case [prefix, "provider", nick]:
            providers.install(nick, Path(prefix))
        case _:
            raise Failure(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        sys.exit(f"{failure}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit("The disk is full.\nMake room (about 4 GB for the build and the networks) and try again.")
