#!/bin/sh
# wheel-test.sh [SUITE...]
# Installs the wheel of `make wheel` in a fresh, minimal Debian 12 and 13 (or those suites), without a compiler, and explains
# a picture there; then, with GStreamer, a video.
# Needs root, debootstrap, the network and 3 GB in the temporary folder; takes a few minutes.
set -eu

# shellcheck source=scripts/root.sh
. "$(dirname "$0")/root.sh"
in_namespace "$0" "$@"

wheel=$(find out -name 'camoverlay-*.whl' | sort -V | tail -n 1)
[ -n "$wheel" ] || fail "There is no wheel in out/." 'Run "make wheel" first.'
work=$(mktemp -d)
root=$work/root log=$work/log
trap 'unmount_root; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM

# as_user COMMANDS: in the clean root, as its user would.
as_user() {
    quietly chroot --userspec=nobody:nogroup "$root" env -i HOME=/tmp PATH=/opt/venv/bin:/usr/bin:/bin LC_ALL=C.UTF-8 \
        timeout 300 sh -euc "cd /tmp; $*"
}

# shows TEXT COMMANDS: TEXT is in their output.
shows() {
    text=$1
    shift
    as_user "$*"
    if ! grep -q -e "$text" "$log"; then
        cat "$log" >&2
        fail "No $text in the output of: $*" "That is above."
    fi
}

# lines BEGIN FILE: the lines of FILE from one that matches BEGIN to the end of its block of code.
lines() {
    sed -n "/$1/,/^.\`\`$/p" "$2" | grep -v '^.``'
}

try() {
    suite=$1
    step "making a minimal Debian ($suite)"
    make_root "$suite"

    step "installing $wheel"
    as_root apt-get -qq install -y --no-install-recommends python3-venv
    as_user '! command -v cc && ! command -v gcc && ! command -v rustc && ! command -v cargo'
    as_root python3 -m venv --system-site-packages /opt/venv
    cp "$wheel" "$root/root/"
    as_root sh -c '/opt/venv/bin/pip --disable-pip-version-check --quiet install /root/camoverlay-*.whl pillow'

    step "explaining a picture"
    install -m 644 examples/media/chelsea.png "$root/tmp/cat.jpg"
    lines '^.``python' README.md >"$root/tmp/lines.py"
    shows 'Egyptian cat: 6[0-9]%' python lines.py
    as_user test -s why.png

    step "asking for the plugin without GStreamer, and with it"
    shows 'GStreamer is not installed, and the plugin needs 1.22 or newer' '! python -m camoverlay plugin-path'
    as_root apt-get -qq install -y --no-install-recommends gstreamer1.0-tools gstreamer1.0-plugins-base \
        gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gir1.2-gst-plugins-base-1.0 python3-gst-1.0
    # shellcheck disable=SC2016 # for the shell in the root
    shows 'Egyptian.*cat' 'GST_PLUGIN_PATH=$(python -m camoverlay plugin-path) gst-launch-1.0 -m filesrc location=cat.jpg ! \
        pngdec ! videoconvert ! camoverlay ! fakesink'
    as_user gst-launch-1.0 filesrc location=cat.jpg ! pngdec ! imagefreeze num-buffers=5 ! videoconvert ! jpegenc ! \
        matroskamux ! filesink location=in.mp4
    lines '^import camoverlay.video' python/README.md >"$root/tmp/video.py"
    shows 's: Egyptian cat' python video.py

    unmount_root
    rm -rf --one-file-system "$root"
}

[ $# -gt 0 ] || set -- bookworm trixie
for suite; do
    try "$suite"
done
echo "The wheel installs and works in clean Debians without a compiler."
