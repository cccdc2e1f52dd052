/* SPDX-License-Identifier: Apache-2.0 */
#include "lanes.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bql.h"
#include "ebpf.h"
#include "sys.h"

/* The bits of a moment in ns that a window, and the hold, are long. */
#define WINDOW_SHIFT 24
#define HOLD_NS (1 << 28)

#define FLOWS_SHIFT 14
struct flow {
    uint64_t bulk_until; /* ns of bpf_ktime_get_ns() */
    uint32_t window;     /* number of the running one */
    uint32_t bytes;      /* within it */
};
#define FLOW_SHIFT 4

struct jv_lanes {
    int program_fd;
};

/* Registers that calls leave alone. */
enum { CONTEXT = BPF_REG_6, HASH = BPF_REG_7, FLOW = BPF_REG_8 };

/* Where the first bytes of the packet are copied, below the frame. */
#define HEAD_BYTES 44
#define HEAD(off) ((int16_t)((off)-48))

/* Bytes [0, len) of the packet into the frame; jumps where it has fewer. */
static uint32_t fetch(struct jv_ebpf *p, int32_t len)
{
    jv_ebpf_reg(p, BPF_ALU64 | BPF_MOV, BPF_REG_1, CONTEXT);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, BPF_REG_2, 0);
    jv_ebpf_reg(p, BPF_ALU64 | BPF_MOV, BPF_REG_3, BPF_REG_10);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_ADD, BPF_REG_3, HEAD(0));
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, BPF_REG_4, len);
    jv_ebpf_call(p, BPF_FUNC_skb_load_bytes);
    return jv_ebpf_if_imm(p, BPF_JNE, BPF_REG_0, 0);
}

/*
 * hash = (hash ^ value) * odd, its upper half folded into the lower one, in 32 bits: a product carries to the left alone, and the last
 * octet of an address is the upper one of a little-endian word. Leaves register 5 changed.
 */
static void mix(struct jv_ebpf *p, uint8_t value)
{
    jv_ebpf_reg(p, BPF_ALU | BPF_XOR, HASH, value);
    jv_ebpf_imm(p, BPF_ALU | BPF_MUL, HASH, (int32_t)2654435761U);
    jv_ebpf_reg(p, BPF_ALU | BPF_MOV, BPF_REG_5, HASH);
    jv_ebpf_imm(p, BPF_ALU | BPF_RSH, BPF_REG_5, 15);
    jv_ebpf_reg(p, BPF_ALU | BPF_XOR, HASH, BPF_REG_5);
}

static void mix_words(struct jv_ebpf *p, int16_t from, int16_t to)
{
    for (int16_t at = from; at < to; at = (int16_t)(at + 4)) {
        jv_ebpf_load(p, BPF_W, BPF_REG_1, BPF_REG_10, HEAD(at));
        mix(p, BPF_REG_1);
    }
}

/* The protocol, and the ports of TCP and UDP. */
static void mix_upper(struct jv_ebpf *p, int16_t protocol_at, int16_t ports_at)
{
    jv_ebpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEAD(protocol_at));
    jv_ebpf_reg(p, BPF_ALU64 | BPF_MOV, BPF_REG_2, BPF_REG_1);
    mix(p, BPF_REG_1);
    uint32_t is_tcp = jv_ebpf_if_imm(p, BPF_JEQ, BPF_REG_2, IPPROTO_TCP);
    uint32_t is_other = jv_ebpf_if_imm(p, BPF_JNE, BPF_REG_2, IPPROTO_UDP);
    jv_ebpf_here(p, is_tcp);
    mix_words(p, ports_at, (int16_t)(ports_at + 4));
    jv_ebpf_here(p, is_other);
}

/* Returns the jump that a packet without upper layer takes. */
static uint32_t hash_v6(struct jv_ebpf *p)
{
    uint32_t is_short = fetch(p, 44);
    mix_words(p, 8, 40);
    mix_upper(p, 6, 40);
    return is_short;
}

static void hash_v4(struct jv_ebpf *p)
{
    mix_words(p, 12, 20);
    jv_ebpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEAD(0));
    uint32_t has_options = jv_ebpf_if_imm(p, BPF_JNE, BPF_REG_1, 0x45);
    /* A fragment: the first has ports, the others have not. */
    jv_ebpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEAD(6));
    jv_ebpf_load(p, BPF_B, BPF_REG_2, BPF_REG_10, HEAD(7));
    jv_ebpf_imm(p, BPF_ALU64 | BPF_AND, BPF_REG_1, 0x3f);
    jv_ebpf_reg(p, BPF_ALU64 | BPF_OR, BPF_REG_1, BPF_REG_2);
    uint32_t is_fragment = jv_ebpf_if_imm(p, BPF_JNE, BPF_REG_1, 0);
    mix_upper(p, 9, 20);
    jv_ebpf_here(p, has_options);
    jv_ebpf_here(p, is_fragment);
}

/* FLOW = the place of HASH in the table */
static void find_flow(struct jv_ebpf *p, int map_fd)
{
    jv_ebpf_imm(p, BPF_ALU | BPF_RSH, HASH, 32 - FLOWS_SHIFT);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_LSH, HASH, FLOW_SHIFT);
    jv_ebpf_value(p, FLOW, map_fd);
    jv_ebpf_reg(p, BPF_ALU64 | BPF_ADD, FLOW, HASH);
}

