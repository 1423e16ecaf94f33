#!/bin/sh
# Formatting, clippy on every feature set, documentation, shell scripts, and the licences of what the crates are built
# from.
set -eu

cargo fmt --all --check
for features in "" --no-default-features --all-features; do
    # shellcheck disable=SC2086 # nothing when empty
    cargo clippy --locked --workspace --all-targets $features -- -D warnings
done
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --all-features
(
    cd python
    PATH=$OLDPWD/.deps/wheel-python/bin:$PATH
    ruff format --quiet --check .
    ruff check --quiet .
    mypy --no-error-summary .
)
if command -v shellcheck >/dev/null; then
    shellcheck scripts/*.sh .ci/run
else
    echo "shellcheck is not installed: the shell scripts were not checked."
fi
if command -v cargo-deny >/dev/null; then
    cargo deny --locked --workspace check licenses bans sources
else
    echo "cargo-deny is not installed (cargo install --locked cargo-deny): licences were not checked."
fi
