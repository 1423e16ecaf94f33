#!/bin/sh
# camera-test.sh [FOLDER]
# Installs the package of `make deb` in a fresh, minimal Debian 12, boots that under QEMU, which emulates the whole
# machine, and has it look at a video device there: the kernel's own virtual camera, the module vivid. What is tried
# stands in camera-guest.sh and camera-cases.sh, which print tables; the exit code says whether all of it is as it should
# be.
# The root is made in FOLDER, which is kept and used again, or in the temporary folder and removed at the end.
# Needs root, debootstrap, mke2fs, the network and 5 GB; neither KVM nor a camera. QEMU, the kernel and all else is
# Debian's, and installed in that root only. Takes a quarter of an hour.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/root.sh
. scripts/root.sh

in_namespace scripts/camera-test.sh "$@"
PATH=$PATH:/usr/sbin:/sbin
command -v mke2fs >/dev/null || fail "mke2fs is missing." "Install it: apt-get install e2fsprogs"
package=$(find out -name 'camoverlay_*.deb' | sort -V | tail -n 1)
[ -n "$package" ] || fail "There is no package in out/." 'Run "make deb" first.'

work=$(mktemp -d)
root=${1:-$work/root} log=$work/log
trap 'unmount_root; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM

# The machine that is emulated: a processor with all that QEMU knows of (AVX2, but not AVX-512), no network.
memory=3G processors=2
longest=3600 # seconds
image_size=4G # of a file that takes what is in it
least_frames=20 # of a recording of 20 s at 5 a second: what is not emulated in time is left out

if [ -e "$root/etc/debian_version" ]; then
    step "using the Debian in $root"
    mount_in_root
else
    step "making a minimal Debian 12"
    make_root bookworm
    step "installing a kernel and QEMU in it"
    as_root apt-get -qq install -y --no-install-recommends linux-image-amd64 udev iproute2 qemu-system-x86 \
        gstreamer1.0-tools gstreamer1.0-plugins-base-apps v4l-utils ffmpeg xvfb jq
    as_root useradd --create-home --groups video ada
fi

step "installing $package"
cp "$package" "$root/root/camoverlay.deb"
as_root apt-get -qq install -y --no-install-recommends --reinstall --allow-downgrades /root/camoverlay.deb
as_root apt-get clean
install -m 755 scripts/camera-guest.sh "$root/usr/local/sbin/camera-guest"
install -m 644 scripts/camera-cases.sh "$root/usr/local/sbin/camera-cases"

step "making its disk"
rm -f "$root/disk"
unmount_root
quietly mke2fs -q -t ext4 -E lazy_itable_init=1 -O ^has_journal -d "$root" "$root.disk" "$image_size"
mv "$root.disk" "$root/disk"
mount_in_root

step "booting it in QEMU $(chroot_as_root qemu-system-x86_64 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p')"
# The kernel speaks on the first serial line, the test on the second.
chroot_as_root timeout "$longest" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "$processors" -m "$memory" \
    -display none -nic none -no-reboot -monitor none -serial file:/kernel.log -serial stdio \
    -drive file=/disk,if=virtio,format=raw,cache=unsafe -kernel /vmlinuz -initrd /initrd.img \
    -append "root=/dev/vda rw console=ttyS0 panic=-1 init=/usr/local/sbin/camera-guest" </dev/null 2>"$log" |
    tee "$work/said"

if [ "$(tail -n 1 "$work/said")" != "All of it is as it should be." ]; then
    [ -s "$work/said" ] || tail -n 30 "$root/kernel.log" "$log" >&2
    fail "The camera's test did not come to a good end." \
        "The table says where; the kernel's own words, and QEMU's: $root/kernel.log (make camera-test FOLDER=... keeps it)."
fi

step "looking at what the power cut at its end has left of a recording"
e2fsck -fy "$root/disk" >"$log" 2>&1 || [ $? -le 2 ] || fail "The disk cannot be mended:" "$(cat "$log")"
for suffix in mp4 jsonl; do
    debugfs -R "dump /cut/cut.$suffix.part $root/cut.$suffix" "$root/disk" 2>>"$log"
done
frames=$(chroot_as_root ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 \
    /cut.mp4 2>>"$log") || true
lines=$(wc -l <"$root/cut.jsonl")
echo "$frames frames play, and there are $lines JSON lines."
if [ "${frames:-0}" -lt "$least_frames" ] || [ "$lines" = 0 ]; then
    fail "A power cut has taken more than the last seconds." \
        "What is left is in $root/cut.mp4 and $root/cut.jsonl (make camera-test FOLDER=... keeps it)."
fi
