#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every key of config.def in its section, and every key and field of policy.def, appear in jv.conf(5), and no others.
set -eu
cd "$(dirname "$0")/../.."
page=man/jv.conf.5
failed=0

miss() {
    echo "$page: $1 is missing" >&2
    failed=1
}

# K(Section, Key, ...): the key within its section.
sed -n 's/^K(\([A-Za-z]*\), \([A-Za-z]*\), .*/\1 \2/p' src/conf/config.def | {
    keys=0
    while read -r section key; do
        keys=$((keys + 1))
        awk -v section="$section" -v key="$key" '
            /^\.S[sh] / { in_section = $2 == "Section" && $3 == section }
            in_section && $1 == ".It" && $2 == "Cm" && $3 == key && $4 == "=" { found = 1 }
            END { exit !found }' "$page" || miss "$key of [$section]"
    done
    [ "$keys" -gt 30 ] || miss "the table of config.def"
    exit "$failed"
} || failed=1

# P(field, section, Key, ...): one row of the table of bounds.
sed -n 's/^P(\([a-z0-9_]*\), \([a-z]*\), \([A-Za-z]*\), .*/\1 \2 \3/p' src/core/policy.def | {
    keys=0
    while read -r field section key; do
        keys=$((keys + 1))
        grep -q "^\.It Cm $key Ta $section\.$field Ta " "$page" || miss "$key ($section.$field)"
    done
    [ "$keys" -gt 30 ] || miss "the table of policy.def"
    exit "$failed"
} || failed=1

# Nothing in the page that the tables lack.
sed -n 's/^\.It Cm \([A-Za-z]*\) \(=\|Ta\) .*/\1/p' "$page" | sort -u | {
    while read -r key; do
        grep -q -e "^K([A-Za-z]*, $key," -e "^P([a-z0-9_]*, [a-z]*, $key," src/conf/config.def \
            src/core/policy.def || miss "the table's row for $key"
    done
    exit "$failed"
} || failed=1

exit "$failed"
