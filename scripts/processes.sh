# shellcheck shell=bash disable=SC2154 # state is set by who reads this
# Read in by `run` and `stop`: which processes were started is on record in $state/pids, one file for each, with the
# number and the start time. A number alone may have a new owner by the time it is read.

# start_time PID: field 22 of /proc/PID/stat (proc(5)); fails where there is no such process, or only its zombie.
start_time() {
    local fields
    fields=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The second field, the program's name in brackets, may hold anything.
    read -ra fields <<<"${fields##*) }"
    [ "${fields[0]}" != Z ] && echo "${fields[19]}"
}

# record NAME PID
record() {
    echo "$2 $(start_time "$2")" >"$state/pids/$1"
}

# running NAME: prints the number of the process on record, if that is still the one that was started.
running() {
    local pid started
    [ -r "$state/pids/$1" ] && read -r pid started <"$state/pids/$1" || return 1
    [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

# group_lives NUMBER: is there anybody in that process group who is more than a zombie?
group_lives() {
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' |
        awk -v group="$1" '$3 == group && $1 != "Z" { found = 1 } END { exit !found }'
}

# end NAME SECONDS SIGNAL...: sends each signal in turn, and waits so long for the process to be gone. Then whoever
# outlived it is ended, such as the workers of an nginx that was killed: they are its process group, and while there is
# one of them its number goes to nobody else.
end() {
    local name=$1 seconds=$2 signal pid deadline
    shift 2
    [ -r "$state/pids/$name" ] || return 0
    for signal; do
        pid=$(running "$name") || break
        kill -s "$signal" "$pid" 2>/dev/null || true
        deadline=$((SECONDS + seconds))
        while running "$name" >/dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05; done
    done
    read -r pid _ <"$state/pids/$name"
    if ! start_time "$pid" >/dev/null; then
        kill -s TERM -- "-$pid" 2>/dev/null || true
        deadline=$((SECONDS + 5))
        while group_lives "$pid" && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.05; done
        kill -s KILL -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$state/pids/$name"
}
