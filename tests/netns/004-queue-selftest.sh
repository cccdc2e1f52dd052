#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In what order packets wait in a TUN device, against a real kernel. The program makes a namespace of its own (drawn on top of
# queue_selftest.c), which ends with it; nothing of the host is touched. Needs root and a build (JV_BUILD, default: build). Exit status
# 77: cannot run here.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exit 77
CMOCKA_MESSAGE_OUTPUT=TAP exec "${JV_BUILD:-build}/tests/netns/queue_selftest"
