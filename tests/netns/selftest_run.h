/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_SELFTEST_RUN_H
#define JV_TESTS_SELFTEST_RUN_H
/*
 * selftest_run -- how the programs of this folder set up what they test against.
 */
#include "base.h"

/* A shell command, which must succeed. */
void run(const char *fmt, ...) JV_PRINTF(1, 2);
#endif /* JV_TESTS_SELFTEST_RUN_H */
