#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The completion scripts parse in their shells (zsh and fish where they are installed), and bash completes by its own.
# usage: tests/cli/completion.sh JV
set -eu
jv=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for shell in bash zsh fish; do
    "$jv" completion $shell >"$dir/$shell"
    [ -s "$dir/$shell" ]
    if command -v $shell >/dev/null; then $shell -n "$dir/$shell"; fi
done
if "$jv" completion csh >/dev/null 2>"$dir/err"; then exit 1; fi
grep -q "csh" "$dir/err"
# Every command of the usage is offered, and nothing else.
"$jv" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort >"$dir/wanted"
# shellcheck disable=SC1091 # made above
. "$dir/bash"
offer() {
    COMP_WORDS=(jv "$@")
    COMP_CWORD=$#
    _jv
    printf '%s\n' "${COMPREPLY[@]}"
}
offer '' | sort >"$dir/got"
diff "$dir/wanted" "$dir/got"
[ "$(offer pat)" = path ]
[ "$(offer path te)" = test ]
[ "$(offer policy show mob)" = mobile ]
[ "$(offer hold o)" = off ]
echo 'completion: ok'
