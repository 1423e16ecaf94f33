"""Prints the table of one of matplotlib's listed colour maps for core/src/render/colormap/tables.rs: python scripts/colormap.py inferno

matplotlib (and https://bids.github.io/colormap) publish 256 colours, six digits each. The core has 255 heats: these take
the colours at 255 even steps from the first to the last one, between two of them linearly, rounded to eight bits.
Needs matplotlib, which `make bench-python` installs: .deps/bench-python/bin/python.
"""

import sys

import matplotlib

LEVELS = 255
PER_LINE = 9


def main(name: str) -> None:
    published = matplotlib.colormaps[name].colors
    last = len(published) - 1
    table = []
    for row in range(LEVELS):
        first, part = divmod(row * last, LEVELS - 1)
        part /= LEVELS - 1
        pair = zip(published[first], published[min(first + 1, last)])
        red, green, blue = (round(255 * (a + (b - a) * part)) for a, b in pair)
        table.append(f"0x{red:02x}{green:02x}{blue:02x},")
    for at in range(0, LEVELS, PER_LINE):
        print("   ", *table[at : at + PER_LINE])


main(sys.argv[1])
