# shellcheck shell=sh
# Functions of the scripts that try things in a fresh Debian root: sourced, not run.
# They use $root, the root's folder, and $log, a file for what is said on the way.
# shellcheck disable=SC2154 # both are the sourcing script's

# fail WHAT-IS-WRONG WHAT-TO-DO
fail() {
    printf '%s\n%s\n' "$1" "$2" >&2
    exit 1
}

step() {
    printf -- '- %s\n' "$*"
}

# in_namespace SCRIPT ARGUMENTS...: runs it again in a namespace of its own, so that neither mounts nor processes
# outlive it.
in_namespace() {
    [ -z "${CAMOVERLAY_NAMESPACE:-}" ] || return 0
    [ "$(id -u)" = 0 ] || fail "Only root can make a Debian root." "Use sudo."
    command -v debootstrap >/dev/null || fail "debootstrap is missing." "Install it: apt-get install debootstrap"
    exec env CAMOVERLAY_NAMESPACE=1 unshare --mount --pid --fork "$@"
}

# quietly COMMAND...: its output is shown only if it fails.
quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        fail "This failed: $*" "Its output is above."
    fi
}

# chroot_as_root COMMAND...: in the root, with those of the caller's variables that say how to reach package indexes.
chroot_as_root() (
    for name in $(env | sed -n 's/^\([A-Za-z_]*\)=.*/\1/p' |
        grep -iE '^(https?|ftp|no|all)_proxy$|^pip_|^cargo_(http|net|registr|source)|^ssl_cert_'); do
        set -- "$name=$(printenv "$name")" "$@"
    done
    chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
)

as_root() {
    quietly chroot_as_root "$@"
}

# make_root SUITE [ARCHITECTURE]: a minimal Debian of that suite in $root, which reaches the network as this machine
# does; sets $mirror, where its packages come from. Another architecture than this machine's must be emulated.
make_root() {
    mirror=
    if command -v apt-get >/dev/null; then
        # shellcheck disable=SC2016 # apt-get's own words
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
            head -n 1)
    fi
    # An older debootstrap does not know newer suites, which are made as sid is.
    script=
    if [ ! -e "/usr/share/debootstrap/scripts/$1" ]; then
        script=/usr/share/debootstrap/scripts/sid
        mirror=${mirror:-http://deb.debian.org/debian}
    fi
    quietly debootstrap --variant=minbase ${2:+"--arch=$2"} "$1" "$root" ${mirror:+"$mirror"} ${script:+"$script"}
    mirror=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
    mount_in_root
    for file in /etc/hosts /etc/resolv.conf /etc/pip.conf /root/.config/pip/pip.conf /root/.pip/pip.conf \
        /etc/ssl/certs/ca-certificates.crt; do
        [ -e "$file" ] || continue
        mkdir -p "$root${file%/*}"
        cp -L "$file" "$root$file"
    done
    # The package ca-certificates makes its file anew, from these too.
    if [ -d /usr/local/share/ca-certificates ]; then
        mkdir -p "$root/usr/local/share"
        cp -rL /usr/local/share/ca-certificates "$root/usr/local/share"
    fi
    if command -v apt-config >/dev/null; then
        apt-config dump | grep -iE '^Acquire::(https?|ftp|Retries|Check-)' >"$root/etc/apt/apt.conf.d/90host" || true
    fi
    # The root need not survive a power cut.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/90fast"
    as_root apt-get -qq update
}

# emulate_arm64 QEMU: from now on the kernel runs AArch64's programs by this static emulator, also in roots that have
# none; until stop_emulating, which does nothing where somebody else has set that up.
emulate_arm64() {
    mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ||
        fail "This kernel runs no foreign programs (it has no binfmt_misc)." "Load the module binfmt_misc."
    ! grep -qs '^flags:.*F' /proc/sys/fs/binfmt_misc/*aarch64* || return 0
    head='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":camoverlay-aarch64:M::$head:$mask:$1:F" >/proc/sys/fs/binfmt_misc/register
}

stop_emulating() {
    if [ -e /proc/sys/fs/binfmt_misc/camoverlay-aarch64 ]; then
        echo -1 >/proc/sys/fs/binfmt_misc/camoverlay-aarch64
    fi
}

# What programs expect to find, the devices aside that debootstrap makes.
mount_in_root() {
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
}

unmount_root() {
    umount "$root/proc" "$root/sys" "$root/dev/shm" "$root/dev/pts" 2>/dev/null || true
}
