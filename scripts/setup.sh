#!/bin/sh
# The parts of `make setup` that look at the machine.
#   setup.sh check                 is Rust new enough, is there room to build
#   setup.sh packages              Debian packages: installed if missing
#   setup.sh python PYTHON DEPS    a private environment for the conversion tool in DEPS/python
#   setup.sh bench-python DEPS     one for the programs that the benchmark compares with, in DEPS/bench-python
#   setup.sh wheel-python DEPS     one for the Python package and its tests, in DEPS/wheel-python
#   setup.sh recipes-python DEPS   one for the libraries that networks come from, in DEPS/recipes-python
set -eu

# What the build, the demo and the tests need.
packages="
    gcc libc6-dev pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libpango1.0-dev
    libgstrtspserver-1.0-dev libgstreamer-plugins-bad1.0-dev
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x
    gstreamer1.0-nice gir1.2-gst-plugins-bad-1.0 ffmpeg jq openssl
    python3 python3-venv python3-gst-1.0 gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0
    python3-numpy
    xvfb xdotool python3-xlib chromium chromium-driver
    fonts-dejavu-core fonts-wqy-microhei groff-base zsh fish opencv-doc
"
gstreamer=1.22
room_to_build=4000000 # kB
room_for_recipes=9000000

# fail WHAT-IS-WRONG WHAT-TO-DO
fail() {
    printf '%s\n%s\n' "$1" "$2" >&2
    exit 1
}

# at_least VERSION MINIMUM
at_least() {
    [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

check() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    command -v cargo >/dev/null || fail "Rust is not installed (no cargo on the PATH)." \
        "Install Rust $wanted or newer as https://rustup.rs describes, open a new shell and try again."
    found=$(rustc --version | cut -d ' ' -f 2)
    at_least "$found" "$wanted" || fail "Rust $found is too old: $wanted or newer is needed." \
        "Run 'rustup update', or install it as https://rustup.rs describes."
    if [ ! -d target ] && [ "$(free_room)" -lt $room_to_build ]; then
        fail "There are less than $((room_to_build / 1000000)) GB free on the disk of $PWD." \
            "Make room, or work on another disk."
    fi
}

# free_room: kB on the disk of this folder
free_room() {
    df -Pk . | awk 'NR == 2 { print $4 }'
}

missing_packages() {
    for package in $packages; do
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true) in
            ii*) ;;
            *) printf ' %s' "$package" ;;
        esac
    done
}

install_packages() {
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=sudo
    else
        fail "These Debian packages are missing, and only root can install them:$missing" \
            "Run this as root, then try again:  apt-get update && apt-get install -y$missing"
    fi
    echo "Installing with ${as_root:+$as_root }apt-get:$missing"
    # shellcheck disable=SC2086 # word splitting is meant
    if ! { $as_root apt-get -qq update && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends $missing >/dev/null; }; then
        fail "apt-get could not install the packages." \
            "Its own words are above; without a network, install them by other means: apt-get install$missing"
    fi
}

packages() {
    if command -v apt-get >/dev/null; then
        install_packages
    fi
    command -v pkg-config >/dev/null || fail "pkg-config is not installed." \
        "Install it, a C compiler, and GStreamer $gstreamer or newer with its development files and plugins."
    pkg-config --exists pangocairo || fail "Pango's development files are not installed (pangocairo)." \
        "Install them from your distribution."
    for module in gstreamer-1.0 gstreamer-video-1.0 gstreamer-app-1.0 gstreamer-check-1.0; do
        found=$(pkg-config --modversion $module 2>/dev/null || echo 0)
        at_least "$found" "$gstreamer" || fail "$module $gstreamer or newer is not installed (found: $found)." \
            "Install GStreamer's development files from your distribution, or use a newer one (Debian 12 is new enough)."
    done
}

python() {
    python=$1 environment=$2/python cache=$2/cache
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "Python 3.11 or newer was not found as '$python'." \
            "Install it, or name it: make PYTHON=/path/to/python3 ..."
    echo "Python packages of the conversion tool"
    "$python" -m venv --clear "$environment" >/dev/null ||
        fail "$python cannot make a virtual environment with pip." \
            "Install its venv module (Debian: apt-get install python3-venv) and try again."
    # Downloaded first, installed from there: what is in the cache is never fetched again.
    for step in "download --dest $cache" "install --no-index"; do
        # shellcheck disable=SC2086 # word splitting is meant
        "$environment/bin/python" -m pip --disable-pip-version-check --quiet --retries 2 $step --find-links "$cache" \
            --no-deps --only-binary=:all: --require-hashes --requirement models/requirements.txt ||
            fail "The Python packages listed in models/requirements.txt could not be fetched." \
                "Connect this machine to the network and try again; they need Python 3.11 to 3.14 on x86_64 or aarch64."
    done
}

bench_python() {
    python=/usr/bin/python3 environment=$1/bench-python
    packages="python3-venv python3-torch python3-torchvision"
    if command -v apt-get >/dev/null; then
        install_packages
    fi
    "$python" -c 'import torch, torchvision' 2>/dev/null ||
        fail "$python has no torch and torchvision." \
            "Install them from your distribution (Debian: apt-get install python3-torch python3-torchvision)."
    if ! { "$python" -m venv --clear --system-site-packages "$environment" >/dev/null &&
        "$environment/bin/python" -m pip --disable-pip-version-check --quiet --retries 2 install --no-deps \
            --requirement benches/by_hand/requirements.txt; }; then
        rm -rf "$environment"
        fail "The Python packages listed in benches/by_hand/requirements.txt could not be installed." \
            "Connect this machine to the network and try again; pip's own words are above."
    fi
}

wheel_python() {
    # Debian's, for it alone knows GStreamer.
    python=/usr/bin/python3 environment=$1/wheel-python
    if ! { "$python" -m venv --clear --system-site-packages "$environment" >/dev/null &&
        "$environment/bin/python" -m pip --disable-pip-version-check --quiet --retries 2 install \
            --requirement python/requirements.txt; }; then
        rm -rf "$environment"
        fail "The Python packages listed in python/requirements.txt could not be installed." \
            "Connect this machine to the network and try again; pip's own words are above."
    fi
}

recipes_python() {
    python=/usr/bin/python3 environment=$1/recipes-python
    packages="python3-venv"
    if command -v apt-get >/dev/null; then
        install_packages
    fi
    [ "$(free_room)" -ge $room_for_recipes ] ||
        fail "There are less than $((room_for_recipes / 1000000)) GB free on the disk of $PWD." \
            "Make room, or work on another disk."
    if ! { "$python" -m venv --clear "$environment" >/dev/null &&
        "$environment/bin/python" -m pip --disable-pip-version-check --quiet --retries 2 --no-cache-dir install --no-deps \
            --requirement tests/recipes/requirements.txt; }; then
        rm -rf "$environment"
        fail "The Python packages listed in tests/recipes/requirements.txt could not be installed." \
            "Connect this machine to the network and try again, with Python 3.11 on x86_64; pip's own words are above."
    fi
}

case $1 in
    check) check ;;
    packages) packages ;;
    bench-python) bench_python "$2" ;;
    wheel-python) wheel_python "$2" ;;
    recipes-python) recipes_python "$2" ;;
    python) mkdir -p "$3/cache" && python "$2" "$3" ;;
esac
