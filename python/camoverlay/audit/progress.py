"""How far it is: a bar on a terminal, JSON lines elsewhere, both on standard error."""

from __future__ import annotations

import json
import sys
import time

from tqdm import tqdm

from .work import State

LINE_EVERY = 10.0
"""Seconds between two JSON lines."""


class Progress:
    """Of `total` pictures of which `before` were done by an earlier run."""

    def __init__(self, total: int, before: int) -> None:
        self.total, self.before = total, before
        self.start = self.last = time.monotonic()
        self.bar = tqdm(total=total, initial=before, unit="img", smoothing=0.05) if sys.stderr.isatty() else None

    def watch(self, state: State) -> None:
        """Is told of the work."""
        if self.bar is not None:
            self.bar.set_postfix(errors=state.errors, refresh=False)
            self.bar.update(self.before + state.done - self.bar.n)
        elif time.monotonic() - self.last >= LINE_EVERY:
            self.last = time.monotonic()
            self._line(state)

    def end(self, state: State) -> None:
        """All is done."""
        if self.bar is not None:
            self.watch(state)
            self.bar.close()
        else:
            self._line(state)

    def _line(self, state: State) -> None:
        done = self.before + state.done
        rate = state.done / max(time.monotonic() - self.start, 1e-9)
        left = (self.total - done) / rate if rate > 0 else None
        told = {"done": done, "total": self.total, "errors": state.errors, "images_per_second": round(rate, 1)}
        print(json.dumps({**told, "seconds_left": left if left is None else round(left)}), file=sys.stderr, flush=True)
