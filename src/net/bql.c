/* SPDX-License-Identifier: Apache-2.0 */
#include "bql.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ebpf.h"

/* What the program and the reader of one queue share. `taken` is the reader's, all else the program's. A cache line each. */
#define LANE_SHIFT 6
struct lane {
    uint64_t queued, taken; /* bytes of uncut packets */
    uint64_t limit;
    uint64_t drops;
    uint8_t rest[32];
};
static_assert(sizeof(struct lane) == 1U << LANE_SHIFT, "the program counts in these");

#define LANES_BYTES (JV_BQL_QUEUES * (uint32_t)sizeof(struct lane))

/* The reader's own, of each queue. A cache line each: queues may have threads of their own. */
struct mark {
    uint64_t queued; /* when the count of reads began */
    uint32_t reads;
    uint8_t rest[52];
};
static_assert(sizeof(struct mark) == sizeof(struct lane), "a cache line");

struct jv_bql {
    struct lane *lanes; /* JV_BQL_QUEUES */
    struct mark marks[JV_BQL_QUEUES];
};

/* Returns the bytes of the packet that go on, 0: none. */
static void write_program(struct jv_ebpf *p, int map_fd)
{
    enum {
        LEN = BPF_REG_0,
        QUEUED,
        TAKEN,
        LIMIT,
        QUEUE,
        LANE
    }; /* registers; the context is in 1 at first */
    jv_ebpf_load(p, BPF_W, LEN, BPF_REG_1, offsetof(struct __sk_buff, len));
    jv_ebpf_load(p, BPF_W, QUEUE, BPF_REG_1, offsetof(struct __sk_buff, queue_mapping));
    uint32_t is_small = jv_ebpf_if_imm(p, BPF_JLE, LEN, JV_BQL_PASS_BYTES);
    uint32_t is_beyond = jv_ebpf_if_imm(p, BPF_JGE, QUEUE, JV_BQL_QUEUES);
    jv_ebpf_value(p, LANE, map_fd);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_LSH, QUEUE, LANE_SHIFT);
    jv_ebpf_reg(p, BPF_ALU64 | BPF_ADD, LANE, QUEUE);
    jv_ebpf_load(p, BPF_DW, QUEUED, LANE, offsetof(struct lane, queued));
    jv_ebpf_load(p, BPF_DW, TAKEN, LANE, offsetof(struct lane, taken));
    jv_ebpf_load(p, BPF_DW, LIMIT, LANE, offsetof(struct lane, limit));
    jv_ebpf_reg(p, BPF_ALU64 | BPF_SUB, QUEUED, TAKEN);
    /* Signed: the reader may be ahead, by what was on its way into the queue while it found it empty. */
    uint32_t is_within = jv_ebpf_if_reg(p, BPF_JSLT, QUEUED, LIMIT);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, LEN, 1);
    jv_ebpf_add_to(p, LANE, offsetof(struct lane, drops), LEN);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, LEN, 0);
    jv_ebpf_exit(p);
    jv_ebpf_here(p, is_within);
    jv_ebpf_add_to(p, LANE, offsetof(struct lane, queued), LEN);
    jv_ebpf_here(p, is_small);
    jv_ebpf_here(p, is_beyond);
    jv_ebpf_exit(p);
}

static enum jv_err install(int tun_fd, int map_fd)
{
    struct jv_ebpf program = {0};
    int program_fd = -1;
    write_program(&program, map_fd);
    enum jv_err err = jv_ebpf_socket_filter(&program, "jv_bql", &program_fd);
    if (err != JV_E_OK) {
        return err;
    }
    int result = ioctl(tun_fd, TUNSETFILTEREBPF, &program_fd);
    int saved = errno;
    (void)close(program_fd); /* the device holds it */
    errno = saved;
    return result == 0 ? JV_E_OK : JV_E_SYSTEM;
}

enum jv_err jv_bql_open(int tun_fd, uint64_t limit, struct jv_bql **out)
{
    void *lanes = NULL;
    int map_fd = -1;
    struct jv_bql *bql = calloc(1, sizeof(*bql));
    if (bql == NULL) {
        return JV_E_NOMEM;
    }
    enum jv_err err = jv_ebpf_map("jv_bql", LANES_BYTES, &map_fd, &lanes);
    if (err == JV_E_OK) {
        bql->lanes = lanes;
        for (uint32_t i = 0; i < JV_BQL_QUEUES; i++) {
            bql->lanes[i].limit = limit;
        }
        err = install(tun_fd, map_fd);
        int saved = errno;
        (void)close(map_fd); /* mapping and program hold it */
        errno = saved;
    }
    if (err != JV_E_OK) {
        int saved = errno;
        jv_bql_close(bql);
        errno = saved;
        return err;
    }
    *out = bql;
    return JV_E_OK;
}

void jv_bql_clear(int tun_fd)
{
    int none = -1;
    /* Fails where the kernel knows no such programs, and then there is none. */
    (void)ioctl(tun_fd, TUNSETFILTEREBPF, &none);
}

void jv_bql_close(struct jv_bql *bql)
{
    if (bql == NULL) {
        return;
    }
    if (bql->lanes != NULL) {
        jv_ebpf_unmap(bql->lanes, LANES_BYTES);
    }
    free(bql);
}

static uint64_t queued_of(const struct lane *lane)
{
    return __atomic_load_n(&lane->queued, __ATOMIC_RELAXED);
}

void jv_bql_took(struct jv_bql *bql, uint32_t queue, uint32_t bytes)
{
    if (queue >= JV_BQL_QUEUES) {
        return;
    }
    struct lane *lane = &bql->lanes[queue];
    struct mark *mark = &bql->marks[queue];
    uint64_t taken = lane->taken + (bytes > JV_BQL_PASS_BYTES ? bytes : 0U);
    if (++mark->reads == JV_BQL_READS) {
        /* Signed, as in the program: what was queued by the mark is read by now, or was lost. */
        taken = (int64_t)(mark->queued - taken) > 0 ? mark->queued : taken;
        mark->queued = queued_of(lane);
        mark->reads = 0;
    }
    __atomic_store_n(&lane->taken, taken, __ATOMIC_RELAXED);
}

void jv_bql_emptied(struct jv_bql *bql, uint32_t queue)
{
    if (queue < JV_BQL_QUEUES) {
        __atomic_store_n(&bql->lanes[queue].taken, queued_of(&bql->lanes[queue]), __ATOMIC_RELAXED);
    }
}

uint64_t jv_bql_drops(const struct jv_bql *bql)
{
    uint64_t drops = 0;
    for (uint32_t i = 0; i < JV_BQL_QUEUES; i++) {
        drops += __atomic_load_n(&bql->lanes[i].drops, __ATOMIC_RELAXED);
    }
    return drops;
}
