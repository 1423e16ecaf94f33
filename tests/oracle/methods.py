"""Class maps by every method, from the publications' formulas in plain numpy, in double precision.

    methods.py > core/src/cam/tests/methods.json

Small heads on features without a pattern. Nothing is taken from the closed forms that camoverlay uses: gradients are those of
the head as a function (by the complex step, which has no error of its own), principal components numpy's, and the head is run
on each cell. Where a sign is free it is that of the sums of features times gradient.

needs: numpy
"""

import json
from collections.abc import Callable

import numpy as np

Head = Callable[[np.ndarray], np.ndarray]

HEIGHT, WIDTH = 3, 4
CELLS = HEIGHT * WIDTH


def gradient(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """That of a function of one value, by the complex step."""
    result = np.empty_like(at)
    for index in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[index] += 1e-30j
        result[index] = function(moved).imag / 1e-30
    return result


def component(values: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Channels x cells projected on the first principal component, its sign as that of `guide`."""
    centred = (values - values.mean(axis=1, keepdims=True)).T
    _, _, vt = np.linalg.svd(centred, full_matrices=False)
    projected = centred @ vt[0]
    return projected * (1 if projected @ (guide - guide.mean()) >= 0 else -1)


def similar(rows: np.ndarray, target: int) -> np.ndarray:
    """The three classes whose rows have the largest cosine with that of `target`."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[target]), kind="stable")
    return order[order != target][:3]


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def maps(head: Head, a: np.ndarray, target: int, rows: np.ndarray | None, sigmoid: bool) -> dict[str, list[float] | None]:
    """The map of `target` by each method; none where it is to be refused. `rows` are the classes' weights."""
    g = gradient(lambda x: head(x)[target], a)
    means, stds = a.mean(axis=1), a.std(axis=1)
    positive = np.maximum(g, 0)
    alpha = g**2 / (2 * g**2 + g**3 * a.sum(axis=1, keepdims=True) + 1e-6)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(a.any(axis=1), (g * a).sum(axis=1) / a.sum(axis=1), 0)
    found: dict[str, np.ndarray | None] = {
        "gradcam": g.mean(axis=1) @ a,
        "hirescam": (g * a).sum(axis=0),
        "gradcam++": (alpha * positive).sum(axis=1) @ a,
        "layercam": (positive * a).sum(axis=0),
        "eigencam": component(a, a.sum(axis=0)),
        "xgradcam": shares @ a,
        "gradcam-elementwise": np.maximum(g * a, 0).sum(axis=0),
        "eigengradcam": component(g * a, (g * a).sum(axis=0)),
        "fem": (a > (means + 2 * stds)[:, None]).mean(axis=1) @ a,
        "cam": None,
        "finercam": None,
        "reciprocam": None,
    }
    if rows is not None:
        others = similar(rows, target)
        finer = gradient(lambda x: head(x)[target] - 0.6 * head(x)[others].mean(), a)
        alone = [head(a * (np.arange(CELLS) == cell)) for cell in range(CELLS)]
        empty, *scores = [(1 / (1 + np.exp(-z)) if sigmoid else softmax(z))[target] for z in (head(0 * a), *alone)]
        found |= {
            "cam": CELLS * (g * a).sum(axis=0),
            "finercam": CELLS * (finer * a).sum(axis=0),
            "reciprocam": np.array(scores) - empty,
        }
    return {name: None if values is None else values.tolist() for name, values in found.items()}


def case(
    name: str, head: Head, a: np.ndarray, rows: np.ndarray | None, sigmoid: bool = False, **more: object
) -> list[dict]:
    """The maps of the first and the last class."""
    logits = head(a)
    return [
        {
            "name": name, "height": HEIGHT, "width": WIDTH, "target": target, "sigmoid": sigmoid,
            "features": a.ravel().tolist(), "logits": logits.tolist(),
            "gradient": gradient(lambda x, c=target: head(x)[c], a).ravel().tolist(),
            "kernels": None if rows is None else rows.ravel().tolist(), "maps": maps(head, a, target, rows, sigmoid), **more,
        }
        for target in (0, len(logits) - 1)
    ]


def short(value: object) -> object:
    """The value with nine digits to each number, which single precision does not tell from all."""
    match value:
        case float():
            return float(f"{value:.9g}")
        case list():
            return [short(item) for item in value]
        case dict():
            return {key: short(item) for key, item in value.items()}
        case _:
            return value


def single(values: np.ndarray) -> np.ndarray:
    """What single precision keeps of the values."""
    return values.astype(np.float32).astype(np.float64)


def main() -> None:
    random = np.random.default_rng(10)
    a = single(np.maximum(random.normal(0.5, 2, (6, CELLS)), 0))
    a[2] = 0  # dead
    a[4] = 1.5  # the same everywhere
    a[5, 7] = 30  # stands out
    signed = single(random.normal(0.3, 1, (6, CELLS)))
    w, b = single(random.normal(0, 1, (5, 6))), single(random.normal(0, 1, 5))
    first, second = single(random.normal(0, 0.1, (7, 6 * CELLS))), single(random.normal(0, 1, (5, 7)))
    kernels = single(random.normal(0, 1, (6, 9)))
    weights = {"weights": w.ravel().tolist(), "bias": b.tolist()}
    cases = [
        *case("dense", lambda x: w @ x.mean(axis=1) + b, a, w, **weights),
        *case("dense", lambda x: w @ x.mean(axis=1) + b, signed, w, sigmoid=True, **weights),
        *case("dense", lambda x: w[:2] @ x.mean(axis=1) + b[:2], signed, w[:2],
              weights=w[:2].ravel().tolist(), bias=b[:2].tolist()),
        *case("channels", lambda x: x.mean(axis=1), a, kernels),
        *case("pooled", lambda x: w @ np.tanh(x.mean(axis=1)), a, None),
        *case("flattened", lambda x: second @ np.tanh(first @ x.ravel()), a, None),
        *case("flattened", lambda x: second @ np.tanh(first @ x.ravel()), signed, None),
    ]
    print("[" + ",\n".join(json.dumps(short(case)) for case in cases) + "]")


if __name__ == "__main__":
    main()
