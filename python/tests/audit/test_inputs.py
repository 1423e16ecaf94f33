"""What a data set can be made of."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import math
import os
import pathlib
import tarfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pycocotools.mask
import pytest

from camoverlay.audit import inputs
from camoverlay.audit.errors import AuditError
from camoverlay.audit.heat import region_coverage
from camoverlay.audit.inputs import coco_rules, remote
from camoverlay.audit.inputs.files import UnreadableError, read
from camoverlay.audit.inputs.item import Item
from camoverlay.audit.inputs.webdataset import expand_braces


def touch(path: pathlib.Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_folders_give_their_names_to_pictures(tmp_path: pathlib.Path) -> None:
    for name in ("train/Egyptian_cat/2.jpg", "train/Egyptian_cat/1.PNG", "train/285/a.webp", "train/note.txt", "b.avif"):
        touch(tmp_path / name)
    found = [(item.name.removeprefix(f"{tmp_path}/"), item.truth) for item in inputs.find([str(tmp_path)])]
    expected = [("b.avif", None), ("train/285/a.webp", "285"), ("train/Egyptian_cat/1.PNG", "Egyptian_cat")]
    assert found == [*expected, ("train/Egyptian_cat/2.jpg", "Egyptian_cat")]


def test_names_need_be_no_text(tmp_path: pathlib.Path) -> None:
    names = [b"new\nline.jpg", b"\xff\xfe.jpg", "ü 'quoted' \u202e.jpg".encode()]
    folder = os.fsencode(tmp_path) + b"/cl\xe9ss"
    os.mkdir(folder)
    for name in names:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(name)
    items = list(inputs.find([str(tmp_path)]))
    assert sorted(read(item) for item in items) == sorted(names)
    assert {item.truth for item in items} == {"cl\\xe9ss"}
    assert any(item.name.endswith("\\xff\\xfe.jpg") for item in items)


def test_links_in_a_circle_are_told_and_left(tmp_path: pathlib.Path) -> None:
    touch(tmp_path / "cat" / "1.jpg")
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    (tmp_path / "cat" / "self.jpg").symlink_to(tmp_path / "cat" / "self.jpg")
    (tmp_path / "dog").symlink_to(tmp_path / "cat")
    items = list(inputs.find([str(tmp_path)]))
    # Each way in once: cat, and dog, which is cat.
    assert [item.name.removeprefix(f"{tmp_path}/") for item in items if item.problem] == ["cat/again", "dog/again"]
    assert sum(item.name.endswith("1.jpg") for item in items) == 2
    loop = next(item for item in items if item.name.endswith("self.jpg"))
    with pytest.raises(UnreadableError, match="cannot be read"):
        read(loop)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadableError, match="no regular file"):
        read(next(inputs.find([str(tmp_path)])))


def test_lists(tmp_path: pathlib.Path) -> None:
    (tmp_path / "plain.csv").write_text("a/1.jpg,espresso\nb 2.jpg,\n/abs.jpg, 285 \n,cat\n")
    found = list(inputs.find([str(tmp_path / "plain.csv")]))
    assert [item.truth for item in found] == ["espresso", None, "285", "cat"]
    assert [item.name for item in found[:3]] == [f"{tmp_path}/a/1.jpg", f"{tmp_path}/b 2.jpg", "/abs.jpg"]
    assert found[3].problem
    (tmp_path / "named.csv").write_text("\ufeffid,Label,Path\n7,espresso,1.jpg\n", "utf-8")
    assert [(item.truth, item.name) for item in inputs.find([str(tmp_path / "named.csv")])] == [
        ("espresso", f"{tmp_path}/1.jpg")
    ]
    pq.write_table(pa.table({"class": [285, 967], "path": ["1.jpg", "2.jpg"]}), tmp_path / "list.parquet")
    assert [item.truth for item in inputs.find([str(tmp_path / "list.parquet")])] == ["285", "967"]
    pq.write_table(pa.table({"class": [285.0, math.nan], "path": ["1.jpg", "2.jpg"]}), tmp_path / "floats.parquet")
    assert [item.truth for item in inputs.find([str(tmp_path / "floats.parquet")])] == ["285.0", None]
    pq.write_table(pa.table({"class": [1]}), tmp_path / "other.parquet")
    with pytest.raises(AuditError, match="no column of files"):
        list(inputs.find([str(tmp_path / "other.parquet")]))


def test_tars_are_read_in_place(tmp_path: pathlib.Path) -> None:
    for name, content in (("k1.jpg", b"one"), ("k1.cls", b"285"), ("k2.seg.png", b"two"), ("k2.json", b"{}")):
        touch(tmp_path / name, content)
    with tarfile.open(tmp_path / "x-00.tar", "w") as tar:
        for name in ("k1.jpg", "k1.cls", "k2.seg.png", "k2.json"):
            tar.add(tmp_path / name, name)
    with tarfile.open(tmp_path / "x-01.tar", "w:gz") as tar:
        tar.add(tmp_path / "k1.jpg", "k1.jpg")
    found = list(inputs.find([f"{tmp_path}/x-{{00..01}}.tar"]))
    assert [(item.name, item.truth) for item in found[:2]] == [
        (f"{tmp_path}/x-00.tar/k1.jpg", "285"),
        (f"{tmp_path}/x-00.tar/k2.seg.png", None),
    ]
    assert [read(item) for item in found[:2]] == [b"one", b"two"]
    assert "uncompressed tar" in (found[2].problem or "")
    assert expand_braces("a{1,2}b{08..10}") == [f"a{x}b{y}" for x in (1, 2) for y in ("08", "09", "10")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty. A list has lines of file,class"),
        ("\n\n", "is empty"),
        ("file,class\n", "has a line of columns' names and no other"),
        ("Image_Path,Label\n1.jpg,cat\n", "'Image_Path,Label', names neither columns that are known nor a picture"),
        ("file;class\n1.jpg;cat\n", "has semicolons between its cells"),
        ("1.jpg\tcat\n", "has tabs between its cells"),
    ],
)
def test_a_list_of_another_kind_is_told_what_is_wanted(tmp_path: pathlib.Path, content: str, sentence: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(AuditError) as told:
        list(inputs.find([str(tmp_path / "list.csv")]))
    assert sentence in str(told.value) and "files' file, path" in str(told.value)


def test_lists_may_name_files_without_a_suffix(tmp_path: pathlib.Path) -> None:
    touch(tmp_path / "picture")
    (tmp_path / "list.csv").write_text("\npicture,cat\ns3://bucket/other,cat\n")
    assert [item.truth for item in inputs.find([str(tmp_path / "list.csv")])] == ["cat", "cat"]


def test_nothing_counts_twice(tmp_path: pathlib.Path) -> None:
    touch(tmp_path / "a" / "b" / "1.jpg")
    touch(tmp_path / "ab" / "1.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    a, inner, beside, link = (str(tmp_path / name) for name in ("a", "a/b", "ab", "link"))
    assert len(list(inputs.find([a, beside]))) == 2
    for places, sentence in (
        ([a, beside, a], "a is given twice, and"),
        ([a, link], "is given twice, as"),
        ([inner, a], "lies in"),
    ):
        with pytest.raises(AuditError, match=sentence):
            list(inputs.find(places))
    for places in (["s3://b/x", "s3://b/x"], ["x-{0..2}.tar", "x-1.tar"]):
        with pytest.raises(AuditError, match="is given twice"):
            list(inputs.find(places))


def tar_of(place: pathlib.Path, names: list[str]) -> bytes:
    """A tar of pictures of 600 bytes, two blocks each behind their header's."""
    with tarfile.open(place, "w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 600
            tar.addfile(info, io.BytesIO(b"x" * 600))
    return place.read_bytes()


@pytest.mark.parametrize(
    ("cut", "pictures", "sentence"),
    [
        (0, 0, "empty file"),
        (700, 0, "unexpected end"),
        (2 * 1536, 2, "cut off at byte 3072"),
        (2 * 1536 + 100, 2, "cut off at byte 3172"),
        (2 * 1536 + 600, 2, "unexpected end"),
        (3 * 1536, 3, "cut off at byte 4608"),
        (3 * 1536 + 511, 3, "cut off at byte 5119"),
        (3 * 1536 + 512, 3, None),
        (10240, 3, None),
    ],
)
def test_a_tar_that_is_cut_off_is_told(tmp_path: pathlib.Path, cut: int, pictures: int, sentence: str | None) -> None:
    whole = tar_of(tmp_path / "x.tar", ["1.jpg", "2.jpg", "3.jpg"])
    assert len(whole) == 10240
    (tmp_path / "x.tar").write_bytes(whole[:cut])
    items = list(inputs.find([str(tmp_path / "x.tar")]))
    problems = [item.problem for item in items if item.problem]
    assert len(items) - len(problems) == pictures
    assert len(problems) == (0 if sentence is None else 1)
    assert (sentence or "") in "".join(problems)


def test_what_is_lost_of_a_damaged_tar_is_told(tmp_path: pathlib.Path) -> None:
    whole = tar_of(tmp_path / "x.tar", ["1.jpg", "2.jpg", "3.jpg"])
    (tmp_path / "x.tar").write_bytes(whole[:1536] + b"\xff" * 512 + whole[2048:])
    first, problem = inputs.find([str(tmp_path / "x.tar")])
    assert first.member == "1.jpg" and "no header at byte 1536" in (problem.problem or "")
    (tmp_path / "x.tar").write_bytes(whole + whole)
    assert "more behind the tar's end" in (list(inputs.find([str(tmp_path)]))[3].problem or "")


def test_a_compressed_tar_is_called_that(tmp_path: pathlib.Path) -> None:
    tar_of(tmp_path / "x.tar", ["1.jpg"])
    for kind, compress in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        (tmp_path / f"y-{kind}.tar").write_bytes(compress((tmp_path / "x.tar").read_bytes()))
        assert "It is compressed" in (next(inputs.find([str(tmp_path / f"y-{kind}.tar")])).problem or "")
    touch(tmp_path / "in" / "z.tar.gz")
    with pytest.raises(AuditError, match=r"z\.tar\.gz cannot be read\. It is compressed, .* unpack it"):
        list(inputs.find([str(tmp_path / "in" / "z.tar.gz")]))
    (item,) = inputs.find([str(tmp_path / "in")])
    assert "It is compressed" in (item.problem or "")


def test_addresses_of_this_machine_are_paths(tmp_path: pathlib.Path) -> None:
    folder = os.fsencode(tmp_path) + b"/a b/cl\xe9ss"
    os.makedirs(folder)
    for name in (b"1.jpg", b"\xff%41.jpg"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(name)
    for address in (f"file://{tmp_path}/a%20b", f"file://localhost{tmp_path}/a b"):
        found = list(inputs.find([address]))
        assert [(item.truth, read(item)) for item in found] == [("cl\\xe9ss", b"1.jpg"), ("cl\\xe9ss", b"\xff%41.jpg")]
    (tmp_path / "list.csv").write_text(f"file://{tmp_path}/a%20b/cl%E9ss/%FF%2541.jpg,cat\n")
    assert [read(item) for item in inputs.find([f"file://{tmp_path}/list.csv"])] == [b"\xff%41.jpg"]
    # As other file systems tell it.
    with pytest.raises(AuditError, match="cannot be listed"):
        list(remote.of_address(f"file://{tmp_path}/a b"))


def test_addresses_by_arrow(tmp_path: pathlib.Path) -> None:
    touch(tmp_path / "a b#?%41" / "1.jpg", b"bytes")
    touch(tmp_path / "2.txt")
    found = list(remote.of_address(f"file://{tmp_path}"))
    assert [(item.truth, read(item)) for item in found] == [("a b#?%41", b"bytes")]
    with pytest.raises(AuditError, match="cannot be opened"):
        list(inputs.find(["nowhere://bucket/x"]))
    with pytest.raises(AuditError, match="with a key in it") as told:
        list(inputs.find(["s3://name:secret@bucket/x"]))
    assert "secret@" not in str(told.value)


def test_coco(tmp_path: pathlib.Path) -> None:
    square = {"bbox": [0, 0, 10, 10], "category_id": 7, "area": 100}
    content = {
        "images": [
            {"id": 1, "file_name": "1.jpg", "width": 20, "height": 20},
            {"id": 2, "file_name": "2.jpg", "width": 5, "height": 5},
        ],
        "categories": [{"id": 7, "name": "Egyptian cat"}, {"id": 8, "name": "cup"}],
        "annotations": [{**square, "image_id": 1}, {"bbox": [5, 5, 2, 2], "category_id": 8, "area": 4, "image_id": 1}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    first, second = inputs.find([str(tmp_path / "coco.json")])
    assert (first.truth, first.name, second.truth, second.regions) == ("Egyptian cat", f"{tmp_path}/1.jpg", None, None)
    assert json.loads(first.regions or "")["regions"] == [{"bbox": [0, 0, 10, 10]}]
    touch(tmp_path / "Egyptian_cat" / "1.jpg")
    boxed = next(inputs.find([str(tmp_path / "Egyptian_cat" / "..")], str(tmp_path / "coco.json")))
    assert json.loads(boxed.regions or "")["regions"] == [{"bbox": [0, 0, 10, 10]}]
    (tmp_path / "coco.json").write_text("[]")
    with pytest.raises(AuditError, match="no COCO file"):
        list(inputs.find([str(tmp_path / "coco.json")]))


SQUARE = [1, 1, 5, 1, 5, 5]
RUNS = pycocotools.mask.encode(np.asfortranarray(np.eye(20, 10, dtype=np.uint8)))["counts"].decode()


def coco_of(image: dict[str, Any], annotation: dict[str, Any]) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 10, "height": 20, **image}],
        "categories": [{"id": 7, "name": "Egyptian cat"}],
        "annotations": [{"id": 99, "image_id": 1, "category_id": 7, **annotation}],
    }


@pytest.mark.parametrize(
    ("image", "annotation", "sentence"),
    [
        ({}, {"bbox": [1, 2, 3]}, "annotation 99 has the bbox [1, 2, 3]"),
        ({}, {"bbox": "1 2 3 4"}, "annotation 99 has the bbox"),
        ({}, {"bbox": [1, 2, "3", 4]}, "annotation 99 has the bbox"),
        ({}, {"bbox": [1, 2, math.nan, 4]}, "annotation 99 has the bbox"),
        ({}, {"bbox": [1, 2, 10**400, 4]}, "annotation 99 has the bbox"),
        ({}, {"bbox": [1, 2, -3, 4]}, "annotation 99 has the bbox"),
        ({}, {"bbox": [1, 2, True, 4]}, "annotation 99 has the bbox"),
        ({}, {"segmentation": [[*SQUARE, 7]]}, "annotation 99 has the segmentation"),
        ({}, {"segmentation": [SQUARE, [1, 1, 5, 5]]}, "annotation 99 has the segmentation"),
        ({}, {"segmentation": SQUARE}, "annotation 99 has the segmentation"),
        ({}, {"segmentation": [[*SQUARE, math.inf, 1]]}, "annotation 99 has the segmentation"),
        ({}, {"segmentation": "polygon"}, "annotation 99 has the segmentation"),
        ({}, {"segmentation": {"counts": [100, 50], "size": [20, 10]}}, "annotation 99 has a mask of 150 pixels"),
        ({}, {"segmentation": {"counts": [100, 100], "size": [10, 20]}}, "annotation 99 has a mask of size"),
        ({}, {"segmentation": {"counts": [300, -100], "size": [20, 10]}}, "annotation 99 has a mask with the counts"),
        ({}, {"segmentation": {"counts": "~~garbage", "size": [20, 10]}}, "annotation 99 has a mask with the counts"),
        ({}, {"segmentation": {"counts": "o" * 500, "size": [20, 10]}}, "annotation 99 has a mask with the counts"),
        ({}, {"segmentation": {"counts": RUNS[:-3], "size": [20, 10]}}, "annotation 99 has a mask"),
        ({}, {"segmentation": {"size": [20, 10]}}, "annotation 99 has a mask with the counts None"),
        ({}, {"area": "large"}, "annotation 99 has the area"),
        ({}, {"category_id": 8}, "annotation 99 is of the category 8"),
        ({}, {"category_id": [7]}, "annotation 99 is of the category"),
        ({"width": 0}, {"bbox": [1, 2, 3, 4]}, "the image 1, which has the width 0"),
        ({"height": None}, {"bbox": [1, 2, 3, 4]}, "the image 1, which has the height None"),
        ({"height": 10**9}, {"bbox": [1, 2, 3, 4]}, "10 x 1000000000 pixels"),
        ({"file_name": None}, {}, "image 1 has the file_name None"),
        ({"file_name": "a\0.jpg"}, {}, "image 1 has the file_name"),
        ({"file_name": "\ud800.jpg"}, {}, "image 1 has the file_name"),
        ({"id": None}, {}, "the image at place 0"),
    ],
)
def test_a_mistake_in_a_coco_file_is_named(
    tmp_path: pathlib.Path, image: dict[str, Any], annotation: dict[str, Any], sentence: str
) -> None:
    place = tmp_path / "coco.json"
    place.write_text(json.dumps(coco_of(image, annotation)))
    for data, boxes in ((place, None), (tmp_path, str(place))):
        with pytest.raises(AuditError) as told:
            list(inputs.find([str(data)], boxes))
        assert str(told.value).startswith(f"In {place} ") and sentence in str(told.value)


@pytest.mark.parametrize(
    "annotation",
    [
        {"bbox": [0, 0.5, 5, 0], "segmentation": []},
        {"segmentation": [SQUARE]},
        {"segmentation": {"counts": RUNS, "size": [20, 10]}},
        {"segmentation": {"counts": [0, 200], "size": [20, 10]}},
    ],
)
def test_what_is_right_in_a_coco_file_is_taken(tmp_path: pathlib.Path, annotation: dict[str, Any]) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(coco_of({}, annotation)))
    (item,) = inputs.find([str(tmp_path / "coco.json")])
    assert item.regions is not None and region_coverage(item.regions, 20, 10).shape == (20, 10)


def test_compressed_masks_have_the_runs_that_pycocotools_made() -> None:
    random = np.random.default_rng(0)
    for density in (0.001, 0.3, 0.7):
        mask = np.asfortranarray(random.random((300, 200)) < density, np.uint8)
        runs = np.diff(np.flatnonzero(np.diff(mask.ravel("F"), prepend=1 - mask[0, 0], append=1 - mask[-1, -1])))
        expected = [0] * int(mask[0, 0]) + runs.tolist()
        assert coco_rules._decoded(pycocotools.mask.encode(mask)["counts"].decode()) == expected


def test_no_file_has_a_zero_byte_in_its_name() -> None:
    with pytest.raises(UnreadableError, match="zero byte"):
        read(Item(b"a\0.jpg"))


@pytest.mark.parametrize("given", ["missing", "setup.cfg"])
def test_what_holds_no_pictures_is_named(tmp_path: pathlib.Path, given: str) -> None:
    touch(tmp_path / "setup.cfg")
    with pytest.raises(AuditError, match=given):
        list(inputs.find([str(tmp_path / given)]))
