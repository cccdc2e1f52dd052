/* SPDX-License-Identifier: Apache-2.0 */
#include "selftest_run.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void run(const char *fmt, ...)
{
    char command[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(command, sizeof(command), fmt, args); /* the commands below are short */
    va_end(args);
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *const argv[] = {shell, option, command, NULL};
    pid_t child = 0;
    int status = -1;
    if (posix_spawn(&child, shell, NULL, NULL, argv, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
        print_error("failed: %s\n", command);
        fail();
    }
}
