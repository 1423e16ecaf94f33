#!/bin/sh
# install.sh install|uninstall PREFIX DESTDIR
# Plugin where GStreamer looks, programs in PREFIX/bin with manual pages and shell completions, ONNX Runtime in
# PREFIX/lib/camoverlay with what tries execution providers and those that were fetched, networks in PREFIX/share/camoverlay/models.
set -eu

action=$1 prefix=${2%/} destdir=${3%/}
plugin=target/release/libgstcamoverlay.so
programs=$(for source in programs/src/bin/*; do basename "$source" .rs; done)
library=$prefix/lib/camoverlay
models=$prefix/share/camoverlay/models
gstreamer=$(pkg-config --variable=prefix gstreamer-1.0)
searched=$(pkg-config --variable=pluginsdir gstreamer-1.0)
of_the_user=${XDG_DATA_HOME:-$HOME/.local/share}

case $prefix in
    "$gstreamer") plugins=$searched ;;
    "${of_the_user%/share}") plugins=$of_the_user/gstreamer-1.0/plugins ;;
    *) plugins=$prefix/${searched#"$gstreamer"/} unknown=yes ;;
esac
# Debian's zsh looks elsewhere for what comes in packages.
zsh=site-functions
if [ "$prefix" = /usr ] && [ -e /etc/debian_version ]; then
    zsh=vendor-completions
fi

# pages PROGRAM: for each page that the program prints of itself, the option and the file it goes to.
pages() {
    echo "man $prefix/share/man/man1/$1.1"
    echo "bash $prefix/share/bash-completion/completions/$1"
    echo "zsh $prefix/share/zsh/$zsh/_$1"
    echo "fish $prefix/share/fish/vendor_completions.d/$1.fish"
}

if [ "$action" = uninstall ]; then
    rm -f "$destdir$plugins/${plugin##*/}"
    for program in $programs; do
        rm -f "$destdir$prefix/bin/$program"
        pages "$program" | while read -r _ file; do
            rm -f "$destdir$file"
        done
    done
    rm -rf "$destdir$library" "$destdir$prefix/share/camoverlay"
    exit
fi

for file in "$plugin" target/release/camoverlay-provider-check .deps/lib/camoverlay .deps/share/camoverlay/models; do
    if [ ! -e "$file" ]; then
        printf '%s is not there yet.\nRun "make build" first, as yourself; "make install" only copies.\n' "$file" >&2
        exit 1
    fi
done
if ! install -d "$destdir$plugins" "$destdir$prefix/bin" "$destdir$library" "$destdir$models" 2>/dev/null ||
    [ ! -w "$destdir$plugins" ]; then
    printf 'You may not write to %s.\nUse sudo, or "make install PREFIX=%s", which needs no root.\n' \
        "$prefix" "${of_the_user%/share}" >&2
    exit 1
fi
install -m 644 "$plugin" "$destdir$plugins"
for program in $programs; do
    # Servers are not built where their libraries are missing.
    [ -e "target/release/$program" ] || continue
    install "target/release/$program" "$destdir$prefix/bin"
    pages "$program" | while read -r kind file; do
        install -d "$destdir${file%/*}"
        "target/release/$program" --generate "$kind" >"$destdir$file"
        chmod 644 "$destdir$file"
    done
done
find .deps/lib/camoverlay -maxdepth 1 -type f -o -maxdepth 1 -type l ! -name build |
    while read -r file; do
        install -m 644 "$file" "$destdir$library"
    done
# It tries execution providers; the plugin and the programs find it there.
install target/release/camoverlay-provider-check "$destdir$library"
rm -rf "$destdir$library/providers" "$destdir$library/build"
for item in providers build; do
    if [ -e ".deps/lib/camoverlay/$item" ]; then
        cp -RP --preserve=mode,timestamps ".deps/lib/camoverlay/$item" "$destdir$library"
    fi
done
install -m 644 .deps/share/camoverlay/models/* "$destdir$models"
echo "Installed ${plugin##*/} in $plugins, the programs in $prefix/bin, ONNX Runtime in $library, the networks in $models."
if [ -n "${unknown:-}" ]; then
    echo "GStreamer does not look there by itself: export GST_PLUGIN_PATH='$plugins'"
fi
