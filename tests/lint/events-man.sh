#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every event and every field of record.def has its entry in jv-events(7), and the man page names no other.
set -eu
cd "$(dirname "$0")/../.."
def=src/core/record.def
man=man/jv-events.7
bad=0

# The entries of one section, one name a line.
entries() {
    sed -n "/^\\.S[hs] $1\$/,/^\\.S[hs] /s/^\\.It \\(Va \\)\\{0,1\\}\\([A-Za-z_]*\\)\$/\\2/p" "$man" | sort
}
# NAME(first, second...) rows whose second argument fits.
rows() {
    sed -n "s/^$1(\\([A-Za-z_]*\\), \\($2\\).*/\\1/p" "$def" | sort
}

compare() {
    want=$(rows "$2" "$3")
    have=$(entries "$1")
    if [ -z "$want" ] || [ "$want" != "$have" ]; then
        echo "$man: section $1 and $def differ:"
        printf '%s\n%s\n' "$want" "$have" | sort | uniq -u | sed 's/^/  /'
        bad=1
    fi
}
compare EVENTS EV '[TSM]'
compare seen FD SEEN
compare limits FD LIMIT

# The lane of each event is the one in the table.
sed -n 's/^EV(\([A-Za-z]*\), \([TSM]\))$/\1 \2/p' "$def" | {
    while read -r name lane; do
        if ! grep -A1 "^\.It $name\$" "$man" | grep -q "^Lane $lane\.\$"; then
            echo "$man: $name: its lane is $lane"
            bad=1
        fi
    done
    exit $bad
} || bad=1
exit $bad
