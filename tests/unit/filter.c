/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka reads no pattern from outside by itself: CMOCKA_TEST_FILTER='replay_far*' runs the cases that match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void take_filter(void)
{
    const char *pattern = getenv("CMOCKA_TEST_FILTER");
    if (pattern != NULL && pattern[0] != '\0') {
        cmocka_set_test_filter(pattern);
    }
}
