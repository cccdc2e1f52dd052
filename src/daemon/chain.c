/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEQ_MAX                                                                                    \
    (UINT64_MAX /                                                                                  \
     2) /* nobody counts so far: what says more is damaged, and there must be a next one */
#define TAIL_BYTES (2U * JV_RECORD_LINE_BYTES) /* the last whole line and a torn one behind it */

static void forget_prev(struct jv_chain *chain)
{
    memset(chain->prev, '0', JV_RECORD_HASH_TEXT - 1U);
    chain->prev[JV_RECORD_HASH_TEXT - 1U] = '\0';
}

static void close_fd(struct jv_chain *chain)
{
    if (chain->fd >= 0) {
        (void)close(chain->fd); /* every write was judged when it was made */
        chain->fd = -1;
    }
}

/* The whole lines of the tail end at `end`; 0 where there is none. */
static size_t whole_lines(const char *tail, size_t len)
{
    while (len > 0 && tail[len - 1] != '\n') {
        len--;
    }
    return len;
}

static void adopt_last_line(struct jv_chain *chain, const char *tail, size_t end,
                            struct jv_chain_found *found)
{
    size_t start = end - 1;
    while (start > 0 && tail[start - 1] != '\n') {
        start--;
    }
    struct jv_record_line line;
    if (jv_record_read(tail + start, end - start, &line) != JV_E_OK || line.rec.seq > SEQ_MAX) {
        found->is_unreadable = true;
        return;
    }
    memcpy(chain->prev, line.hash, sizeof(chain->prev));
    chain->last_seq = line.rec.seq;
}

/* Read the end of a regular file, cut what a crash left, and continue the chain. */
static enum jv_err adopt_end(struct jv_chain *chain, uint64_t size, struct jv_chain_found *found)
{
    char tail[TAIL_BYTES];
    uint64_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    ssize_t got = pread(chain->fd, tail, sizeof(tail), (off_t)from);
    if (got < 0) {
        return JV_E_SYSTEM;
    }
    size_t end = whole_lines(tail, (size_t)got);
    if (end < (size_t)got) {
        found->was_torn = true;
        if (ftruncate(chain->fd, (off_t)(from + end)) != 0) {
            return JV_E_SYSTEM;
        }
    }
    chain->good_bytes = from + end;
    if (end > 0) {
        adopt_last_line(chain, tail, end, found);
    }
    return JV_E_OK;
}

static enum jv_err open_file(struct jv_chain *chain, struct jv_chain_found *found)
{
    struct stat st;
    bool is_fifo = stat(chain->path, &st) == 0 && S_ISFIFO(st.st_mode);
    int flags = is_fifo ? O_WRONLY : O_RDWR | O_CREAT | O_APPEND;
    chain->fd = open(chain->path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
    if (chain->fd < 0) {
        return JV_E_SYSTEM;
    }
    if (fstat(chain->fd, &st) != 0) {
        close_fd(chain);
        return JV_E_SYSTEM;
    }
    chain->is_regular = S_ISREG(st.st_mode);
    forget_prev(chain);
    if (chain->is_regular && adopt_end(chain, (uint64_t)st.st_size, found) != JV_E_OK) {
        int saved = errno;
        close_fd(chain);
        errno = saved;
        return JV_E_SYSTEM;
    }
    return JV_E_OK;
}

static uint64_t read_head(const char *path)
{
    uint64_t seq = 0;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%20" SCNu64, &seq) != 1 || seq > SEQ_MAX) {
            seq = 0;
        }
        (void)fclose(file); /* only read */
    }
    return seq;
}

enum jv_err jv_chain_init(struct jv_chain *chain, const char *path, const char *head_path,
                          const char *node, struct jv_chain_found *found_out)
{
    struct jv_chain_found found = {0};
    *chain = (struct jv_chain){.fd = -1};
    forget_prev(chain);
    const char *head = head_path == NULL ? "" : head_path;
    if (strlen(path) >= sizeof(chain->path) || strlen(head) + 4U >= sizeof(chain->head_path)) {
        return JV_E_RANGE;
    }
    (void)snprintf(chain->path, sizeof(chain->path), "%s", path);
    (void)snprintf(chain->head_path, sizeof(chain->head_path), "%s", head);
    (void)snprintf(chain->node, sizeof(chain->node), "%s", node);
    if (open_file(chain, &found) != JV_E_OK) {
        found.open_errno = errno;
    }
    /* Where records behind the end of the file are lost, the gap up to the first record announces itself. */
    chain->expected = chain->last_seq == 0 ? 0 : chain->last_seq + 1U;
    found.last_seq = chain->last_seq;
    if (head[0] != '\0') {
        chain->head_seq = read_head(head);
        found.is_behind_head = chain->is_regular && chain->head_seq > chain->last_seq;
        found.last_seq = JV_MAX(found.last_seq, chain->head_seq);
    }
    *found_out = found;
    return JV_E_OK;
}

