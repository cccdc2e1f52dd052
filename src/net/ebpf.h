/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_EBPF_H
#define JV_NET_EBPF_H
/*
 * ebpf -- small programs for the kernel, written instruction by instruction, and the memory that they share with this process.
 *
 * Owns     nothing: descriptors and mappings are the caller's.
 * Limits   JV_EBPF_INSNS_MAX instructions.
 * Errors   JV_E_PERM: no CAP_BPF (CAP_SYS_ADMIN before Linux 5.8), or the verifier wants a right beyond it. JV_E_SYSTEM: errno tells.
 * Sources  bpf(2); RFC 9669 (instruction set).
 * Threads  any; a program is built by one.
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

#define JV_EBPF_INSNS_MAX 256U

struct jv_ebpf {
    struct bpf_insn insns[JV_EBPF_INSNS_MAX];
    uint32_t len;
};

/* dst = *(size *)(src + off); `size` is BPF_B, BPF_H, BPF_W or BPF_DW. */
void jv_ebpf_load(struct jv_ebpf *p, uint8_t size, uint8_t dst, uint8_t src, int16_t off);
/* *(size *)(dst + off) = src */
void jv_ebpf_store(struct jv_ebpf *p, uint8_t size, uint8_t dst, int16_t off, uint8_t src);
/* *(u64 *)(dst + off) += src, atomically */
void jv_ebpf_add_to(struct jv_ebpf *p, uint8_t dst, int16_t off, uint8_t src);
/* dst = dst op src; `op` is BPF_ADD, BPF_MOV and so on, with BPF_ALU64 or BPF_ALU (32 bits). */
void jv_ebpf_reg(struct jv_ebpf *p, uint8_t op, uint8_t dst, uint8_t src);
void jv_ebpf_imm(struct jv_ebpf *p, uint8_t op, uint8_t dst, int32_t imm);
/* dst = address of the map's one value */
void jv_ebpf_value(struct jv_ebpf *p, uint8_t dst, int map_fd);
void jv_ebpf_call(struct jv_ebpf *p, int32_t function);
void jv_ebpf_exit(struct jv_ebpf *p);
/* Jumps ahead if `dst op src`, or always with BPF_JA; jv_ebpf_here() of what is returned says where to. */
uint32_t jv_ebpf_if_reg(struct jv_ebpf *p, uint8_t op, uint8_t dst, uint8_t src);
uint32_t jv_ebpf_if_imm(struct jv_ebpf *p, uint8_t op, uint8_t dst, int32_t imm);
void jv_ebpf_here(struct jv_ebpf *p, uint32_t jump);

/* A program that looks at packets (BPF_PROG_TYPE_SOCKET_FILTER). `name` has at most 15 characters. */
JV_MUST_USE enum jv_err jv_ebpf_socket_filter(const struct jv_ebpf *p, const char *name,
                                              int *fd_out);
/* A map of one value of `bytes`, all zero; where `memory_out` is not NULL it is mapped there, jv_ebpf_unmap() takes it off. */
JV_MUST_USE enum jv_err jv_ebpf_map(const char *name, uint32_t bytes, int *fd_out,
                                    void **memory_out);
void jv_ebpf_unmap(void *memory, uint32_t bytes);
#endif /* JV_NET_EBPF_H */
