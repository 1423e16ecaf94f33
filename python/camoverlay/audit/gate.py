"""`--fail-on`: conditions on a report's summary under which a command fails, for continuous integration."""

from __future__ import annotations

import dataclasses
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
        conditions.append(Condition(part.strip(), match[1], match[2], float(match[3]) / (100 if match[4] else 1)))
    return conditions
