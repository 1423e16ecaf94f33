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

# with_network NET: the properties that choose it, where it is installed or lies among the test networks
with_network() {
    models=.deps/share/camoverlay/models
    tests=${CAMOVERLAY_TEST_MODELS:-../shared/models}
    case $1 in
        mobilenetv2) file=mobilenet_v2 ;;
        *) file=$1 ;;
    esac
    if [ -e "$models/$1.onnx" ]; then
        echo "net=$1"
    elif [ -e "$tests/$file.onnx" ]; then
        echo "model=$tests/$file.onnx labels=$models/imagenet.txt"
    fi
}

for net in squeezenet googlenet resnet18 mobilenetv2 efficientnet-lite0 efficientnet-lite1 efficientnet-lite2; do
    properties=$(with_network $net)
    if [ -z "$properties" ]; then
        echo "$net is not here: its picture stays as it is (make model NET=$net installs it)."
        continue
    fi
    # shellcheck disable=SC2086 # word splitting is meant
    picture "$net-cat" chelsea.png $properties
done
for net in squeezenet efficientnet-lite0; do
    picture "$net-coffee" coffee.png net=$net
done
picture wrong-class coffee.png target="Egyptian cat"
picture finer chelsea.png input-size=448
for method in cam gradcam++ layercam eigencam eigengradcam finercam fem reciprocam; do
    picture "method-$method" chelsea.png net=efficientnet-lite0 method=$method draw-labels=false
done
for colormap in jet turbo viridis inferno cividis gray; do
    picture "colormap-$colormap" chelsea.png colormap=$colormap draw-labels=false
done
for blend in darkened colour contour mask; do
    picture "blend-$blend" chelsea.png blend=$blend draw-labels=false
done
picture placed-frame coffee.png net=efficientnet-lite0 blend=contour draw-labels=false
picture placed-receptive-field coffee.png net=efficientnet-lite0 blend=contour draw-labels=false placement=receptive-field
picture scale-frame coffee.png target="Egyptian cat"
picture scale-common coffee.png target="Egyptian cat" scale=common
picture several coffee.png target="espresso;eggnog;Egyptian cat" net=efficientnet-lite0 blend=colour
picture versus chelsea.png target="Egyptian cat" versus=tabby net=efficientnet-lite0

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

# The page in a browser, asked about a place.
target/release/camoverlay-web "$photos/chelsea.png" --net efficientnet-lite0 --port 0 >"$work/url" &
server=$!
until [ -s "$work/url" ]; do sleep 0.1; done
python3 scripts/screenshot.py "$(sed 's/^Serving //' "$work/url")" "$work/web.png"
kill "$server"
ffmpeg -v error -y -i "$work/web.png" -vf "scale=860:-1:flags=area,split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse" \
    "$pictures/web.png"
echo "$pictures/web.png"
