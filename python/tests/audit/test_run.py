"""Runs: their rows, and that these are the same whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import camoverlay
from camoverlay.audit import work
from camoverlay.audit.decoding import decode
from camoverlay.audit.errors import AuditError
from camoverlay.audit.listing import existing_plan
from camoverlay.audit.network import Network
from camoverlay.audit.shard import make_shard

from . import photos
from .harness import COMMAND, Planted, audit, rows_of
from .test_decoding import png_that_claims


def test_rows_say_what_the_explainer_says(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    audit("run", few, "--out", tmp_path / "run")
    explainer = camoverlay.Explainer(threads=1)
    rows = rows_of(tmp_path / "run")
    assert [row["index"] for row in rows] == list(range(20))
    for row in rows:
        data = pathlib.Path(row["path"]).read_bytes()
        pixels, size = decode(data, explainer.scaled_size)
        assert (row["size"], (row["width"], row["height"])) == (len(data), size)
        truth = explainer.class_of(pathlib.Path(row["path"]).parent.name.replace("_", " "))
        assert row["truth_id"] == truth
        direct = explainer.explain(pixels, ["top-1", f"#{truth}"], top_k=5, features=True)
        assert row["top_ids"] == [one.id for one in direct.top]
        assert row["top_scores"] == pytest.approx([one.score for one in direct.top], abs=1e-5)
        assert row["status"] == ("right" if direct.top[0].id == truth else "wrong")
        assert row["score_true"] == pytest.approx(direct.targets[1].score, abs=1e-5)
        shape = (row["map_height"], row["map_width"])
        kept = np.reshape(row["map_predicted"], shape) * row["peak_predicted"]
        assert np.abs(kept - direct.map).max() <= 1e-3 * np.abs(direct.map).max()
        if row["status"] == "right":
            assert row["map_true"] is None and row["rival_id"] == direct.top[1].id
        else:
            kept = np.reshape(row["map_true"], shape) * row["peak_true"]
            assert np.abs(kept - direct.maps[1]).max() <= 1e-3 * np.abs(direct.maps[1]).max()
            assert row["rival_id"] == next(one.id for one in direct.top if one.id not in (direct.top[0].id, truth))
        assert direct.features is not None and direct.hot_features is not None
        assert np.array(row["features"]) == pytest.approx(direct.features, rel=0.02, abs=1e-6)
        assert np.array(row["hot_features"]) == pytest.approx(direct.hot_features[0], rel=0.02, abs=1e-6)


def test_a_run_goes_on_only_with_its_own_settings(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "run"
    audit("run", few, "--out", out, "--maps", "predicted", "--no-features")
    names = pq.read_schema(out / "shards" / "000000.parquet").names
    assert "map_true" not in names and "features" not in names
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    audit("run", few, "--out", out, "--maps", "predicted", "--no-features")
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before
    refused = audit("run", few, "--out", out, code=1)
    assert "other settings: maps" in refused.stderr and "features" in refused.stderr
    assert (
        "method"
        in audit("run", few, "--out", out, "--maps", "predicted", "--no-features", "--method", "gradcam", code=1).stderr
    )


def test_a_run_stays_with_its_network(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    model, out = tmp_path / "model.onnx", tmp_path / "run"
    shutil.copy(camoverlay.Explainer(threads=1).path, model)
    command = ["run", few, "--model", model, "--out", out, "--maps", "predicted"]
    audit(*command)
    # The same network to all appearances, with other bytes.
    changed = onnx.load(model)
    changed.doc_string = "another"
    onnx.save(changed, model)
    assert f"{model} is not what it was" in audit("report", out, "--fail-on", "accuracy<0.1", code=1).stderr
    assert not (out / "report").exists()
    assert "other settings: what is in the network's files" in audit(*command, code=1).stderr
    # A worker opens it after the command has.
    plan = existing_plan(out)
    plan.shard_path(0).unlink()
    with pytest.raises(AuditError, match="is not what it was"):
        work.run(plan, [0], 1, lambda _: None)


@pytest.mark.parametrize("kind", ["labels", "boxes"])
def test_what_is_in_files_of_settings_is_a_setting(few: pathlib.Path, tmp_path: pathlib.Path, kind: str) -> None:
    labels = camoverlay.Explainer(threads=1).labels
    file, out = tmp_path / "given", tmp_path / "run"
    coco: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": []}
    file.write_text("\n".join(labels) if kind == "labels" else json.dumps(coco))
    command = ["run", few, f"--{kind}", file, "--out", out, "--maps", "predicted"]
    audit(*command)
    audit(*command)
    file.write_text("\n".join(reversed(labels)) if kind == "labels" else json.dumps({**coco, "info": {}}))
    assert f"other settings: what is in the file of --{kind}." in audit(*command, code=1).stderr
    if kind == "labels":
        assert f"{file} is not what it was" in audit("report", out, code=1).stderr


def test_shares_make_the_whole(planted: Planted, tmp_path: pathlib.Path) -> None:
    for part in (2, 0, 1):
        audit("run", planted.pictures, "--model", planted.network, "--out", tmp_path / "run", "--shard", f"{part}/3")
    assert rows_of(tmp_path / "run") == rows_of(planted.run)
    assert "I/N" in audit("run", planted.pictures, "--out", tmp_path / "run", "--shard", "3/3", code=2).stderr


@pytest.mark.parametrize("whom", ["parent", "all", "worker"])
def test_killed_and_resumed_the_rows_are_the_same(planted: Planted, tmp_path: pathlib.Path, whom: str) -> None:
    command = [str(COMMAND), "run", str(planted.pictures), "--model", str(planted.network)]
    command += ["--out", str(tmp_path / "run")]
    moments = random.Random(whom)
    for _ in range(3):
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # From before the listing to the midst of the shards.
        time.sleep(moments.uniform(0.5, 5))
        if whom == "all":
            os.killpg(process.pid, signal.SIGKILL)
        elif whom == "parent":
            process.kill()
        else:
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            if len(children) > 1:
                os.kill(int(children[-1]), signal.SIGKILL)
            assert process.wait(120) == 0
            break
        process.wait()
    audit(*command[1:])
    rows = rows_of(tmp_path / "run")
    assert len({row["index"] for row in rows}) == len(rows) == 480
    assert rows == rows_of(planted.run)
    assert not list((tmp_path / "run" / "shards").glob(".*"))


def test_a_picture_on_which_processes_die_is_left_out(planted: Planted, tmp_path: pathlib.Path) -> None:
    plan = existing_plan(planted.run)
    network = Network(plan.settings.network)
    (tmp_path / "shards").mkdir()
    other = type(plan)(**{**vars(plan), "folder": tmp_path})
    (tmp_path / "listing").symlink_to(planted.run / "listing")
    assert make_shard(other, 1, network, deadly={23})["error"] == 1
    rows = rows_of(tmp_path)
    assert [row["error"] for row in rows if row["index"] == 23] == ["The process that opened it died."]
    assert len(rows) == plan.shard_size


def test_hostile_pictures_are_counted_and_named(tmp_path: pathlib.Path) -> None:
    data = tmp_path / "data"
    cats = data / "Egyptian_cat"
    photos.make_set(data, 6, classes=["Egyptian_cat", "espresso"])
    photo = (cats / "0000.jpg").read_bytes()
    (cats / "truncated.jpg").write_bytes(photo[: len(photo) // 2])
    (cats / "empty.jpg").write_bytes(b"")
    (cats / "text.png").write_text("no picture")
    (cats / "claims.png").write_bytes(png_that_claims(50_000, 50_000))
    (cats / "link.jpg").symlink_to(cats / "link.jpg")
    (cats / "dangling.jpg").symlink_to(cats / "nothing.jpg")
    (cats / "circle").symlink_to(data)
    os.mkfifo(cats / "pipe.jpg")
    with open(os.fsencode(cats) + b"/new\nline \xff.jpg", "wb") as file:
        file.write(photo)
    (data / "no such class").mkdir()
    Image.new("RGB", (40, 30)).save(data / "no such class" / "plain.png")
    done = audit("run", data, "--out", tmp_path / "run", code=3)
    assert "more than --max-errors allows" in done.stderr
    rows = rows_of(tmp_path / "run")
    failed = {pathlib.Path(row["path"]).name: row["error"] for row in rows if row["status"] == "error"}
    assert set(failed) == {
        "truncated.jpg",
        "empty.jpg",
        "text.png",
        "claims.png",
        "link.jpg",
        "dangling.jpg",
        "circle",
        "pipe.jpg",
    }
    assert all(failed.values()) and f"{len(failed)} error" in done.stdout
    odd = next(row for row in rows if row["path"].endswith("new\nline \\xff.jpg"))
    assert odd["status"] in ("right", "wrong") and odd["truth_id"] == 285
    assert [row["status"] for row in rows if row["truth"] == "no such class"] == ["unknown"]
    audit("run", data, "--out", tmp_path / "run", "--max-errors", "60%")
    audit("report", tmp_path / "run", "--fail-on", "errors>20%", code=4)
    page = (tmp_path / "run" / "report" / "data" / "summary.js").read_text()
    assert "truncated.jpg" in page and "link to a folder that it lies in" in page


def test_a_picture_may_vanish_after_it_was_listed(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    audit("run", few, "--out", tmp_path / "run")
    victim = few / "espresso" / "0002.jpg"
    kept = victim.read_bytes()
    for path in (tmp_path / "run" / "shards").iterdir():
        path.unlink()
    victim.unlink()
    try:
        audit("run", few, "--out", tmp_path / "run", code=3)
        audit("report", tmp_path / "run")
    finally:
        victim.write_bytes(kept)
    assert [row["error"] for row in rows_of(tmp_path / "run") if row["path"] == str(victim)] == [
        "It cannot be read: No such file or directory."
    ]


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "middle", "other"])
def test_a_damaged_shard_is_named(few_run: pathlib.Path, tmp_path: pathlib.Path, damage: str) -> None:
    shutil.copytree(few_run, tmp_path / "run")
    shard = tmp_path / "run" / "shards" / "000000.parquet"
    data = shard.read_bytes()
    spoilt = {"cut": data[:-100], "empty": b"", "text": b"no rows", "middle": data[:4] + b"\xff" * (len(data) // 2)}
    if damage == "other":
        pq.write_table(pa.table({"index": [0]}), shard)
    else:
        shard.write_bytes(spoilt.get(damage, b"") + (data[4 + len(data) // 2 :] if damage == "middle" else b""))
    commands = (("report",), ("export", "--csv", tmp_path / "x.csv"), ("export", "--fiftyone", tmp_path / "x"))
    for command in commands:
        told = audit(command[0], tmp_path / "run", *command[1:], code=1).stderr
        assert f"The rows in {shard} cannot be read" in told and len(told.splitlines()) == 1
    settings = existing_plan(few_run).settings
    if damage != "middle":
        told = audit("run", *settings.data, "--out", tmp_path / "run", "--maps", "predicted", code=1).stderr
        assert f"The rows in {shard} cannot be read" in told
    assert not (tmp_path / "x.csv").exists()


def test_rows_of_an_unknown_run_are_not_taken_for_this_ones(
    few: pathlib.Path, few_run: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    shutil.copytree(few_run, tmp_path / "run")
    (tmp_path / "run" / "audit.json").unlink()
    told = audit("run", few, "--out", tmp_path / "run", code=1).stderr
    assert f"{tmp_path / 'run'} has rows, and no audit.json" in told and len(told.splitlines()) == 1


def test_pictures_without_a_class_are_told(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first, second = sorted(few.rglob("*.jpg"))[:2]
    sentence = "no picture has a class, so that none is called right or wrong"
    for name, header, told in (("plain", "file,species", True), ("named", "file,class", False)):
        listed = tmp_path / f"{name}.csv"
        listed.write_text(f"{header}\n{first},Egyptian cat\n{second},Egyptian cat\n")
        assert (sentence in audit("run", listed, "--out", tmp_path / name).stderr) == told


def test_without_a_cluster_nothing_is_begun(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    told = audit("run", few, "--out", tmp_path / "run", "--ray", "127.0.0.1:9", code=1).stderr
    assert "Ray is not installed" in told or "There is no Ray cluster to be had at 127.0.0.1:9" in told
    assert not (tmp_path / "run").exists()


def test_progress_is_json_lines_off_a_terminal(few: pathlib.Path, tmp_path: pathlib.Path) -> None:
    lines = audit("run", few, "--out", tmp_path / "run").stderr.splitlines()
    last = json.loads(lines[-1])
    assert (last["done"], last["total"], last["errors"], last["seconds_left"]) == (20, 20, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere", "--out", "OUT"], "There is no"),
        (["run", "EMPTY", "--out", "OUT"], "There is no picture"),
        (["run", "FEW", "--out", "OUT", "--model", "nothing.onnx"], "nothing.onnx"),
        (["report", "EMPTY"], "No run has begun"),
        (["export", "EMPTY", "--csv", "x.csv"], "No run has begun"),
        (["run", "FEW", "--out", "FILE"], "file is no folder"),
        (["run", "FEW", "--out", "FILE/run"], "file/run is no folder: it, or what it is to lie in, is a file"),
        (["report", "FILE"], "file is no folder"),
        (["run", "FEW", "FEW", "--out", "OUT"], "is given twice"),
        (["report", "CUT"], "audit.json is damaged"),
        (["run", "FEW", "--out", "CUT"], "run anew into another folder"),
    ],
)
def test_bad_input_gets_a_sentence(few: pathlib.Path, tmp_path: pathlib.Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "audit.json").write_text('{"settings": {')
    file = tmp_path / "file"
    places = {"OUT": tmp_path / "run", "EMPTY": tmp_path / "empty", "FEW": few, "FILE": file, "FILE/run": file / "run"}
    places["CUT"] = tmp_path / "cut"
    told = audit(*(places.get(one, one) for one in arguments), code=1).stderr
    assert sentence in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["run", "", "--out", "x"], ["run", "x", "--out", ""], ["run", "x", "--out", "y", "--model", ""], ["report", ""]],
)
def test_an_empty_name_is_not_the_folder_where_one_is(arguments: list[str], tmp_path: pathlib.Path) -> None:
    assert "give a name" in audit(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("command", "sentence"), [("run", "shards that are complete"), ("report", "the report is not complete")]
)
def test_who_interrupts_is_told_what_is_true(planted: Planted, tmp_path: pathlib.Path, command: str, sentence: str) -> None:
    arguments = {
        "run": ["run", str(planted.pictures), "--out", str(tmp_path / "run")],
        "report": ["report", str(planted.run), "--out", str(tmp_path / "page")],
    }[command]
    process = subprocess.Popen([COMMAND, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True)
    begun = {"run": tmp_path / "run" / "shards", "report": tmp_path / "page" / "index.html"}[command]
    while not begun.exists() and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and sentence in told, told
    if command == "report":
        assert "This report is not complete" in begun.read_text()
        audit(*arguments)
        assert "This report is not complete" not in begun.read_text()
