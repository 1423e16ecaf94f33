"""python -m camoverlay plugin-path"""

from __future__ import annotations

import argparse
import sys

from .errors import Error
from .plugin import plugin_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m camoverlay", description="What comes with the package camoverlay.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plugin-path", help="print the folder of the GStreamer plugin, for GST_PLUGIN_PATH")
    parser.parse_args()
    try:
        print(plugin_folder())
    except Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
