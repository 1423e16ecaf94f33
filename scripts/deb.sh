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
maintainer="The camoverlay authors <authors@camoverlay.invalid>"
package=out/camoverlay_${version}_$architecture.deb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

scripts/install.sh install /usr "$root" >/dev/null
# The other networks are several times the size of everything else together.
find "$root/usr/share/camoverlay/models" -type f ! -name 'squeezenet*' ! -name 'imagenet*' -delete
# Larger still, and with licences of their own.
rm -rf "$root/usr/lib/camoverlay/providers" "$root/usr/lib/camoverlay/build"
plugin=$(find "$root" -name libgstcamoverlay.so)
library=$(find "$root" -name 'libonnxruntime.so*')
checker=$root/usr/lib/camoverlay/camoverlay-provider-check
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$plugin" "$checker" "$root"/usr/bin/*
gzip --best --no-name "$root"/usr/share/man/man1/*

doc=$root/usr/share/doc/camoverlay
install -d "$doc"
install -m 644 README.md CHANGELOG.md "$doc"
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
gzip --best --no-name >"$doc/changelog.gz" <<EOF
camoverlay ($version) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $maintainer  $(date --utc --rfc-email --date="@$when")
EOF
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
    dpkg-shlibdeps -O --warnings=0 --ignore-missing-info "$plugin" "$checker" "$library" "$root"/usr/bin/* |
    sed -n 's/^shlibs:Depends=//p')
# What the programs' pipelines are made of: windows, files in and out, H.264, RTP, WebRTC.
elements="gstreamer1.0-libav, gstreamer1.0-nice, gstreamer1.0-plugins-bad, gstreamer1.0-plugins-base, gstreamer1.0-plugins-good"
elements="$elements, gstreamer1.0-plugins-ugly, gstreamer1.0-x"
cat >"$root/DEBIAN/control" <<EOF
Package: camoverlay
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Section: video
Priority: optional
Installed-Size: $(du -ks "$root" | cut -f 1)
Depends: $depends, $elements
Recommends: fonts-dejavu-core, glib-networking, gstreamer1.0-tools
Suggests: gstreamer1.0-rtsp, python3-gst-1.0
Description: shows on live video why an image classifier decides what it decides
 The GStreamer element camoverlay runs an ONNX image classifier on every frame
 and draws over it, as a heat map, where the classifier sees what it names
 (class activation maps). Programs around it show, record and serve the
 explained picture of a camera, a file or a network camera.
 .
 SqueezeNet 1.1, the ImageNet labels and ONNX Runtime are included.
EOF
mkdir -p out
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "Made $package; install it with: apt install ./$package"
