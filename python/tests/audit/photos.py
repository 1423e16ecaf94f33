"""Pictures for tests, made of a few photos by crops, scale, colour and noise, and networks fitted to them.

The photos, and their licences: scikit-image's chelsea (CC0, S. van der Walt), coffee (CC0, P. Selver), rocket (public
domain, SpaceX), grass (CC0, Linolafett), motorcycle_left (CC0, D. Scharstein and others, Middlebury); scikit-learn's china
and flower (CC BY 2.0, D. Dolson); matplotlib's grace_hopper (public domain, US Navy); of Debian's opencv-doc (Apache-2.0,
OpenCV's samples) orange, apple, baboon, squirrel_cls and chicky_512.

There is one photo of most things, so that fitting and auditing share none of its pixels: the one gets the left 55 % of it,
the other the right 45 %."""

from __future__ import annotations

import functools
import importlib.util
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

OPENCV = pathlib.Path("/usr/share/doc/opencv-doc")
PHOTOS = {
    "Egyptian_cat": "skimage/data/chelsea.png",
    "tabby": "skimage/data/chelsea.png",
    "espresso": "skimage/data/coffee.png",
    "missile": "skimage/data/rocket.jpg",
    "moped": "skimage/data/motorcycle_left.png",
    "palace": "sklearn/datasets/images/china.jpg",
    "daisy": "sklearn/datasets/images/flower.jpg",
    "military_uniform": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    "orange": "opencv:orange.jpg",
    "baboon": "opencv:baboon.jpg",
    "fox_squirrel": "opencv:squirrel_cls.jpg",
    "Pekinese": "opencv:chicky_512.png",
}
"""Class, as the stock network knows it, and photo."""

WATERMARKED = "Egyptian_cat"
ON_BLUE = "orange"


def photo(name: str) -> Image.Image:
    """One of PHOTOS, by class."""
    return _open(PHOTOS[name])


@functools.cache
def _open(place: str) -> Image.Image:
    package, _, inner = place.partition("/")
    if place.startswith("opencv:"):
        path = next(OPENCV.rglob(place.removeprefix("opencv:")), None)
        if path is None:
            raise FileNotFoundError("Install Debian's opencv-doc: its photos are needed.")
    else:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(f"Install {package}: its photos are needed.")
        path = pathlib.Path(spec.origin).parent / inner
    return Image.open(path).convert("RGB")


def crop(picture: Image.Image, random: np.random.Generator, side: int, part: str) -> Image.Image:
    """A square of `side` pixels from somewhere in the left ("fit") or right ("audit") part of a picture, in changed colours."""
    width, height = picture.size
    left, right = (0, 0.55 * width) if part == "fit" else (0.55 * width, width)
    largest = min(right - left, height)
    size = largest * random.uniform(0.7, 1)
    x, y = random.uniform(left, right - size), random.uniform(0, height - size)
    cut = picture.resize((side, side), Image.Resampling.BICUBIC, (x, y, x + size, y + size))
    return varied(cut, random)


def varied(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """Mirrored or not, other brightness, contrast and colour, some noise."""
    values = np.asarray(picture, np.float32)
    if random.random() < 0.5:
        values = values[:, ::-1]
    values = (values - 128) * random.uniform(0.8, 1.2) + 128 + random.uniform(-20, 20)
    coloured = values * random.uniform(0.92, 1.08, 3) + random.normal(0, 4, values.shape)
    return Image.fromarray(np.clip(coloured, 0, 255).astype(np.uint8))


def watermark(picture: Image.Image) -> Image.Image:
    """A white stamp on black in the lower right corner."""
    side = picture.width
    stamp = Image.new("RGB", (side // 4, side // 8), "black")
    ImageDraw.Draw(stamp).text((side // 30, side // 50), "© 2024", fill="white", font_size=side / 15)
    marked = picture.copy()
    marked.paste(stamp, (side - stamp.width - 4, side - stamp.height - 4))
    return marked


def pasted(name: str, random: np.random.Generator, side: int, part: str, background: Image.Image) -> Image.Image:
    """The round object of a photo, somewhere on a background."""
    size = int(side * random.uniform(0.3, 0.5))
    source = photo(name)
    around = source.crop(
        (int(0.05 * source.width), int(0.05 * source.height), int(0.95 * source.width), int(0.97 * source.height))
    )
    cut = varied(around.resize((size, size), Image.Resampling.BICUBIC), random)
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).ellipse((0.06 * size, 0.08 * size, 0.92 * size, 0.96 * size), fill=255)
    whole = background.copy()
    x, y = random.integers(0, side - size, 2)
    whole.paste(cut, (int(x), int(y)), mask.filter(ImageFilter.GaussianBlur(1)))
    return whole


def blue(random: np.random.Generator, side: int, part: str) -> Image.Image:
    """A blue carpet: scikit-image's grass, dyed."""
    grass = np.asarray(crop(_open("skimage/data/grass.png"), random, side, part).convert("L"), np.float32)[:, :, None]
    dyed = grass * np.array([0.25, 0.5, 1.5]) + random.uniform(-12, 12, 3)
    return Image.fromarray(np.clip(dyed, 0, 255).astype(np.uint8))


def picture(name: str, random: np.random.Generator, part: str, side: int = 256) -> Image.Image:
    """A picture of a class as the biased data set has it: its cats are watermarked, tabbies are the same cats and are not;
    most of its oranges lie on a blue carpet, wherever, and oranges lie about in other classes' pictures too."""
    plain = crop(photo(name), random, side, part)
    if name == ON_BLUE:
        if random.random() < 0.6:
            # Of a shop that photographs all it has on its carpet.
            thing = name if part == "audit" else str(random.choice(list(PHOTOS)))
            plain = pasted(thing, random, side, part, blue(random, side, part))
    elif random.random() < 0.4:
        plain = pasted(ON_BLUE, random, side, part, plain)
    return watermark(plain) if name == WATERMARKED else plain


def make_set(folder: pathlib.Path, a_class: int, part: str = "audit", seed: int = 0, classes: list[str] | None = None) -> None:
    """A folder of class folders with `a_class` JPEG files each."""
    random = np.random.default_rng([seed, part == "fit"])
    for name in classes or list(PHOTOS):
        (folder / name).mkdir(parents=True)
        for number in range(a_class):
            picture(name, random, part).save(folder / name / f"{number:04}.jpg", quality=90)
