#!/bin/sh
# The first process of the machine that camera-test.sh boots: tries the element and the programs on the virtual camera
# of the kernel's module vivid, as a user of the group video would, prints what came of it as tables, and says on its
# last line whether all of it is as it should be.
set -u
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
exec </dev/null >/dev/ttyS1 2>&1
stty -opost <&1

device=/dev/video0
longest=300 # seconds that a program may take; more is a program that hangs
size=320x180 width=320 height=180
frames=6 interval=5 # of each pixel format, and the inferences among them
said=/tmp/said      # what the program under test says
bad=0

# wrong WHAT: what it said is shown, and the test goes on.
wrong() {
    bad=$((bad + 1))
    printf 'WRONG: %s. It says:\n' "$*"
    tail -n 12 "$said" | cut -c 1-300 | sed 's/^/    /'
}

now() {
    cut -d ' ' -f 1 /proc/uptime
}

# since TIME: seconds.
since() {
    awk -v then="$1" -v now="$(now)" 'BEGIN { printf "%.0f", now - then }'
}

# start USER PROGRAM...: in the background, as its user would. Without --foreground, a signal would reach it twice.
start() {
    user=$1
    shift
    (cd /tmp/work && exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
        env -i PATH="$PATH" LC_ALL="$LC_ALL" HOME=/tmp/work DISPLAY=:1 timeout --foreground -s KILL "$longest" "$@") \
        </dev/null >"$said" 2>&1 &
    program=$!
    started=$(now)
}

# until_said TEXT: waits for it.
until_said() {
    until grep -q -e "$1" "$said"; do
        kill -0 "$program" 2>/dev/null && [ "$(since "$started")" -lt "$longest" ] || return 0
        sleep 0.5
    done
}

# finish WHAT CODE TEXT: waits for the program to end, with this exit code and this among its words; prints a row.
finish() {
    from=${changed:-$started} changed=
    wait "$program"
    code=$?
    words=$(grep -v ' recorded$' "$said" | tail -n 1 | sed 's/, recorded in .*//' | cut -c 1-200)
    printf '| %s | %s | %s | %s |\n' "$1" "$code" "$(since "$from")" "$words"
    [ "$code" = "$2" ] || wrong "$1: exit code $code, not $2"
    grep -q -e "$3" "$said" || wrong "$1: it does not say '$3'"
}

# change CONTROL VALUE: of the camera, at once.
change() {
    v4l2-ctl --device "$device" --set-ctrl "$1=$2"
    changed=$(now)
}

# interrupt: as Ctrl-C does.
interrupt() {
    changed=$(now)
    kill -INT "$program"
}

# plays FILE LEAST: it has as many frames as the program says, and not less than the least.
plays() {
    told=$(sed -n 's/.*: \([0-9]*\) frames\{0,1\}, .*/\1/p' "$said")
    counted=$(ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 \
        "/tmp/work/$1" 2>>"$said")
    if [ -z "$counted" ] || [ "$counted" != "$told" ] || [ "$counted" -lt "$2" ]; then
        wrong "$1 has ${counted:-no} frames, ${told:-none} were told of, and $2 are to be there"
    fi
}

# record FILE OPTIONS...: until some seconds of it are recorded.
record() {
    file=$1
    shift
    start ada camoverlay-record camera -o "$file" --size "$size" --fps 5 "$@"
    until_said '[1-9] s recorded'
}

# lists TEXT
lists() {
    start ada camoverlay-view --list
    finish "\`camoverlay-view --list\` $1" 0 "$2"
}

machine() {
    # The initramfs has left /proc, /sys and /dev.
    mkdir -p /dev/shm /dev/pts
    mount -t tmpfs tmpfs /dev/shm
    mount -t devpts devpts /dev/pts
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /tmp
    chmod 1777 /tmp
    ip link set lo up
    /lib/systemd/systemd-udevd --daemon 2>/dev/null
    # One webcam: no TV, no output, no radio.
    modprobe vivid node_types=0x1 num_inputs=1 input_types=0x0
    udevadm trigger
    udevadm settle
    # No counters in the picture: every frame is the same, and so is what the network says of it.
    v4l2-ctl --device "$device" --set-ctrl osd_text_mode=2
    mkdir -m 777 /tmp/work
    Xvfb :1 -screen 0 1400x800x24 >/dev/null 2>&1 &
}

