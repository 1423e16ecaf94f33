"""From names to classes."""

from __future__ import annotations

import pytest

import camoverlay
from camoverlay.audit.classes import Classes, wordnet_ids


@pytest.fixture(scope="module")
def imagenet() -> Classes:
    return Classes(camoverlay.Explainer(threads=1).labels)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("Egyptian cat", 285),
        ("Egyptian_cat", 285),
        ("egyptian cat", 285),
        ("tabby, tabby cat", 281),
        ("tabby", 281),
        ("n02124075", 285),
        ("285", 285),
        ("#285", 285),
        ("0285", 285),
        ("285.0", 285),
        ("285.5", None),
        ("1000.0", None),
        ("1000", None),
        ("no such thing", None),
        ("n00000000", None),
        # A dog and a jacket: letters decide.
        ("cardigan", 474),
        ("Cardigan", 264),
        # A bird and a machine.
        ("crane", None),
    ],
)
def test_names_of_imagenet(imagenet: Classes, name: str, index: int | None) -> None:
    assert imagenet.find(name) == index


def test_what_fits_several_is_told(imagenet: Classes) -> None:
    assert imagenet.find("crane") is None
    assert imagenet.ambiguous["crane"] == [134, 517]


def test_a_label_wins_over_a_number() -> None:
    classes = Classes(["2", "1", "bull frog"])
    assert [classes.find(name) for name in ("0", "1", "2", "#2", "bull_frog", "n01440764")] == [0, 1, 0, 2, 2, None]


def test_wordnets_ids_are_in_order() -> None:
    assert len(set(wordnet_ids())) == 1000
    assert wordnet_ids() == sorted(wordnet_ids())
