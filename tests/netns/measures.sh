# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# To be sourced after lib.sh and streams.sh by the measuring programs (measure-*.sh): options, runs, table, bounds.
#
# Every program takes --runs N (default 20), --preset NAME, --json; --help shows its head. It prints median and worst, names machine
# and command, and ends with 3 where a bound is broken. None of them is run by ./check.
FIGURES=$JVT_ROOT/tests/netns/figures.py
RUNS=20
PRESET=fast
JSON=()
MEASURE="tests/netns/$(basename "$0") $*"
MEASURE=${MEASURE% }
# extra: words that a program takes besides, as `--name value`; they become variables OPT_NAME.
measure_options() {
    local extra=" $1 "
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --runs) RUNS=${2:?} && shift ;;
        --preset) PRESET=${2:?} && shift ;;
        --json) JSON=(--json) ;;
        --help)
            sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        --*)
            case $extra in
            *" ${1#--} "*) printf -v "OPT_${1#--}" %s "${2:?}" && shift ;;
            *) echo "$0: there is no option $1" >&2 && exit 2 ;;
            esac
            ;;
        *) echo "$0: there is no option $1" >&2 && exit 2 ;;
        esac
        shift
    done
    case $RUNS in '' | *[!0-9]* | 0) echo "$0: --runs is $RUNS; it must be 1 or more" >&2 && exit 2 ;; esac
}

# measured NAME VALUE ...: one run; a value that is no number becomes text.
measured() {
    local json='{}'
    while [ $# -gt 0 ]; do
        if [[ $2 =~ ^-?[0-9]+(\.[0-9]+)?$ ]]; then
            json=$(jq -c ". + {\"$1\": $2}" <<<"$json")
        else
            json=$(jq -c --arg v "$2" ". + {\"$1\": \$v}" <<<"$json")
        fi
        shift 2
    done
    printf '%s\n' "$json" >>"$W/runs.jsonl"
    say "$json"
}

# measure_end BY BOUND ...: the table; ends the program. BY '': no groups.
measure_end() {
    local by=() bounds=() b
    [ -n "$1" ] && by=(--by "$1")
    shift
    for b in "$@"; do bounds+=(--bound "$b"); done
    touch "$W/runs.jsonl"
    "$FIGURES" table "$W/runs.jsonl" "$MEASURE" "${JSON[@]}" "${by[@]}" "${bounds[@]}"
    exit $?
}

active_path() { client_get '.session.paths[] | select(.role == "active").name' | cut -d / -f 1; }
other_of() { [ "$1" = a ] && echo b || echo a; }
switches_are() { test "$(client_get .session.switches)" -ge "$1"; }
# Equal preferences: the session stays where it is.
equal_paths() { sed -i 's/^Prefer = .*/Prefer = 100/' "$W/c.conf"; }
# measure_configs [CLIENT_EXTRA]: both files with the preset.
measure_configs() { write_configs "[Policy]
Preset = $PRESET
${1:-}"; }
# Device of link A or B down and up again at the client, with its route.
link_down() { ip -n "${JVT}c" link set "${1}0" down; }
link_up() {
    ip -n "${JVT}c" link set "${1}0" up
    case $1 in
    a) ip -n "${JVT}c" route replace "$OUTER" via 10.201.0.2 dev a0 metric 100 ;;
    b) ip -n "${JVT}c" route replace "$OUTER" via 10.202.0.2 dev b0 metric 200 ;;
    esac
}
path_is_proven() { client_get ".session.paths[] | select(.name == \"$1/udp\") | .rtt_us // \"\"" | grep -q .; }
# fresh_session: one that remembers nothing of the runs before. The gateway begins anew as well, because it refuses the fourth birth of a key
# within a minute.
fresh_session() {
    if [ -e "$W/client.pid" ] && is_running client; then stop client; fi
    if [ -e "$W/gateway.pid" ] && is_running gateway; then stop gateway; fi
    start_gateway
    start_client
    wait_attached 15
}
quiet_hole() { emu "$1" blackhole "$2" >/dev/null; }
