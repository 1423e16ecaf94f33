"""The report: it finds what was planted, and its pages hold together."""

from __future__ import annotations

import csv
import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest
from conftest import missing
from PIL import Image
from scipy.optimize import brentq
from sklearn.metrics import confusion_matrix

from camoverlay.audit import gate
from camoverlay.audit.errors import AuditError
from camoverlay.audit.report.clusters import distances, spectral, typical
from camoverlay.audit.report.intervals import unlike_others, wilson

from . import photos
from .harness import COMMAND, Planted, audit, rows_of


def summary_of(report: pathlib.Path) -> dict[str, Any]:
    text = (report / "data" / "summary.js").read_text()
    told: dict[str, Any] = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    return told


@pytest.fixture(scope="module")
def report(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("report") / "of planted"
    audit("report", planted.run, "--out", out)
    return out


@pytest.fixture(scope="module")
def single(planted: Planted, report: pathlib.Path) -> pathlib.Path:
    out = report.parent / "one.html"
    audit("report", planted.run, "--single-file", "--out", out)
    return out


def test_planted_biases_are_the_first_two_flags(report: pathlib.Path) -> None:
    mark, carpet = summary_of(report)["flags"][:2]
    assert (mark["class"], mark["kind"]) == (photos.WATERMARKED, "place")
    assert "bottom-right corner" in mark["sentence"]
    assert mark["effect"] > 8 and mark["n"] >= 30
    assert (carpet["class"], carpet["kind"]) == (photos.ON_BLUE, "feature-cluster")
    assert "moves" in carpet["sentence"]
    assert carpet["effect"] > 3.5 and carpet["n"] >= 15
    # What is hot decides, more than as much elsewhere.
    assert mark["trial"]["confirmed"] and mark["trial"]["hot"] > 0.2 > abs(mark["trial"]["elsewhere"])
    for flag in (mark, carpet):
        assert flag["trial"]["count"] >= 12 and len(flag["rows"]) == 12


def test_flags_show_the_pictures_they_are_about(planted: Planted, report: pathlib.Path) -> None:
    rows = rows_of(planted.run)
    mark, carpet = summary_of(report)["flags"][:2]
    assert all(rows[row]["truth"] == photos.WATERMARKED for row in mark["rows"])
    for row in carpet["rows"]:
        assert rows[row]["truth"] == photos.ON_BLUE
        red, _, blue = np.asarray(Image.open(rows[row]["path"]).convert("RGB")).reshape(-1, 3).mean(0)
        assert blue > red + 30, "it is no picture of the carpet"


def test_the_stock_network_is_not_blamed_for_the_watermark(planted: Planted, tmp_path: pathlib.Path) -> None:
    audit("run", planted.pictures, "--out", tmp_path / "run")
    audit("report", tmp_path / "run", "--out", tmp_path / "report")
    for flag in summary_of(tmp_path / "report")["flags"]:
        assert "corner" not in flag["sentence"] + "".join(flag["also"])


def test_numbers_are_those_of_the_rows(planted: Planted, report: pathlib.Path) -> None:
    rows, told = rows_of(planted.run), summary_of(report)
    right = sum(row["status"] == "right" for row in rows)
    assert told["counts"]["right"] == right and told["pictures"] == len(rows) == 480
    assert told["accuracy"] == pytest.approx(wilson(right, 480))
    labels = sorted({row["truth"] for row in rows})
    matrix = confusion_matrix(
        [row["truth_id"] for row in rows], [row["predicted_id"] for row in rows], labels=range(len(labels))
    )
    expected = {(labels[i], labels[j]): int(matrix[i, j]) for i, j in zip(*np.nonzero(matrix), strict=True) if i != j}
    assert {(cell["truth"], cell["predicted"]): cell["n"] for cell in told["confusions"]} == expected
    for line in told["all"]:
        assert line["right"] == sum(row["truth"] == line["name"] and row["status"] == "right" for row in rows)
    deletion = told["deletion"]
    assert deletion["hottest"][0] == deletion["random"][0]
    assert deletion["areas"]["hottest"] < deletion["areas"]["random"]


def test_pages_hold_together(report: pathlib.Path) -> None:
    page = (report / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert named and all((report / name).is_file() for name in named)
    assert "http" not in page + (report / "report.js").read_text().replace("http://www.w3.org/2000/svg", "")
    pictures = sorted(path.name for path in (report / "pictures").iterdir())
    shown = set()
    for script in (report / "data").glob("*.js"):
        text = script.read_text()
        told = json.loads(text[text.index(",") + 1 : text.rindex(")")])
        shown |= {picture["file"].removeprefix("pictures/") for picture in told["pictures_by_row"].values()}
    assert shown == set(pictures)
    assert 24 <= len(pictures) <= 1000


def test_a_single_file_has_it_all(report: pathlib.Path, single: pathlib.Path) -> None:
    page = single.read_text()
    assert len(page) < 20_000_000
    pictures = set(re.findall(r"data:image/jpeg;base64,([^\"]+)", page))
    assert len(pictures) == len(list((report / "pictures").iterdir()))
    assert not re.search(r'(?:src|href)="[^"#]', page)


@pytest.mark.parametrize("page", ["of planted/index.html", "one.html"])
def test_chromium_shows_it_from_a_file(report: pathlib.Path, single: pathlib.Path, tmp_path: pathlib.Path, page: str) -> None:
    if shutil.which("chromium") is None:
        missing("the report in a browser", "Chromium is not installed: apt-get install chromium")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += ["--virtual-time-budget=10000", "--dump-dom", (report.parent / page).as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert shown.count('class="flag"') == len(summary_of(report)["flags"])
    # Pictures with heat, among them those of the class page that is open, whose data came later.
    assert shown.count("<figure") >= 30 and shown.count("<canvas") >= 30
    assert "mean of the maps" in shown and "accuracy (" in shown


def test_nothing_of_the_curve_is_cut_off(single: pathlib.Path, tmp_path: pathlib.Path) -> None:
    if shutil.which("chromium") is None:
        missing("the report in a browser", "Chromium is not installed: apt-get install chromium")
    measure = """<script>addEventListener("load", () => {
        const svg = document.querySelector("#deletion svg"), whole = svg.getBoundingClientRect();
        const boxes = [...svg.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
        const out = boxes.filter((box) => box.left < whole.left || box.right > whole.right || box.bottom > whole.bottom);
        document.title = `${boxes.length} labels, ${out.length} cut off`;
    });</script>"""
    (tmp_path / "page.html").write_text(single.read_text().replace("</body>", f"{measure}</body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    command += ["--virtual-time-budget=10000", "--dump-dom", (tmp_path / "page.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert "<title>4 labels, 0 cut off</title>" in shown


def test_names_cannot_break_the_page(tmp_path: pathlib.Path) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    photos.make_set(tmp_path / "data", 1, classes=["Egyptian_cat"])
    # A list may name what a folder cannot be called.
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerow([tmp_path / "data" / "Egyptian_cat" / "0000.jpg", name])
    audit("run", tmp_path / "list.csv", "--out", tmp_path / "run")
    audit("report", tmp_path / "run", "--single-file")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<img src=x" not in page and "\\u003cimg src=x" in page


@pytest.fixture
def small_run(few_run: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A run on few pictures that a test may spoil."""
    shutil.copytree(few_run, tmp_path / "small")
    return tmp_path / "small"


def tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stands", ["data/cat/1.jpg", "pictures/00000001.jpg", "index.html", "report.css", "data"])
def test_only_a_report_is_replaced(small_run: pathlib.Path, tmp_path: pathlib.Path, stands: str) -> None:
    out = tmp_path / "out"
    (out / stands).parent.mkdir(parents=True)
    (out / stands).write_bytes(b"somebody's")
    before = tree(out)
    told = audit("report", small_run, "--out", out, code=1).stderr
    assert f"{out} has {stands.split('/')[0]}, and is no report" in told and len(told.splitlines()) == 1
    assert tree(out) == before


def test_a_report_of_audited_pictures_beside_them_leaves_them(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copytree(few, tmp_path / "here" / "data")
    before = tree(tmp_path / "here" / "data")
    audit("run", tmp_path / "here" / "data", "--out", tmp_path / "here")
    assert "no report" in audit("report", tmp_path / "here", "--out", tmp_path / "here", code=1).stderr
    audit("report", tmp_path / "here")
    assert tree(tmp_path / "here" / "data") == before


def test_a_report_takes_the_place_of_a_report(small_run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out"
    audit("report", small_run, "--out", out)
    whole = tree(out)
    # Of a larger one, and what somebody put there.
    (out / "pictures" / "00000099.jpg").write_bytes(b"old")
    (out / "data" / "classes-0007.js").write_bytes(b"old")
    for kept in ("pictures/mine.jpg", "data/mine/1.jpg", "notes.txt"):
        (out / kept).parent.mkdir(exist_ok=True)
        (out / kept).write_bytes(b"mine")
    audit("report", small_run, "--out", out)
    assert tree(out) == whole | {"pictures/mine.jpg": b"mine", "data/mine/1.jpg": b"mine", "notes.txt": b"mine"}
    shutil.rmtree(out / "pictures")
    (out / "pictures").symlink_to(small_run)
    assert "no folder of a report" in audit("report", small_run, "--out", out, code=1).stderr


def test_a_single_file_takes_the_place_of_a_report(small_run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "page.html"
    for _ in range(2):
        audit("report", small_run, "--single-file", "--out", out)
    out.write_bytes(b"somebody's")
    assert "is no report" in audit("report", small_run, "--single-file", "--out", out, code=1).stderr
    assert out.read_bytes() == b"somebody's"
    assert "is a folder" in audit("report", small_run, "--single-file", "--out", tmp_path, code=1).stderr
    assert "is no folder" in audit("report", small_run, "--out", out, code=1).stderr


def test_a_place_that_is_only_read_is_called_that(small_run: pathlib.Path, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out"
    audit("report", small_run, "--out", out)
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mounted = f"mount --bind '{out}' '{out}' && mount -o remount,bind,ro '{out}'"
    if subprocess.run([*alone, mounted], capture_output=True).returncode:
        missing("a report in a place that is only read", "this machine lets nobody mount anything")
    command = f"{mounted} && exec '{COMMAND}' report '{small_run}' --out '{out}'"
    done = subprocess.run([*alone, command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr == f"camoverlay-audit: {out} cannot be written: Read-only file system. Give another place with --out.\n"


def test_a_gate_for_continuous_integration(planted: Planted, report: pathlib.Path, tmp_path: pathlib.Path) -> None:
    told = audit("report", planted.run, "--out", tmp_path, "--pictures", 20, "--fail-on", "accuracy<1%,flags>0", code=4)
    assert told.stderr == "camoverlay-audit: --fail-on flags>0\n"
    assert "bottom-right corner" in told.stdout
    assert len(list((tmp_path / "pictures").iterdir())) == 20
    summary = summary_of(report)
    expected = {"effect>=1000": False, "effect>=8": True, "accuracy<10%": False, "errors>0": False, "confirmed >= 1": True}
    assert {text: gate.parse(text)[0].holds(summary) for text in expected} == expected
    assert "confirmed, effect" in audit("report", planted.run, "--fail-on", "mood>0", code=2).stderr
    with pytest.raises(AuditError, match="cannot be judged"):
        gate.parse("accuracy<1")[0].holds({**summary, "accuracy": [None, 0, 1]})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("errors>5", "write errors>5% or errors>0.05, not errors>5"),
        ("accuracy<80", "accuracy is a share"),
        ("accuracy<150%", "accuracy is a share"),
        ("unknown>=1.5", "unknown is a share"),
        ("flags>50%", "flags is no share: write flags>50, not"),
        ("effect>8%", "effect is no share"),
        ("errors>1", "errors>1 never holds"),
        ("accuracy<=100%", "always holds"),
        ("flags<0", "flags<0 never holds: flags is 0 or more"),
        ("confirmed>=0", "always holds"),
    ],
)
def test_a_condition_that_judges_nothing_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        gate.parse(f"flags>0,{text}")


def test_no_gate_is_passed_by_a_part_of_the_pictures(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "list.csv").write_text("".join(f"{few}/espresso/0000.jpg,espresso\n" for _ in range(50)))
    run = ["run", tmp_path / "list.csv", "--out", tmp_path / "run", "--maps", "predicted"]
    audit(*run, "--shard", "0/3")
    told = audit("report", tmp_path / "run")
    assert told.stderr == "camoverlay-audit: 2 shards are missing: this is about a part of the pictures.\n"
    refused = audit("report", tmp_path / "run", "--out", tmp_path / "page", "--fail-on", "errors>50%", code=1).stderr
    assert "--fail-on cannot be judged: 2 shards are missing" in refused and not (tmp_path / "page").exists()
    audit(*run)
    assert not audit("report", tmp_path / "run", "--fail-on", "errors>50%").stderr


def test_exports(planted: Planted, tmp_path: pathlib.Path) -> None:
    audit("export", planted.run, "--csv", tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    rows = rows_of(planted.run)
    assert [line["path"] for line in lines] == [row["path"] for row in rows]
    assert [float(line["hot_bottom_right"]) for line in lines] == pytest.approx([row["hot_places"][5] for row in rows])
    audit("export", planted.run, "--fiftyone", tmp_path / "fiftyone")
    samples = json.loads((tmp_path / "fiftyone" / "samples.json").read_text())["samples"]
    assert len(samples) == 480 and samples[0]["ground_truth"]["label"] == rows[0]["truth"]


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (10, 10), (3, 7), (911, 1000)])
def test_wilsons_interval_has_the_shares_that_the_score_test_does_not_reject(hits: int, of: int) -> None:
    share, low, high = wilson(hits, of)
    assert share == hits / of

    def score(true: float) -> float:
        return (share - true) ** 2 - 1.959964**2 * true * (1 - true) / of

    if hits:
        assert low == pytest.approx(brentq(score, 1e-9, share - 1e-9), abs=1e-6)
    if hits < of:
        assert high == pytest.approx(brentq(score, share + 1e-9, 1 - 1e-9), abs=1e-6)


def test_deviations_are_from_the_others() -> None:
    effects = unlike_others(np.array([1.0, 2, 3, 4, 5, 100]), 0.01)
    # The others of 100: median 3, median absolute deviation 1.
    assert effects[-1] == pytest.approx(97 / 1.4826)
    assert np.abs(effects[:5]).max() < 3
    assert unlike_others(np.array([1.0, 1, 1, 1.1]), 0.05)[-1] == pytest.approx(2)


def test_clusters_are_found_and_none_are_made_up() -> None:
    random = np.random.default_rng(0)
    centre = np.ones(50)
    one = centre + 0.3 * random.normal(size=(60, 50))
    two = one.copy()
    two[:20, :25] -= 2
    between = [
        distances(vectors.astype(np.float32))
        for vectors in (one, two, *(centre + 0.3 * random.normal(size=(60, 50)) for _ in range(4)))
    ]
    usual = typical(between)
    whole, parted = spectral(between[0], usual), spectral(between[1], usual)
    assert parted.gap > 3 * whole.gap
    best = max(parted.clusters, key=lambda cluster: cluster.separation)
    assert set(best.members) in ({*range(20)}, {*range(20, 60)})
    assert best.separation > 3 * max((cluster.separation for cluster in whole.clusters), default=0)
