"""From what a data set calls a class to the network's number of it."""

from __future__ import annotations

import functools
import importlib.resources
import re
import unicodedata
from collections.abc import Callable, Sequence


class Classes:
    """The classes of a network, found by name.

    Tried one after the other: the label as it is, its first name, the number (`285`, `#285`, or `285.0`, which pandas makes of
    it; a label wins over a number), the WordNet id where the network has ImageNet's thousand classes, and label and first name
    with underscores for spaces and letters of any size. A name that fits several classes fits none: `ambiguous` has those.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.ambiguous: dict[str, list[int]] = {}
        """What fits several classes, of all that was asked for."""
        first_names = [label.split(",")[0] for label in self.labels]
        self._tables: list[dict[str, list[int]]] = []
        for spelled in (_as_it_is, _folded):
            for names in (self.labels, first_names):
                self._tables.append(_table(names, spelled))
        self._of_wordnet = {name: index for index, name in enumerate(wordnet_ids())} if self._is_imagenet(first_names) else {}

    @staticmethod
    def _is_imagenet(first_names: Sequence[str]) -> bool:
        """Whether the classes are those of ILSVRC 2012 in their order, by five of them."""
        known = {0: "tench", 207: "golden retriever", 285: "egyptian cat", 967: "espresso", 999: "toilet tissue"}
        return len(first_names) == 1000 and all(_folded(first_names[index]) == name for index, name in known.items())

    @functools.lru_cache(maxsize=100_000)  # noqa: B019 (it lives as long as the process)
    def find(self, name: str) -> int | None:
        """The number of the class that `name` means; None where the network has no such class, or several."""
        name = name.strip()
        exact, exact_first, folded, folded_first = self._tables
        for table in (exact, exact_first):
            if name in table:
                return self._only(name, table[name])
        number = re.fullmatch(r"#?(\d{1,9})(?:\.0+)?", name)
        if number:
            index = int(number[1])
            return index if index < len(self.labels) else None
        if name in self._of_wordnet:
            return self._of_wordnet[name]
        for table in (folded, folded_first):
            if _folded(name) in table:
                return self._only(name, table[_folded(name)])
        return None

    def _only(self, name: str, found: list[int]) -> int | None:
        if len(found) == 1:
            return found[0]
        self.ambiguous[name] = found
        return None


def _as_it_is(name: str) -> str:
    return name


def _folded(name: str) -> str:
    return " ".join(re.split(r"[\s_]+", unicodedata.normalize("NFKC", name).casefold().strip()))


def _table(names: Sequence[str], spelled: Callable[[str], str]) -> dict[str, list[int]]:
    table: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        table.setdefault(spelled(name), []).append(index)
    return table


@functools.cache
def wordnet_ids() -> list[str]:
    """The WordNet 3.0 ids of ILSVRC 2012's classes, in their order, which is that of the ids."""
    return (importlib.resources.files(__package__) / "wordnet.txt").read_text("ascii").split()
