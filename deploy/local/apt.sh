# Sourced: installs Debian and Ubuntu packages, as root or with sudo.

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install() { # packages
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Only Debian and Ubuntu are installed on automatically. Please install by hand: $*" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        echo "Neither root nor sudo. Please install as root: apt-get install $*" >&2
        exit 1
    fi
    local log
    log=$(mktemp)
    if ! { as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq \
            --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}
