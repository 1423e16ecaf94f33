# shellcheck shell=sh
# What camera-guest.sh tries with the programs, and what has to come of it: sourced there, not run.
# shellcheck disable=SC2154 # what is not set here is set there

# shown: waits for a picture on the screen.
shown() {
    for _ in $(seq 60); do
        lit=$(ffmpeg -v error -f x11grab -video_size 1400x800 -i :1 -frames:v 1 -f rawvideo -pix_fmt gray - |
            tr -d '\000' | wc -c)
        [ "$lit" -gt 10000 ] && return
        sleep 1
    done
    wrong "$1: nothing is on the screen"
}

# goes_on: waits until the camera is back, and for a line of progress after that.
goes_on() {
    until_said 'is back after'
    lines=$(wc -l <"$said")
    for _ in $(seq 60); do
        tail -n +"$((lines + 1))" "$said" | grep -q ' s recorded$' && return
        sleep 1
    done
    wrong "nothing more is recorded although the camera is back"
}

programs() {
    echo
    echo "| what is tried | exit code | s | last words |"
    echo "|---|---|---|---|"
    lists "with the camera" "$device  vivid"

    line=$(sed -n '/# a camera, in a window/{n;s/^ *//p}' /usr/share/doc/camoverlay/README.md)
    start ada sh -c "exec $line -m"
    until_said '): camoverlay, '
    shown "README's first line"
    interrupt
    finish "README's line, then Ctrl-C" 0 '): camoverlay, net=(string)squeezenet'

    record kept.mkv
    interrupt
    finish "record, then Ctrl-C" 0 'kept.mkv'
    plays kept.mkv 3
    start ada camoverlay-record "$device" -o size.mp4 --size 640x360 --fps 2
    until_said '[1-9] s recorded'
    interrupt
    finish "record --size 640x360 --fps 2 to .mp4" 0 'size.mp4'
    plays size.mp4 2
    [ "$(ffprobe -v error -show_entries stream=width,height -of csv=p=0 /tmp/work/size.mp4)" = 640,360 ] ||
        wrong "size.mp4 is of another size"

    # The device goes, and with it every open handle to it; it comes back when all are closed.
    record early.mkv
    change disconnect 1
    finish "record, pulled out after a few frames" 3 'broke off after .*gives nothing any more.*connected'
    plays early.mkv 3
    lists "when it is back" "$device  vivid"
    record late.mkv --inference latest
    until_said '[3-9][0-9] s recorded'
    change disconnect 1
    finish "record --inference latest, pulled out later" 3 'broke off after .*gives nothing any more.*connected'
    plays late.mkv 60
    record again.mp4 --inference latest
    change inject_fatal_streaming_error 1
    finish "record to .mp4, the driver gives up" 3 'broke off after .*gives nothing any more.*connected'
    plays again.mp4 3
    start ada camoverlay-view --size "$size" --fps 5
    shown "view"
    change disconnect 1
    finish "view, pulled out" 1 'gives nothing any more.*connected'
    start ada camoverlay-rtsp --size "$size" --fps 5
    until_said rtsp://
    change disconnect 1
    finish "rtsp, pulled out" 1 'gives nothing any more.*connected'
    start ada camoverlay-rtsp --size "$size" --fps 5
    until_said rtsp://
    change percentage_of_dropped_buffers 100
    finish "rtsp, all frames lost" 1 'has given no picture for 10 seconds'
    v4l2-ctl --device "$device" --set-ctrl percentage_of_dropped_buffers=0

    record lost.mkv --inference latest
    v4l2-ctl --device "$device" --set-ctrl percentage_of_dropped_buffers=100
    sleep 15
    interrupt
    finish "record, all frames lost, then Ctrl-C" 0 'lost.mkv'
    v4l2-ctl --device "$device" --set-ctrl percentage_of_dropped_buffers=0
    plays lost.mkv 3

    record broken.mkv --inference latest
    for _ in 1 2 3; do change inject_v4l2_buf_flag_error 1; done
    sleep 5
    interrupt
    finish "record, damaged frames, then Ctrl-C" 0 'broken.mkv'
    plays broken.mkv 10
    for error in streamon reqbufs; do
        v4l2-ctl --device "$device" --set-ctrl "inject_vidioc_${error}_error=1"
        start ada camoverlay-record camera -o not.mkv --size "$size"
        finish "record, the driver refuses $error" 1 'The camera cannot be read.*Connect it anew'
    done

    for wish in "333x77 5" "3840x2160 60"; do
        # shellcheck disable=SC2086 # two words
        start ada camoverlay-record camera -o not.mkv --size ${wish% *} --fps "${wish#* }"
        finish "record, asked for $wish" 1 "no pictures of ${wish% *} at ${wish#* } frames a second.*v4l2-ctl"
    done
    start ada sh -c "exec v4l2-ctl --device $device --stream-mmap --stream-count=100000 >/dev/null 2>&1"
    other=$program
    sleep 3
    start ada camoverlay-record camera -o not.mkv --size "$size"
    finish "record, another program has it" 1 'another program uses it.*end that'
    kill "$other"
    wait "$other" 2>/dev/null
    start nobody camoverlay-record "$device" -o not.mkv
    finish "record, as a user not of the group video" 1 'You may not open the camera.*adduser'
    start nobody camoverlay-view --list
    finish "\`camoverlay-view --list\`, as that user" 0 'You may not open the camera.*adduser'
    start nobody camoverlay-record camera -o not.mkv
    finish "record camera, as that user" 1 'You may not open the camera.*adduser'

    record away.mkv --inference latest --reconnect
    echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
    until_said 'broken off'
    udevadm settle
    sleep 5
    echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
    goes_on
    interrupt
    finish "record --reconnect, the driver taken away and back, then Ctrl-C" 0 'away.mkv'
    plays away.mkv 6

    echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
    udevadm settle
    lists "without it" 'There is no camera'
    start ada camoverlay-record camera -o not.mkv
    finish "record camera, without it" 1 'There is no camera. Connect one'
    start ada camoverlay-record "$device" -o not.mkv
    finish "record $device, without it" 1 "There is no camera $device"
    [ -z "$(find /tmp/work -name 'not.*' -o -name '*.part')" ] || wrong "files are left that hold nothing"
    echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
    udevadm settle
    lists "when the driver is back" "$device  vivid"
}
