#!/bin/sh
# test-python.sh [ARGUMENTS...]: the tests of the Python package on a wheel of the debug build, which shares what `cargo test`
# has built; ARGUMENTS are pytest's, by default all but what `make ray-test` is for. What the tests had to leave out they say, and with CI=true nothing may be.
set -eu

python=$PWD/.deps/wheel-python/bin/python
wheels=$PWD/target/debug/wheels
mkdir -p "$wheels"
scripts/wheel.sh dev "$wheels"
"$python" -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall "$wheels"/camoverlay-*.whl
# Where the tree's own package is not the one that is imported.
cd python
[ $# -gt 0 ] || set -- --ignore tests/test_ray.py
"$python" -P -m pytest --quiet -p no:cacheprovider -rs "$@"
