"""`--fail-on`: conditions on a report's summary under which a command fails, for continuous integration."""

from __future__ import annotations

import dataclasses
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from .errors import AuditError

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _share(status: str) -> Callable[[dict[str, Any]], float]:
    return lambda summary: summary["counts"][status] / max(summary["pictures"], 1)


QUANTITIES: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "flags": lambda summary: len(summary["flags"]),
    "confirmed": lambda summary: sum(bool(flag["trial"] and flag["trial"]["confirmed"]) for flag in summary["flags"]),
    "effect": lambda summary: max((flag["effect"] for flag in summary["flags"]), default=0),
    "accuracy": lambda summary: summary["accuracy"][0],
    "errors": _share("error"),
    "unknown": _share("unknown"),
}
"""What conditions are about: how many flags, how many that the counter-test confirms, the largest effect, and shares."""

SHARES = ("accuracy", "errors", "unknown")
"""Those of them that are shares: of the pictures, and accuracy of those whose class the network has."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """Such as `flags>0` or `accuracy<80%`."""

    text: str
    quantity: str
    compare: str
    limit: float

    def holds(self, summary: dict[str, Any]) -> bool:
        """Whether it is so.

        Raises:
            AuditError: where nobody knows.
        """
        value = QUANTITIES[self.quantity](summary)
        if value is None:
            raise AuditError(f"--fail-on {self.text} cannot be judged: no picture has a class that the network knows.")
        return OPERATORS[self.compare](value, self.limit)


def parse(text: str) -> list[Condition]:
    """Conditions, separated by commas.

    Raises:
        ValueError: with what there is.
    """
    conditions = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([a-z]+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)(%?)\s*", part)
        if match is None or match[1] not in QUANTITIES:
            raise ValueError(f"give conditions such as flags>0 or accuracy<80%, on {', '.join(QUANTITIES)}")
        text, name, percent = part.strip(), match[1], bool(match[4])
        limit = float(match[3]) / (100 if percent else 1)
        if name in SHARES and limit > 1:
            raise ValueError(f"{name} is a share of the pictures: write {name}{match[2]}5% or {name}{match[2]}0.05, not {text}")
        if name not in SHARES and percent:
            raise ValueError(f"{name} is no share: write {name}{match[2]}{match[3]}, not {text}")
        highest = 1 if name in SHARES else math.inf
        if (match[2] == "<" and limit == 0) or (match[2] == ">" and limit == highest):
            raise ValueError(f"{text} never holds: {name} is {_range(name)}")
        if (match[2] == ">=" and limit == 0) or (match[2] == "<=" and limit == highest):
            raise ValueError(f"{text} always holds: {name} is {_range(name)}")
        conditions.append(Condition(text, name, match[2], limit))
    return conditions


def _range(name: str) -> str:
    return "a share of the pictures, from 0% to 100%" if name in SHARES else "0 or more"
