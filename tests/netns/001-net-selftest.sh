#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The net layer against a real kernel. The program makes two namespaces of its own (drawn on top of net_selftest.c), which end
# with it; nothing of the host is touched. Needs root and a build (JV_BUILD, default: build). Exit status 77: cannot run here.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || exit 77
CMOCKA_MESSAGE_OUTPUT=TAP exec "${JV_BUILD:-build}/tests/netns/net_selftest"
