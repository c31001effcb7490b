#!/usr/bin/env bash
# Installs what building, running and testing need and this machine lacks. Does nothing, quickly, if all is there.
set -eu

packages=()
reasons=()

need() { # package, reason
    packages+=("$1")
    reasons+=("$1: $2")
}

has() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin:/usr/local/bin" command -v "$1" >/dev/null 2>&1
}

has_postgres_server() {
    local folder
    for folder in "${PG_BIN:-}" /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    has initdb && has postgres
}

# PostgreSQL does not run as root; its package brings the user it runs as instead.
has_postgres_user() {
    [ "$(id -u)" -ne 0 ] || id postgres >/dev/null 2>&1
}

{ has_postgres_server && has_postgres_user; } || need postgresql "the database server (private instances, no default cluster)"
[ -x "${NATS_SERVER:-}" ] || has nats-server || need nats-server "the message server with JetStream"
{ has cc && has c++; } || need build-essential "the C compiler and linker Rust builds with"
has cmake || need cmake "builds libjpeg-turbo"
has nasm || need nasm "assembles libjpeg-turbo's SIMD code"

has_faketime() {
    local library
    for library in /usr/lib/*/faketime/libfaketime.so.1; do
        [ -e "$library" ] && return 0
    done
    return 1
}
has_faketime || need libfaketime "sets one service's clock off in the fault suite"

[ "${#packages[@]}" -gt 0 ] || exit 0

echo "Installing what is missing:"
printf '  %s\n' "${reasons[@]}"

# shellcheck source=deploy/local/apt.sh
. "$(dirname "$0")/apt.sh"

missing() {
    case " ${packages[*]} " in *" $1 "*) true ;; *) false ;; esac
}

# The packages would otherwise start servers of their own, NATS even open to the network. What was set up before is
# somebody's decision and stays.
if missing postgresql && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
masked=
if missing nats-server && [ -d /run/systemd/system ]; then
    masked=yes
    as_root systemctl mask --quiet nats-server.service
fi

apt_install "${packages[@]}"

if [ -n "$masked" ]; then
    as_root systemctl unmask --quiet nats-server.service
    as_root systemctl disable --quiet nats-server.service
fi
