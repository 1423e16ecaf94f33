#!/bin/sh
# wheel.sh release|dev FOLDER: the wheel of the Python package, in FOLDER; and that it runs where it says.
# Runs after `make setup` in the environment of `setup.sh wheel-python`.
set -eu

profile=$1 folder=$2
python=$PWD/.deps/wheel-python/bin/python
# Where maturin is.
PATH=${python%/*}:$PATH
# The newest libc of which a symbol may be asked for: that of Debian 12 is 2.36, of Ubuntu 22.04 2.35.
libc=2.34

# fail WHAT-IS-WRONG WHAT-TO-DO
fail() {
    printf '%s\n%s\n' "$1" "$2" >&2
    exit 1
}

built=target/release
[ "$profile" = release ] || built=target/debug
cargo build --profile "$profile" --locked --package gst-plugin-camoverlay --lib
cargo build --profile "$profile" --locked --package camoverlay --bin camoverlay-provider-check
rm -f "$folder"/camoverlay-*.whl
CAMOVERLAY_BUILT=$PWD/$built "$python" -m pip --disable-pip-version-check --quiet wheel --no-deps --no-build-isolation \
    --wheel-dir "$folder" ./python --config-settings \
    "build-args=--profile $profile --compatibility manylinux_$(echo $libc | tr . _)"
wheel=$(find "$folder" -name 'camoverlay-*.whl')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m zipfile -e "$wheel" "$work"
find "$work/camoverlay" -type f -name '*.so' -o -name camoverlay-provider-check | while read -r file; do
    newest=$(objdump -T "$file" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -n 1)
    [ "$(printf '%s\n' "$newest" $libc | sort -V | tail -n 1)" = $libc ] ||
        fail "${file##*/} needs GLIBC_$newest." "Find what asks for it: objdump -T $file; nothing above $libc may."
done
if objdump -p "$work/camoverlay/_core.abi3.so" | grep -E 'NEEDED .*(pango|cairo|gst|glib|python)'; then
    fail "The extension is linked with the libraries above." "It must need nothing but libc."
fi
echo "Made $wheel; install it with: pip install $wheel"
