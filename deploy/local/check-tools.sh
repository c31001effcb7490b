#!/usr/bin/env bash
# Installs the pinned tools of `make check` into the folder $1: buf (an npm package that carries the program) and
# cargo-deny. Does nothing, quickly, if they are there.
set -eu

buf_version=1.75.0
deny_version=0.20.2
tools=$1

if [ "$("$tools/node_modules/.bin/buf" --version 2>/dev/null)" != "$buf_version" ]; then
    packages=()
    command -v node >/dev/null 2>&1 || packages+=(nodejs)
    command -v npm >/dev/null 2>&1 || packages+=(npm)
    if [ "${#packages[@]}" -gt 0 ]; then
        echo "Installing what is missing: ${packages[*]} (npm carries buf, which checks proto/)"
        # shellcheck source=deploy/local/apt.sh
        . "$(dirname "$0")/apt.sh"
        apt_install "${packages[@]}"
    fi
    echo "Installing buf $buf_version into $tools (checks proto/)"
    mkdir -p "$tools"
    npm install --prefix "$tools" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "@bufbuild/buf@$buf_version"
fi

deny_is_there() {
    [ "$(PATH="$tools/bin:$PATH" cargo deny --version 2>/dev/null)" = "cargo-deny $deny_version" ]
}

if ! deny_is_there; then
    echo "Building cargo-deny $deny_version into $tools without optimisation (checks dependencies and licences; takes a minute or two, once)"
    CARGO_TARGET_DIR="$tools/build" cargo install cargo-deny --debug --quiet --locked --version "$deny_version" --root "$tools"
    rm -rf "$tools/build"
fi
