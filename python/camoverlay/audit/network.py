"""The network, as the rows need it: what `camoverlay.Explainer` says of pictures and their three classes."""

from __future__ import annotations

import dataclasses
import glob
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import camoverlay

from .classes import Classes
from .decoding import Pixels
from .errors import AuditError
from .heat import Map
from .rows import TOP
from .settings import Settings, hash_of_files

BATCH = 8
"""Pictures that are explained by one call, and where another than the processor computes by one run, at most."""


@dataclasses.dataclass(frozen=True)
class Explained:
    """What one run says of a picture: the best classes with their scores, and the maps by name (`settings.MAPS`)."""

    top: list[tuple[int, float]]
    score_true: float | None
    rival_id: int | None
    score_rival: float | None
    maps: dict[str, Map]
    features: npt.NDArray[np.float32] | None
    hot_features: npt.NDArray[np.float32] | None


class Network:
    """An opened network that explains with one thread, since there is a process, or a thread that asks, for each core."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Raises:
        AuditError: in the words of `camoverlay`.
        """
        # Measured: on a core, runs of several pictures take 5 % longer than as many runs.
        together = 1 if options.get("provider", "cpu") == "cpu" else BATCH
        try:
            self.explainer = camoverlay.Explainer(**options, threads=1, batch_size=together)
        except camoverlay.Error as error:
            raise AuditError(str(error)) from None
        self.classes = Classes(self.explainer.labels)
        labels = options.get("labels")
        self.hash = hash_of_files(*_files_of(self.path))
        """That of its files."""
        self.labels_hash = hash_of_files(pathlib.Path(labels)) if labels else None
        """That of the file of labels that was given."""

    @classmethod
    def of_run(cls, settings: Settings) -> Network:
        """The network of a run.

        Raises:
            AuditError: also where another one lies in its place by now.
        """
        network = cls(settings.network)
        if (network.hash, network.labels_hash) != (settings.network_hash, settings.labels_hash):
            changed = network.path if network.hash != settings.network_hash else settings.network["labels"]
            raise AuditError(
                f"{changed} is not what it was when the run began, and would explain pictures otherwise. Put back what was "
                "there, or run anew with another folder for --out."
            )
        return network

    @property
    def name(self) -> str:
        """As camoverlay calls it."""
        return self.explainer.name

    @property
    def path(self) -> pathlib.Path:
        """Its file."""
        return self.explainer.path

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which it scales a picture."""
        return self.explainer.scaled_size(width, height)

    def explain(
        self, pictures: Sequence[Pixels], truths: Sequence[int | None], maps: Sequence[str], features: bool
    ) -> list[Explained | str]:
        """What the network says of each picture whose true class is told, or why it says nothing.

        Of `maps` those are made that there are: none of the true class where nobody knows it or it is the predicted one."""
        targets = [self._targets(truth, maps) for truth in truths]
        try:
            answers = self.explainer.explain_batch(list(pictures), targets=targets, features=features, top_k=TOP)
        except camoverlay.Error as error:
            if len(pictures) == 1:
                return [str(error)]
            # Which of them it is.
            return [
                self.explain([picture], [truth], maps, features)[0] for picture, truth in zip(pictures, truths, strict=True)
            ]
        return [self._explained(answer, truth, maps) for answer, truth in zip(answers, truths, strict=True)]

    def scores(self, pictures: Sequence[Pixels], classes: Sequence[int]) -> list[float]:
        """The score of one class for each picture.

        Raises:
            AuditError: where the network fails on one.
        """
        try:
            answers = self.explainer.explain_batch(list(pictures), targets=[f"#{one}" for one in classes], top_k=1)
        except camoverlay.Error as error:
            raise AuditError(str(error)) from None
        return [answer.target.score for answer in answers]

    def _targets(self, truth: int | None, maps: Sequence[str]) -> list[str]:
        """The predicted class first, then who else may be wanted."""
        wanted = ["top-1"]
        if truth is not None:
            wanted.append(f"#{truth}")
        if "rival" in maps:
            ranks = min(len(self.classes.labels), 2 if truth is None else 3)
            wanted += [f"top-{rank}" for rank in range(2, ranks + 1)]
        return wanted

    def _explained(self, answer: camoverlay.Explanation, truth: int | None, maps: Sequence[str]) -> Explained:
        ids = [index for index, _, _ in answer.targets]
        scores = [float(score) for _, _, score in answer.targets]
        kept = {"predicted": answer.maps[0]}
        true_at = None if truth is None else 1
        rival_at = next((place for place in range(1, len(ids)) if ids[place] not in (ids[0], truth)), None)
        if true_at is not None and truth != ids[0]:
            kept["true"] = answer.maps[true_at]
        if rival_at is not None:
            kept["rival"] = answer.maps[rival_at]
        return Explained(
            [(index, float(score)) for index, _, score in answer.top],
            None if true_at is None else scores[true_at],
            None if rival_at is None else ids[rival_at],
            None if rival_at is None else scores[rival_at],
            {name: values for name, values in kept.items() if name in maps},
            answer.features,
            None if answer.hot_features is None else answer.hot_features[0],
        )


def _files_of(network: pathlib.Path) -> list[pathlib.Path]:
    """A network's file with what lies beside it: weights in other files, and what exporters say of it."""
    beside = [path for path in network.parent.glob(f"{glob.escape(network.name)}*data*") if path != network]
    names = ("config.json", "preprocessor_config.json")
    return sorted(path for path in (network, *beside, *(network.parent / name for name in names)) if path.is_file())
