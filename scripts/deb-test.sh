#!/bin/sh
# deb-test.sh [ARCHITECTURE]
# Installs the package of `make deb` in a fresh, minimal Debian 12, uses it there, and takes it away again.
# Needs root, debootstrap, the network and 2 GB in the temporary folder; takes a few minutes. Another architecture than
# this machine's is emulated, which arm64.sh sets up, and takes ten times as long.
set -eu

# shellcheck source=scripts/root.sh
. "$(dirname "$0")/root.sh"
in_namespace "$0" "$@"

native=$(dpkg --print-architecture)
architecture=${1:-$native}
patience=120
[ "$architecture" = "$native" ] || patience=1800
package=$(find out -name "camoverlay_*_$architecture.deb" | sort -V | tail -n 1)
[ -n "$package" ] || fail "There is no package for $architecture in out/." 'Run "make deb" first.'
work=$(mktemp -d)
root=$work/root log=$work/log
trap 'unmount_root; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM

# as_user COMMANDS: in the clean root, as its user would.
as_user() {
    quietly chroot --userspec=nobody:nogroup "$root" env -i HOME=/tmp PATH=/usr/bin:/bin LC_ALL=C.UTF-8 \
        timeout $patience sh -euc "cd /tmp; $*"
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

step "making a minimal Debian 12"
make_root bookworm "$architecture"

step "installing $package"
cp "$package" "$root/root/camoverlay.deb"
as_root apt-get -qq install -y --no-install-recommends /root/camoverlay.deb gstreamer1.0-tools
rm "$root/root/camoverlay.deb"
as_user '! command -v cc && ! command -v rustc && ! command -v cargo'
as_root dpkg -L camoverlay
files=$(cat "$log")
programs=$(printf '%s\n' "$files" | sed -n 's|^/usr/bin/||p')

step "the element"
install -m 644 examples/media/chelsea.png "$root/tmp/cat.png"
shows "Class activation map overlay" gst-inspect-1.0 camoverlay
shows 'Egyptian.*cat' gst-launch-1.0 -m filesrc location=cat.png ! pngdec ! videoconvert ! camoverlay ! \
    videoconvert ! pngenc ! filesink location=explained.png
as_user test -s explained.png
as_user gst-launch-1.0 videotestsrc num-buffers=25 ! video/x-raw,width=320,height=240,framerate=25/1 ! \
    x264enc ! mp4mux ! filesink location=clip.mp4

for program in $programs; do
    step "$program"
    shows "$program" "$program --help"
    for file in "share/man/man1/$program.1.gz" "share/bash-completion/completions/$program" \
        "share/zsh/vendor-completions/_$program" "share/fish/vendor_completions.d/$program.fish"; do
        as_user test -s "/usr/$file"
    done
    case $program in
        *-inspect)
            shows "Egyptian cat" "$program --net squeezenet --image cat.png"
            ;;
        *-record)
            as_user "$program clip.mp4 -o record.mp4"
            shows '"label"' cat record.jsonl
            as_user gst-launch-1.0 filesrc location=record.mp4 ! decodebin ! fakesink
            ;;
        *-rtsp)
            as_user "$program clip.mp4 --port 8555 >server & server=\$!
                timeout $((patience / 2)) sh -c 'until grep -q rtsp: server; do sleep 0.1; done'
                gst-launch-1.0 rtspsrc location=rtsp://127.0.0.1:8555/cam ! rtph264depay ! h264parse ! \
                    fakesink num-buffers=10
                kill \$server; wait \$server"
            ;;
        *-web)
            as_user "$program cat.png --port 8556 >server & server=\$!
                timeout $((patience / 2)) sh -c 'until grep -q http: server; do sleep 0.1; done'
                gst-launch-1.0 souphttpsrc location=http://127.0.0.1:8556/picture.png ! pngdec ! fakesink
                kill \$server; wait \$server"
            ;;
        *-view)
            shows "There is no display" "! $program cat.png"
            ;;
    esac
done

step "taking it away"
as_root apt-get -qq purge -y camoverlay
left=$(printf '%s\n' "$files" | while read -r file; do
    if [ -f "$root$file" ] || [ -L "$root$file" ]; then echo "$file"; fi
done)
[ -z "$left" ] || fail "This is left behind: $left" "The package must not leave it."
if [ -e "$root/usr/lib/camoverlay" ] || [ -e "$root/usr/share/camoverlay" ]; then
    fail "A folder of camoverlay is left behind." "The package must not leave it."
fi
echo "The package installs, works and goes in a clean Debian 12."
