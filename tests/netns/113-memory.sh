#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   gateway alone, Sessions = 200000                  Memory is reserved at start and taken when it is used: from the first moment to
#                                                     the last an idle gateway is small.
#
. "$(dirname "$0")/lib.sh"

most_kb() { sed -n 's/^peak //p' "$W/gateway.log"; }

topo_veth
case "$(nm "$JVD" 2>/dev/null)" in *__asan_init*) skip 'a sanitizer needs memory of its own' ;; esac
write_configs '' '[Limits]
Sessions = 200000'
spawn gateway g python3 -c "
import resource, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
child.wait()
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
" "$JVD" --config "$W/g.conf" --foreground --run-dir "$W/run-g" --state-dir "$W/state-g" --log-dir "$W/log-g"
wait_for 10 test -S "$W/run-g/g.sock" || fail 'the gateway does not come up'
status=/proc/$(jv_g status --json g | jq .pid)/status
say "idle: $(sed -n 's/^VmRSS:[[:space:]]*//p' "$status") of $(sed -n 's/^VmSize:[[:space:]]*//p' "$status")"
need 'less is reserved than the sessions need' test "$(sed -n 's/^VmSize:[^0-9]*\([0-9]*\).*/\1/p' "$status")" -gt 1000000
need 'the memory is not locked' test "$(jv_g status --json g | jq '.warnings | map(select(test("locked"))) | length')" -eq 0
stop gateway
wait_for 5 grep -q '^peak ' "$W/gateway.log" || fail 'the gateway does not end'
need "the gateway took $(most_kb) kB" test "$(most_kb)" -lt 32000
