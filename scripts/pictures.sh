#!/bin/sh
# The pictures of README.md and docs/, made by the element from the photos of examples/media, into docs/pictures.
set -eu

photos=examples/media
pictures=docs/pictures
mkdir -p "$pictures"

# picture NAME PHOTO PROPERTY...
picture() {
    name=$1 photo=$2
    shift 2
    gst-launch-1.0 -q filesrc location="$photos/$photo" ! decodebin ! videoconvert ! camoverlay "$@" \
        ! videoconvert ! videoscale ! video/x-raw,width=360,height=240,pixel-aspect-ratio=1/1 \
        ! jpegenc quality=85 ! filesink location="$pictures/$name.jpg"
    echo "$pictures/$name.jpg"
}

for net in squeezenet efficientnet-lite0; do
    picture "$net-cat" chelsea.png net=$net
    picture "$net-coffee" coffee.png net=$net
done
picture wrong-class coffee.png target="Egyptian cat"
picture finer chelsea.png input-size=448
for method in cam gradcam++ layercam eigencam; do
    picture "method-$method" chelsea.png net=efficientnet-lite0 method=$method draw-labels=false
done

# The viewer as its user sees it, asked for the second class.
here=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # expanded by the inner shell
(cd "$work" && xvfb-run -a sh -c '
    "$0" "$1" &
    xdotool search --sync --onlyvisible --name camoverlay-view windowfocus --sync key --delay 500 2 s
    xdotool key q
    wait' "$here/target/release/camoverlay-view" "$here/$photos/chelsea.png")
gst-launch-1.0 -q filesrc location="$work/camoverlay-view-001.png" ! pngdec ! videoconvert ! videoscale add-borders=false \
    ! video/x-raw,format=I420,colorimetry=1:4:0:0,width=720,height=302 ! jpegenc quality=80 ! filesink location="$pictures/view.jpg"
echo "$pictures/view.jpg"