void jv_chain_fini(struct jv_chain *chain)
{
    jv_chain_save_head(chain);
    close_fd(chain);
}

enum jv_err jv_chain_reopen(struct jv_chain *chain, const char *path)
{
    struct jv_chain_found found = {0};
    if (strlen(path) >= sizeof(chain->path)) {
        return JV_E_RANGE;
    }
    close_fd(chain);
    if (path != chain->path) {
        (void)snprintf(chain->path, sizeof(chain->path), "%s", path);
    }
    return open_file(chain, &found);
}

static bool put_line(struct jv_chain *chain, const char *line, size_t len)
{
    ssize_t put;
    do {
        put = write(chain->fd, line, len);
    } while (put < 0 && errno == EINTR);
    if (put == (ssize_t)len) {
        chain->good_bytes += len;
        return true;
    }
    int saved = put < 0 ? errno : ENOSPC;
    /* A reader that went away may come back as another one; a half line in a file would spoil the next. */
    if (!chain->is_regular && saved == EPIPE) {
        close_fd(chain);
    } else if (put > 0 && chain->is_regular &&
               ftruncate(chain->fd, (off_t)chain->good_bytes) != 0) {
        close_fd(chain); /* opening it again cuts the torn end */
    }
    errno = saved;
    return false;
}

static enum jv_err put_record(struct jv_chain *chain, const struct jv_record *rec, uint64_t wall_ns)
{
    char line[JV_RECORD_LINE_BYTES];
    char hash[JV_RECORD_HASH_TEXT];
    size_t len = jv_record_write(rec, wall_ns, chain->node, chain->prev, line, sizeof(line), hash);
    JV_ASSERT(len > 0);
    if (!put_line(chain, line, len)) {
        return JV_E_SYSTEM;
    }
    memcpy(chain->prev, hash, sizeof(chain->prev));
    chain->last_seq = rec->seq;
    chain->expected = rec->seq + 1U;
    return JV_E_OK;
}

void jv_chain_lost(struct jv_chain *chain, uint64_t seq)
{
    if (chain->expected == 0) {
        chain->expected = seq;
    }
}

enum jv_err jv_chain_write(struct jv_chain *chain, const struct jv_record *rec, uint64_t wall_ns)
{
    jv_chain_lost(chain, rec->seq); /* until it is written */
    uint64_t expected = chain->expected;
    if (chain->fd < 0 && jv_chain_reopen(chain, chain->path) != JV_E_OK) {
        return JV_E_SYSTEM;
    }
    if (rec->seq > expected) {
        struct jv_record gap = {.at = rec->at,
                                .seq = rec->seq - 1U,
                                .event = JV_REC_TelemetryDegraded,
                                .is_client = rec->is_client};
        jv_record_put(&gap, JV_FD_count, rec->seq - expected);
        jv_record_put(&gap, JV_FD_first_lost_seq, expected);
        jv_record_put(&gap, JV_FD_last_lost_seq, rec->seq - 1U);
        enum jv_err err = put_record(chain, &gap, wall_ns);
        if (err != JV_E_OK) {
            return err;
        }
    }
    return put_record(chain, rec, wall_ns);
}

void jv_chain_save_head(struct jv_chain *chain)
{
    char temp[JV_CHAIN_PATH_BYTES + 8U];
    if (chain->head_path[0] == '\0' || chain->last_seq == chain->head_seq || chain->last_seq == 0) {
        return;
    }
    (void)snprintf(temp, sizeof(temp), "%s.new", chain->head_path);
    FILE *file = fopen(temp, "we");
    if (file == NULL) {
        return; /* without head a shortened file shows less, and nothing else */
    }
    bool is_ok = fprintf(file, "%" PRIu64 " %s\n", chain->last_seq, chain->prev) > 0;
    is_ok = fclose(file) == 0 && is_ok;
    if (is_ok && rename(temp, chain->head_path) == 0) {
        chain->head_seq = chain->last_seq;
    }
}
