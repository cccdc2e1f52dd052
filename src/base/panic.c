/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

JV_NORETURN void jv_panic(const char *file, int line, const char *what)
{
    /* The process ends either way, so a failed write changes nothing. */
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
