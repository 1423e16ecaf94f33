#!/bin/sh
# A Debian package of plugin, programs, ONNX Runtime, SqueezeNet and labels: out/camoverlay_VERSION_ARCH.deb.
# Runs after `make build`; needs dpkg-dev.
set -eu

if ! command -v dpkg-shlibdeps >/dev/null; then
    printf 'dpkg-shlibdeps is missing.\nInstall it: apt-get install dpkg-dev\n' >&2
    exit 1
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)
package=out/camoverlay_${version}_$architecture.deb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

scripts/install.sh install /usr "$root" >/dev/null
# The other networks are several times the size of everything else together.
find "$root/usr/share/camoverlay/models" -type f ! -name 'squeezenet*' ! -name 'imagenet*' -delete
plugin=$(find "$root" -name libgstcamoverlay.so)
library=$(find "$root" -name 'libonnxruntime.so*')
strip --strip-unneeded "$plugin" "$root"/usr/bin/*

doc=$root/usr/share/doc/camoverlay
install -d "$doc"
install -m 644 README.md "$doc"
gzip --best --no-name <CHANGELOG.md >"$doc/changelog.gz"
{
    echo "camoverlay is licensed under either of MIT and Apache-2.0 (/usr/share/common-licenses/Apache-2.0), at your"
    echo "option. The licences of ONNX Runtime, the network and the labels stand beside their files in"
    echo "/usr/lib/camoverlay and /usr/share/camoverlay/models."
    echo
    cat LICENSE-MIT
} >"$doc/copyright"
chmod 644 "$doc"/*

# dpkg-shlibdeps reads the source package's control file.
install -d "$work/debian" "$root/DEBIAN"
printf 'Source: camoverlay\n\nPackage: camoverlay\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" &&
    dpkg-shlibdeps -O --warnings=0 --ignore-missing-info "$plugin" "$library" "$root"/usr/bin/* |
    sed -n 's/^shlibs:Depends=//p')
cat >"$root/DEBIAN/control" <<EOF
Package: camoverlay
Version: $version
Architecture: $architecture
Maintainer: The camoverlay authors <authors@camoverlay.invalid>
Section: video
Priority: optional
Installed-Size: $(du -ks "$root" | cut -f 1)
Depends: $depends
Recommends: fonts-dejavu-core, gstreamer1.0-tools, gstreamer1.0-plugins-good, gstreamer1.0-libav
Description: GStreamer element that explains an image classifier on live video
 The element camoverlay runs an ONNX image classifier on every frame and draws
 over it, as a heat map, where the classifier sees what it names (class
 activation maps). SqueezeNet 1.1 and the ImageNet labels are included.
EOF
mkdir -p out
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "Made $package; install it with: apt install ./$package"
