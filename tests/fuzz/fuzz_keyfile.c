/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a key file: a key comes out of one that holds its text and a newline at most; otherwise a sentence says why. */
#define _GNU_SOURCE /* memfd_create() */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char why[JV_KEYFILE_WHY_BYTES] = "";
    char text[JV_KEY_TEXT_BYTES];
    struct jv_key key;
    struct jv_key untouched;
    int fd = memfd_create("key", MFD_CLOEXEC);
    JV_ASSERT(fd >= 0 && fchmod(fd, 0600) == 0);
    JV_ASSERT(write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(&key, 0x5a, sizeof key);
    untouched = key;
    enum jv_err err = jv_keyfile_load(path, &key, why);
    if (err == JV_E_OK) {
        jv_key_format(&key, text);
        size_t len = sizeof text - 1;
        JV_ASSERT(size == len || (size == len + 1 && data[len] == '\n'));
        JV_ASSERT(memcmp(text, data, len) == 0);
    } else {
        JV_ASSERT(memcmp(&key, &untouched, sizeof key) == 0);
        JV_ASSERT(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
    }
    (void)close(fd);
    return 0;
}
