/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the audit file of an earlier run, and others as its head file: the chain is taken up or begins anew, a torn end is cut
 * off, and a record that is written behind it continues the file so that a reader follows.
 *
 * First byte: bytes of the head file, which come next; the rest is the audit file.
 */
#define _GNU_SOURCE /* memfd_create() */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain.h"
#include "crypto.h"

#define FILE_MAX 65536U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size, char path[64])
{
    int fd = memfd_create("audit", MFD_CLOEXEC);
    JV_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* The last line of the file is whole, a record, and continues the line before it. */
static void judge_end(int fd, uint64_t seq)
{
    static char text[FILE_MAX + 2 * JV_RECORD_LINE_BYTES];
    struct jv_record_line last;
    struct jv_record_line before;
    ssize_t len = pread(fd, text, sizeof text, 0);
    JV_ASSERT(len > 0 && text[len - 1] == '\n');
    size_t start = (size_t)len - 1;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    JV_ASSERT(jv_record_read(text + start, (size_t)len - start, &last) == JV_E_OK);
    JV_ASSERT(last.rec.seq == seq);
    size_t first = start > 0 ? start - 1 : 0;
    while (first > 0 && text[first - 1] != '\n') {
        first--;
    }
    if (start > 0 && jv_record_read(text + first, start - first, &before) == JV_E_OK) {
        JV_ASSERT(strcmp(before.hash, last.prev) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char head_path[64];
    struct jv_chain chain;
    struct jv_chain_found found;
    JV_ASSERT(jv_crypto_init() == JV_E_OK);
    if (size < 1 || size > FILE_MAX) {
        return 0;
    }
    size_t head_len = JV_MIN((size_t)data[0], size - 1);
    int head_fd = file_of(data + 1, head_len, head_path);
    int fd = file_of(data + 1 + head_len, size - 1 - head_len, path);
    JV_ASSERT(jv_chain_init(&chain, path, head_path, "home", &found) == JV_E_OK);
    JV_ASSERT(found.open_errno == 0);
    JV_ASSERT(found.last_seq < UINT64_MAX); /* the daemon goes on with the next one */
    JV_ASSERT(!found.is_behind_head || chain.head_seq > chain.last_seq);
    const struct jv_record rec = {.at = {1795252361000000000ULL},
                                  .seq = found.last_seq + 1,
                                  .event = JV_REC_DaemonStarted,
                                  .is_client = true};
    JV_ASSERT(jv_chain_write(&chain, &rec, rec.at.ns) == JV_E_OK);
    judge_end(fd, rec.seq);
    jv_chain_fini(&chain);
    (void)close(fd);
    (void)close(head_fd);
    return 0;
}
