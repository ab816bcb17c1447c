# shellcheck shell=bash disable=SC2154 # the script that sources this sets state
# Sourced by `run` and `stop`. $state/pids has one file for each process that was started, with its id and start time:
# an id alone may belong to another process by the time it is read.

# start_time PID: field 22 of /proc/PID/stat (proc(5)); fails if there is no such process, or only its zombie.
start_time() {
    local fields
    fields=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The second field, the program's name in parentheses, may contain anything.
    read -ra fields <<<"${fields##*) }"
    [ "${fields[0]}" != Z ] && echo "${fields[19]}"
}

# record NAME PID
record() {
    echo "$2 $(start_time "$2")" >"$state/pids/$1"
}

# running NAME: prints the id of the recorded process, if it is still running.
running() {
    local pid started
    [ -r "$state/pids/$1" ] && read -r pid started <"$state/pids/$1" || return 1
    [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

# group_lives ID: succeeds if the process group has a process that is not a zombie.
group_lives() {
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' |
        awk -v group="$1" '$3 == group && $1 != "Z" { found = 1 } END { exit !found }'
}

# end NAME SECONDS SIGNAL...: sends each signal in turn, and waits for at most SECONDS after each until the process has
# exited. Then the rest of its process group is stopped, such as the workers of an nginx that was killed. While the
# group exists, the kernel does not reuse its id.
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
