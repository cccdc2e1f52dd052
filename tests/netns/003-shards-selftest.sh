#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the shards of a process share, a port and a TUN device, against a real kernel. The program makes a namespace of its own (drawn
# on top of shards_selftest.c), which ends with it. Needs root and a build (JV_BUILD, default: build). Exit status 77: cannot run here.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exit 77
CMOCKA_MESSAGE_OUTPUT=TAP exec "${JV_BUILD:-build}/tests/netns/shards_selftest"
