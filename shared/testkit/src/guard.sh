# Runs one server and outlives neither it nor the owner: the owner holds the other end of our standard input, which
# the kernel closes when the owner ends, however it ends. Lines on it are signal names for the server.
# $1 log, $2 seconds each stop signal may take, $3 stop signals in order, the rest is the command.
# Prints the server's process id.
# What the server writes, its log included, is for its own user alone.
umask 077
log=$1 grace=$2 signals=$3
shift 3

exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!

{
    while read -r signal <&3; do
        kill -s "$signal" "$server" 2>/dev/null
    done
    for signal in $signals; do
        kill -s "$signal" "$server" 2>/dev/null
        waited=0
        while [ "$waited" -lt "$((grace * 20))" ] && kill -0 "$server" 2>/dev/null; do
            sleep 0.05
            waited=$((waited + 1))
        done
    done
} >/dev/null 2>&1 &
listener=$!

echo "$server"
exec >/dev/null 2>&1 3<&-

wait "$server"
status=$?
kill "$listener"
exit "$status"
