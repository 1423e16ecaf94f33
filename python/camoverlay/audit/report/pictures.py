"""Pictures of rows: opened again where something is to be shown or tried, small copies of those in the report."""

from __future__ import annotations

import base64
import concurrent.futures
import dataclasses
import hashlib
import io
import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..decoding import Pixels, decode
from ..heat import Map
from ..inputs.files import UnreadableError, read
from ..network import Network
from ..work import cores
from .table import Rows

SIDE = 208
"""Longest side of a picture in the report, in pixels."""

QUALITY = 78


@dataclasses.dataclass(frozen=True)
class Shown:
    """A picture and its maps by class: what a row says and cannot keep."""

    row: int
    pixels: Pixels
    maps: dict[str, Map]


class Pictures:
    """Opens the pictures of rows, with their maps."""

    def __init__(self, rows: Rows, network: Network) -> None:
        self.rows, self.network = rows, network
        self.unreadable: dict[int, str] = {}
        """Why pictures cannot be shown, of those that were asked for."""

    def open(self, wanted: Iterable[int]) -> dict[int, Shown]:
        """Those of the rows that can still be read; pictures that have changed since are not shown."""
        asked = sorted(set(wanted))
        maps = self._maps(asked)
        items = {row: self.rows.plan.item(int(self.rows.index[row])) for row in asked}
        checksums = dict(zip(asked, self.rows.text("checksum", asked), strict=True))

        def one(row: int) -> Shown | str:
            try:
                data = read(items[row])
                if hashlib.sha256(data).hexdigest() != checksums[row]:
                    return "It is another file now."
                return Shown(row, decode(data, self.network.scaled_size)[0], maps[row])
            except UnreadableError as error:
                return str(error)

        with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
            found = dict(zip(asked, pool.map(one, asked), strict=True))
        self.unreadable |= {row: one for row, one in found.items() if isinstance(one, str)}
        return {row: one for row, one in found.items() if isinstance(one, Shown)}

    def _maps(self, asked: list[int]) -> dict[int, dict[str, Map]]:
        """The maps of rows in ascending order, at their own shape."""
        names = [name for name in self.rows.plan.settings.maps]
        columns = ["map_height", "map_width", *(f"map_{name}" for name in names)]
        found: dict[int, dict[str, Map]] = {}
        for shard, group in itertools.groupby(asked, key=self.rows.shard_of):
            inner = [row - int(self.rows.starts[shard]) for row in group]
            for place, cells in zip(inner, self.rows.read(shard, columns).take(inner).to_pylist(), strict=True):
                shape = (cells["map_height"], cells["map_width"])
                found[place + int(self.rows.starts[shard])] = {
                    name: np.array(cells[f"map_{name}"], np.float32).reshape(shape)
                    for name in names
                    if cells[f"map_{name}"] is not None
                }
        return found


def small(pixels: Pixels) -> bytes:
    """A JPEG file of a picture that is no larger than SIDE."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def packed(values: npt.NDArray[np.floating]) -> list[int | str]:
    """A map for the page: rows, columns, and bytes in base64, 255 being its maximum and what is not positive 0."""
    highest = float(values.max(initial=0))
    shares = np.maximum(values, 0) / highest if highest > 0 else np.zeros(values.shape)
    cells = np.rint(255 * shares).astype(np.uint8)
    return [*values.shape, base64.b64encode(cells.tobytes()).decode("ascii")]
