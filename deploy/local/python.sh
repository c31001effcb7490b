#!/usr/bin/env bash
# Puts the packages of docs/examples/requirements.txt into the folder $1: a Python environment in which the test of the example
# runs it. Where it cannot be had the test says so, so this never fails.
set -eu

folder=$1
requirements=docs/examples/requirements.txt

if cmp -s "$requirements" "$folder/requirements.txt"; then exit 0; fi
echo "Installing $requirements into $folder (for the example's test)"
if python3 -m venv "$folder" && timeout 120 "$folder/bin/pip" install --quiet --only-binary :all: -r "$requirements"; then
    cp "$requirements" "$folder/requirements.txt"
else
    echo "The example's packages cannot be had on this machine" >&2
    rm -rf "$folder"
fi
