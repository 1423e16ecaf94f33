#!/bin/sh
# For AArch64 without a board: arm64.sh test|deb|deb-test [FOLDER]
#   test      the core's tests on the last commit, cross-compiled and run by QEMU
#   deb       out/camoverlay_VERSION_arm64.deb of the last commit, linked with the libraries of Debian 12
#   deb-test  installs that in a fresh Debian 12 for AArch64, run by QEMU, and uses it there
# FOLDER (.deps/arm64) keeps what this needs for the next time: a Debian with Rust's cross compiler and QEMU (3 GB), and
# for `deb` a Debian 12 for AArch64 (1 GB). Needs root, debootstrap and the network; takes half an hour the first time.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/root.sh
. scripts/root.sh

action=${1:-} folder=${2:-.deps/arm64}
case $action in
    test | deb | deb-test) ;;
    *) fail "'$action' is nothing that arm64.sh does." "See its first lines." ;;
esac
in_namespace scripts/arm64.sh "$@"

target=aarch64-unknown-linux-gnu
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
tools=$folder/tools debian=$folder/debian
work=$(mktemp -d)
log=$work/log
clean_up() {
    stop_emulating
    for root in "$tools" "$debian"; do
        unmount_root
    done
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# use_root SUITE ARCHITECTURE PACKAGES: what is in $root, made first if need be; true if it lacks some of the packages.
use_root() {
    if [ -e "$root/.complete" ]; then
        step "using the Debian in $root"
        mount_in_root
        [ "$(cat "$root/.complete")" != "$3" ]
        return
    fi
    step "making a minimal Debian ($1, $2)"
    rm -rf --one-file-system "$root"
    make_root "$1" "$2"
}

install_in_root() {
    # shellcheck disable=SC2086 # a list of words
    as_root apt-get -qq install -y --no-install-recommends $1
    echo "$1" >"$root/.complete"
}

use_tools() {
    root=$tools
    packages="ca-certificates cargo gcc gcc-aarch64-linux-gnu libc6-dev libc6-dev:arm64"
    packages="$packages libstd-rust-dev:arm64 libstdc++6:arm64 pkgconf qemu-user rustc"
    if use_root forky "$(dpkg --print-architecture)" "$packages"; then
        step "installing a cross compiler and QEMU"
        as_root dpkg --add-architecture arm64
        as_root apt-get -qq update
        install_in_root "$packages"
    fi
}

use_debian() {
    emulate_arm64 "$tools/usr/bin/qemu-aarch64"
    root=$debian
    packages="dpkg-dev pkg-config libgstreamer-plugins-base1.0-dev libgstreamer1.0-dev libgstrtspserver-1.0-dev"
    packages="$packages libgstreamer-plugins-bad1.0-dev libpango1.0-dev"
    if use_root bookworm arm64 "$packages"; then
        step "installing libraries (emulated)"
        as_root apt-get -qq update
        install_in_root "$packages"
    fi
}

# The last commit, with the networks that are here and the other architecture's ONNX Runtime.
copy_tree() {
    commit=$(git -c safe.directory="$PWD" log -1 --format='%h %s')
    step "copying the last commit: $commit"
    tree=$root/root/camoverlay
    mkdir -p "$tree/.deps"
    find "$tree" -mindepth 1 -maxdepth 1 ! -name target ! -name .deps -exec rm -rf {} +
    git -c safe.directory="$PWD" archive HEAD | tar -x -m -C "$tree"
    mkdir -p "$tree/.deps/share/camoverlay/models"
    cp .deps/share/camoverlay/models/squeezenet* .deps/share/camoverlay/models/imagenet* \
        "$tree/.deps/share/camoverlay/models"
    .deps/python/bin/python models/fetch.py "$tree/.deps" runtime aarch64
}

# cross COMMAND...: in the tools, which are $root, set up for cargo, with this machine's own downloads.
cross() {
    cargo_home=${CARGO_HOME:-$HOME/.cargo}
    mkdir -p "$cargo_home" "$root/root/.cargo"
    mount --bind "$cargo_home" "$root/root/.cargo"
    status=0
    chroot_as_root env --chdir=/root/camoverlay CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc TARGET_CC=aarch64-linux-gnu-gcc \
        "$@" || status=$?
    umount "$root/root/.cargo"
    return "$status"
}

make_test() {
    use_tools
    # By the kernel rather than by cargo: tests start programs of their own.
    emulate_arm64 "$tools/usr/bin/qemu-aarch64"
    copy_tree
    if [ -d ../shared ]; then
        mkdir -p "$root/root/shared"
        mount --bind -o ro ../shared "$root/root/shared"
    fi
    step "the core's tests"
    cross scripts/test.sh --package camoverlay --target $target
    echo "The core's tests pass on AArch64 as QEMU has it."
}

make_deb() {
    use_tools
    use_debian
    root=$tools
    copy_tree
    step "cross-compiling"
    mkdir -p "$tools/debian"
    mount --bind "$debian" "$tools/debian"
    libraries=/debian/usr/lib/aarch64-linux-gnu
    # The cross compiler's own libraries are newer ones, and would be asked for by the package.
    flags="-Clink-arg=--sysroot=/debian -Clink-arg=-B$libraries -Clink-arg=-L$libraries"
    cross RUSTFLAGS="$flags" PKG_CONFIG_SYSROOT_DIR=/debian \
        PKG_CONFIG_LIBDIR="$libraries/pkgconfig:/debian/usr/share/pkgconfig" \
        cargo build --release --locked --target $target --package gst-plugin-camoverlay --package camoverlay --package camoverlay-programs \
        --lib --bins --features camoverlay-programs/rtsp,camoverlay-programs/web
    umount "$tools/debian"

    root=$debian
    copy_tree
    mkdir -p "$tree/target/release"
    for file in "$tools/root/camoverlay/target/$target/release"/*; do
        case ${file##*/} in
            *.d | *.rlib) ;;
            *) if [ -f "$file" ]; then cp "$file" "$tree/target/release"; fi ;;
        esac
    done
    step "making the package (emulated)"
    epoch=$(git -c safe.directory="$PWD" log -1 --format=%ct)
    as_root env --chdir=/root/camoverlay SOURCE_DATE_EPOCH="$epoch" scripts/deb.sh
    mkdir -p out
    cp "$tree"/out/camoverlay_*_arm64.deb out
    cat "$log"
}

case $action in
    test) make_test ;;
    deb) make_deb ;;
    deb-test)
        use_tools
        emulate_arm64 "$tools/usr/bin/qemu-aarch64"
        scripts/deb-test.sh arm64
        ;;
esac
