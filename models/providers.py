"""Fetches execution providers of ONNX Runtime: the libraries of pinned wheels, as providers.toml lists them."""

import platform
import shutil
import tomllib
import zipfile
from pathlib import Path

import archives
from archives import Failure

HERE = Path(__file__).resolve().parent

# TensorRT is part of CUDA's build.
SAME = {"tensorrt": "cuda"}


def vendor() -> str:
    """Who made the processor, as /proc/cpuinfo says it; empty where it does not."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("vendor_id"))
    return next(names, "")


def choose(providers: list[dict], nick: str, processor: str) -> dict:
    """The entry for `nick` on a processor of that vendor."""
    name = SAME.get(nick, nick)
    found = [provider for provider in providers if provider["nick"] == name]
    if not found:
        nicks = sorted({provider["nick"] for provider in providers} | set(SAME))
        raise Failure(f"There is no execution provider called “{nick}” here.\nNAME= takes one of {', '.join(nicks)}.")
    machine = platform.machine()
    if f"_{machine}.whl" not in found[0]["archive"]:
        raise Failure(
            f"No package with {found[0]['name']} is pinned for {machine} machines.\n"
            "Install it yourself and name its library in the property provider-library, or its ONNX Runtime in ort-library."
        )
    return next(provider for provider in found if provider.get("processor", processor) == processor)


def is_wanted(name: str, members: str) -> bool:
    """Whether a file of the wheel is a library, or what the licences ask to stay with it."""
    file = name.rsplit("/", 1)[-1]
    is_library = ".so" in file and name.startswith(members) and not file.startswith("onnxruntime_pybind11")
    return is_library or file.lower().startswith(("license", "third")) or file.endswith("LICENSE.pdf")


def name_by_version(folder: Path) -> None:
    """Give libX.so.1.2.3 the name libX.so.1 too, by which the loader looks for it: wheels cannot hold links."""
    for path in list(folder.glob("*.so.*")):
        name, _, version = path.name.partition(".so.")
        short = folder / f"{name}.so.{version.split('.')[0]}"
        if not short.exists():
            short.symlink_to(path.name)


def unpack(archive: Path, members: str, folder: Path) -> None:
    """Write the libraries of a wheel into `folder`, and those beside its package beside that; equal files once."""
    seen: dict[tuple[int, int], Path] = {}
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with zipfile.ZipFile(archive) as wheel:
        for entry in wheel.infolist():
            if entry.is_dir():
                continue
            top, _, file = entry.filename.rpartition("/")
            # Where auditwheel puts what the libraries need, and they look for it.
            if top == members.rstrip("/") + ".libs":
                archives.write_atomically(folder.with_name(top) / file, wheel.read(entry))
                continue
            if not is_wanted(entry.filename, members):
                continue
            path, key = partial / file, (entry.CRC, entry.file_size)
            if path.exists():
                continue
            if key in seen:
                path.symlink_to(seen[key].name)
            else:
                seen[key] = path
                with wheel.open(entry) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
    name_by_version(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def put_first(library: Path, folder: Path) -> None:
    """Have the build in `folder` found before the runtime in `library`."""
    link = library / "build"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.relative_to(library))


def install(nick: str, prefix: Path) -> None:
    """Install the provider called `nick` below `prefix`, and say what else there is to do."""
    with (HERE / "providers.toml").open("rb") as file:
        providers = tomllib.load(file)["provider"]
    provider = choose(providers, nick, vendor())
    library = prefix / "lib" / "camoverlay"
    folder = library / "providers" / provider["folder"]
    print(f"{provider['name']} ({provider['package']} {provider['version']})", flush=True)
    archive = archives.fetch(provider, prefix / "cache")
    mark = folder / ".archive"
    if not mark.exists() or mark.read_text(encoding="utf-8") != provider["archive-sha256"]:
        unpack(archive, provider["members"], folder)
        mark.write_text(provider["archive-sha256"], encoding="utf-8")
    if provider.get("first"):
        put_first(library, folder)
        print("  its ONNX Runtime is taken in place of the plain one from now on, for cpu too")
    elif "first" in provider:
        print("  its ONNX Runtime, which is older than the plain one, is taken by processes that ask for this provider first")
    if "needs" in provider:
        print(f"  it needs {provider['needs']}")
    print(f"  try it: camoverlay-inspect --net squeezenet --providers, or the element with provider={nick}")
