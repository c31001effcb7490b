#!/usr/bin/env bash
# Puts libvips, which `make bench` compares derivatives with, into the folder $1: a Python environment with pyvips, whose
# wheel carries the library. Where it cannot be had the bench says so and measures without it, so this never fails.
set -eu

folder=$1
wanted='pyvips==3.2.0 pyvips-binary==8.18.7'

[ ! -e "$folder/pyvips" ] || exit 0
echo "Installing $wanted into $folder (to compare with)"
# shellcheck disable=SC2086 # two packages
if python3 -m venv "$folder" && timeout 120 "$folder/bin/pip" install --quiet --only-binary pyvips-binary $wanted; then
    touch "$folder/pyvips"
else
    echo "libvips cannot be had on this machine: nothing is compared with it" >&2
    rm -rf "$folder"
fi
