#!/bin/sh
# debian-test.sh RELEASE [FOLDER]
# Runs `make test` on the last commit in a fresh, minimal Debian 12 or 13, with ../shared beside it if that is there.
# The root is made in FOLDER, which is kept and used again, or in the temporary folder and removed at the end.
# Rust is Debian's own where that is new enough (13: from backports), else this machine's.
# Needs root, debootstrap, the network and 10 GB; takes about half an hour.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/root.sh
. scripts/root.sh

release=${1:-} folder=${2:-}
case $release in
    12) suite=bookworm rust=copied ;;
    13) suite=trixie rust=backports ;;
    *) fail "'$release' is no release of Debian that is tried here." "Name one: make debian-test RELEASE=12, or 13." ;;
esac
in_namespace scripts/debian-test.sh "$@"

work=$(mktemp -d)
root=${folder:-$work/root} log=$work/log
trap 'unmount_root; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM

copy_rust() {
    sysroot=$(rustc --print sysroot) || fail "Rust is not installed." "Install it as https://rustup.rs describes."
    if [ ! -x "$sysroot/bin/cargo" ] || [ "$sysroot" = /usr ]; then
        fail "The Rust in $sysroot cannot be copied by itself." "Install it as https://rustup.rs describes."
    fi
    mkdir -p "$root/usr/local/bin" "$root/usr/local/lib"
    cp -a "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$sysroot/bin/rustdoc" "$root/usr/local/bin"
    cp -a "$sysroot/lib/." "$root/usr/local/lib"
}

rust_from_backports() {
    printf 'deb %s %s-backports main\n' "$mirror" "$suite" >"$root/etc/apt/sources.list.d/backports.list"
    as_root apt-get -qq update
    as_root apt-get -qq install -y --no-install-recommends -t "$suite-backports" cargo rustc
}

if [ -e "$root/etc/debian_version" ]; then
    step "using the Debian in $root"
    mount_in_root
else
    step "making a minimal Debian $release"
    make_root "$suite"
    step "installing make and Rust ($rust)"
    as_root apt-get -qq install -y --no-install-recommends ca-certificates make
    case $rust in
        copied) copy_rust ;;
        backports) rust_from_backports ;;
    esac
    settings=${CARGO_HOME:-$HOME/.cargo}/config.toml
    if [ -e "$settings" ]; then
        mkdir -p "$root/root/.cargo"
        cp -L "$settings" "$root/root/.cargo"
    fi
fi

commit=$(git -c safe.directory="$PWD" log -1 --format='%h %s')
step "copying the last commit: $commit"
tree=$root/root/camoverlay
mkdir -p "$tree"
find "$tree" -mindepth 1 -maxdepth 1 ! -name target ! -name .deps -exec rm -rf {} +
# Files as new as now, so that cargo sees what changed since the last time.
git -c safe.directory="$PWD" archive HEAD | tar -x -m -C "$tree"
if [ -d ../shared ] && [ ! -d "$root/root/shared" ]; then
    cp -rL ../shared "$root/root/shared"
fi

step "make test"
# Nothing there is built twice or debugged, which saves disk.
chroot_as_root CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 make -C /root/camoverlay test
echo "All tests pass in Debian $release."