# truth FILTER: what the network says of the camera's picture, read by v4l2-ctl and converted by ffmpeg; "score label".
truth() {
    ffmpeg -v error -y -f rawvideo -pixel_format rgb24 -video_size "$size" -i /tmp/work/frame.raw -vf "$1" \
        /tmp/work/frame.png && camoverlay-inspect --net squeezenet --image /tmp/work/frame.png |
        sed -n 's/^\* *\([0-9.]*\) %  *[0-9]* *\([^,]*\).*/\1 \2/p'
}

# pixel_format NAME TRUTH
pixel_format() {
    start ada gst-launch-1.0 -m v4l2src num-buffers=$frames ! \
        "video/x-raw,format=$1,width=$width,height=$height,interlace-mode=progressive" ! videoconvert ! \
        camoverlay inference-interval=$interval post-messages=all ! videoconvert ! video/x-raw,format=GRAY8 ! \
        filesink location=/tmp/work/seen.gray
    wait "$program" || wrong "$1: exit code $?"
    seen=$(($(stat -c %s /tmp/work/seen.gray) / (width * height)))
    rm -f /tmp/work/seen.gray
    # Of each message: running time in seconds, score, label.
    sed -n 's/.*): camoverlay, .*target-label=(string)\("[^"]*"\|[^,]*\), target-score=(double)\([0-9.e-]*\).* running-time=(guint64)\([0-9]*\).*/\3 \2 \1/p' \
        "$said" | tr -d '\\"' >/tmp/messages
    awk -v format="$1" -v asked="$frames" -v seen="$seen" -v interval="$interval" -v truth="$2" '
        { score = 100 * $2; label = $3; for (i = 4; i <= NF; i++) label = label " " $i; sub(/,.*/, "", label) }
        NR == 1 { first = $1 / 1e9; said = label; scored = score }
        { last = $1 / 1e9 }
        END {
            printf "| %s | %d | %d | %s, %.1f %% | %.1f |\n", format, asked, seen, said, scored,
                (last > first) ? interval / (last - first) : 0
            expected = truth; sub(/^[^ ]* /, "", expected); off = scored - truth
            exit !(NR == 2 && seen == asked && said == expected && off < 3 && off > -3)
        }' /tmp/messages || wrong "$1: $frames frames of '$2' are to be there, and two messages"
}

formats() {
    v4l2-ctl --device "$device" --set-fmt-video "width=$width,height=$height,pixelformat=RGB3" --stream-mmap \
        --stream-count=1 --stream-to=/tmp/work/frame.raw >"$said" 2>&1 || wrong "v4l2-ctl reads no frame"
    colour=$(truth null) gray=$(truth format=gray)
    echo "What v4l2-ctl reads of the camera is '$colour' to the network by way of ffmpeg, in gray '$gray'."
    offered=$(gst-device-monitor-1.0 Video/Source | grep -o 'video/x-raw, format=[A-Za-z0-9_]*' | sort -u | sed 's/.*=//')
    echo "It offers $(v4l2-ctl --device "$device" --list-formats | grep -c "\[[0-9]*\]: '") formats, v4l2src" \
        "$(echo "$offered" | wc -l) raw ones of them. (BGR15 is not tried: GStreamer 1.22 takes big-endian RGB for it.)"
    echo
    echo "| format | frames asked | seen | first message | frames a second |"
    echo "|---|---|---|---|---|"
    for format in $offered; do
        case $format in
            BGR15) ;;
            GRAY*) pixel_format "$format" "$gray" ;;
            *) pixel_format "$format" "$colour" ;;
        esac
    done
}

# shellcheck source=scripts/camera-cases.sh
. /usr/local/sbin/camera-cases

machine
formats
programs
# Nothing but this recording is on its way to the disk when the power goes; camera-test.sh looks at what has come there.
sync
mkdir -m 777 /cut
record /cut/cut.mp4 --inference latest
until_said '[2-9][0-9] s recorded'
echo
if [ "$bad" = 0 ]; then
    echo "All of it is as it should be."
else
    echo "$bad things are not as they should be."
fi
sleep 1
echo b >/proc/sysrq-trigger