/* Counts the packet, and returns its lane. Two processors may count one flow at once: then a packet is not counted, or twice. */
static void judge(struct jv_ebpf *p)
{
    enum { NOW = BPF_REG_0, A = BPF_REG_1, WINDOW, LEN, BYTES };
    jv_ebpf_call(p, BPF_FUNC_ktime_get_ns);
    jv_ebpf_load(p, BPF_W, LEN, CONTEXT, offsetof(struct __sk_buff, len));
    uint32_t is_uncut = jv_ebpf_if_imm(p, BPF_JGT, LEN, JV_BQL_PASS_BYTES);
    jv_ebpf_reg(p, BPF_ALU64 | BPF_MOV, WINDOW, NOW);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_RSH, WINDOW, WINDOW_SHIFT);
    jv_ebpf_imm(p, BPF_ALU | BPF_MOV, BYTES, 0);
    jv_ebpf_load(p, BPF_W, A, FLOW, offsetof(struct flow, window));
    jv_ebpf_reg(p, BPF_ALU | BPF_XOR, A, WINDOW);
    uint32_t is_new = jv_ebpf_if_imm(p, BPF_JNE, A, 0);
    jv_ebpf_load(p, BPF_W, BYTES, FLOW, offsetof(struct flow, bytes));
    jv_ebpf_here(p, is_new);
    jv_ebpf_store(p, BPF_W, FLOW, offsetof(struct flow, window), WINDOW);
    jv_ebpf_reg(p, BPF_ALU | BPF_ADD, BYTES, LEN);
    jv_ebpf_store(p, BPF_W, FLOW, offsetof(struct flow, bytes), BYTES);
    uint32_t is_much = jv_ebpf_if_imm(p, BPF_JGT, BYTES, JV_LANES_SPARSE_BYTES);
    jv_ebpf_load(p, BPF_DW, A, FLOW, offsetof(struct flow, bulk_until));
    uint32_t is_held = jv_ebpf_if_reg(p, BPF_JGT, A, NOW);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, BPF_REG_0, JV_LANE_SPARSE);
    jv_ebpf_exit(p);
    jv_ebpf_here(p, is_uncut);
    jv_ebpf_here(p, is_much);
    jv_ebpf_reg(p, BPF_ALU64 | BPF_MOV, A, NOW);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_ADD, A, HOLD_NS);
    jv_ebpf_store(p, BPF_DW, FLOW, offsetof(struct flow, bulk_until), A);
    jv_ebpf_here(p, is_held);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, BPF_REG_0, JV_LANE_BULK);
    jv_ebpf_exit(p);
}

/* A seed that nobody outside knows: who could compute places would put the flows of others into the bulk lane. */
static void write_program(struct jv_ebpf *p, int map_fd, int32_t seed)
{
    jv_ebpf_reg(p, BPF_ALU64 | BPF_MOV, CONTEXT, BPF_REG_1);
    jv_ebpf_imm(p, BPF_ALU | BPF_MOV, HASH, seed);
    uint32_t is_short = fetch(p, 24); /* every ICMP echo, TCP and UDP packet has them */
    jv_ebpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEAD(0));
    jv_ebpf_imm(p, BPF_ALU64 | BPF_RSH, BPF_REG_1, 4);
    uint32_t is_v6 = jv_ebpf_if_imm(p, BPF_JEQ, BPF_REG_1, 6);
    hash_v4(p);
    uint32_t is_done = jv_ebpf_if_imm(p, BPF_JA, 0, 0);
    jv_ebpf_here(p, is_v6);
    uint32_t is_short6 = hash_v6(p);
    jv_ebpf_here(p, is_done);
    find_flow(p, map_fd);
    judge(p);
    /* Not counted: without CAP_PERFMON the verifier takes no place in the table that is known beforehand. */
    jv_ebpf_here(p, is_short);
    jv_ebpf_here(p, is_short6);
    jv_ebpf_imm(p, BPF_ALU64 | BPF_MOV, BPF_REG_0, JV_LANE_SPARSE);
    jv_ebpf_exit(p);
}

enum jv_err jv_lanes_open(struct jv_lanes **out)
{
    int map_fd = -1;
    struct jv_ebpf program = {0};
    struct jv_lanes *lanes = calloc(1, sizeof(*lanes));
    if (lanes == NULL) {
        return JV_E_NOMEM;
    }
    lanes->program_fd = -1;
    enum jv_err err =
        jv_ebpf_map("jv_flows", (uint32_t)sizeof(struct flow) << FLOWS_SHIFT, &map_fd, NULL);
    if (err == JV_E_OK) {
        int32_t seed;
        jv_sys_random(&seed, sizeof(seed));
        write_program(&program, map_fd, seed);
        err = jv_ebpf_socket_filter(&program, "jv_lanes", &lanes->program_fd);
        int saved = errno;
        (void)close(map_fd); /* the program holds it */
        errno = saved;
    }
    if (err != JV_E_OK) {
        free(lanes);
        return err;
    }
    *out = lanes;
    return JV_E_OK;
}

enum jv_err jv_lanes_attach(struct jv_lanes *lanes, int tun_fd)
{
    return ioctl(tun_fd, TUNSETSTEERINGEBPF, &lanes->program_fd) == 0 ? JV_E_OK : JV_E_SYSTEM;
}

void jv_lanes_close(struct jv_lanes *lanes)
{
    if (lanes != NULL) {
        (void)close(lanes->program_fd);
        free(lanes);
    }
}

void jv_lanes_clear(int tun_fd)
{
    int none = -1;
    /* Fails where the kernel knows no such programs, and then there is none. */
    (void)ioctl(tun_fd, TUNSETSTEERINGEBPF, &none);
}
