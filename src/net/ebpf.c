/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void emit(struct jv_ebpf *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
                 int32_t imm)
{
    JV_ASSERT(p->len < JV_EBPF_INSNS_MAX);
    p->insns[p->len++] = (struct bpf_insn){
        .code = code, .dst_reg = dst & 0xfU, .src_reg = src & 0xfU, .off = off, .imm = imm};
}

void jv_ebpf_load(struct jv_ebpf *p, uint8_t size, uint8_t dst, uint8_t src, int16_t off)
{
    emit(p, BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

void jv_ebpf_store(struct jv_ebpf *p, uint8_t size, uint8_t dst, int16_t off, uint8_t src)
{
    emit(p, BPF_STX | BPF_MEM | size, dst, src, off, 0);
}

void jv_ebpf_add_to(struct jv_ebpf *p, uint8_t dst, int16_t off, uint8_t src)
{
    emit(p, BPF_STX | BPF_ATOMIC | BPF_DW, dst, src, off, BPF_ADD);
}

void jv_ebpf_reg(struct jv_ebpf *p, uint8_t op, uint8_t dst, uint8_t src)
{
    emit(p, op | BPF_X, dst, src, 0, 0);
}

void jv_ebpf_imm(struct jv_ebpf *p, uint8_t op, uint8_t dst, int32_t imm)
{
    emit(p, op | BPF_K, dst, 0, 0, imm);
}

void jv_ebpf_value(struct jv_ebpf *p, uint8_t dst, int map_fd)
{
    emit(p, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_VALUE, 0, map_fd);
    emit(p, 0, 0, 0, 0, 0); /* the upper half: where in the value */
}

void jv_ebpf_call(struct jv_ebpf *p, int32_t function)
{
    emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

void jv_ebpf_exit(struct jv_ebpf *p)
{
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

uint32_t jv_ebpf_if_reg(struct jv_ebpf *p, uint8_t op, uint8_t dst, uint8_t src)
{
    emit(p, BPF_JMP | BPF_X | op, dst, src, 0, 0);
    return p->len - 1;
}

uint32_t jv_ebpf_if_imm(struct jv_ebpf *p, uint8_t op, uint8_t dst, int32_t imm)
{
    emit(p, BPF_JMP | BPF_K | op, dst, 0, 0, imm);
    return p->len - 1;
}

void jv_ebpf_here(struct jv_ebpf *p, uint32_t jump)
{
    p->insns[jump].off = (int16_t)(p->len - jump - 1);
}

static enum jv_err call(int command, union bpf_attr *attr, int *fd_out)
{
    long fd = syscall(SYS_bpf, command, attr, sizeof(*attr));
    if (fd < 0) {
        return errno == EPERM || errno == EACCES ? JV_E_PERM : JV_E_SYSTEM;
    }
    *fd_out = (int)fd;
    return JV_E_OK;
}

enum jv_err jv_ebpf_socket_filter(const struct jv_ebpf *p, const char *name, int *fd_out)
{
    union bpf_attr attr;
    memset(
        &attr, 0,
        sizeof(attr)); /* an initialiser need not clear what lies behind the member that it names */
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (uintptr_t)p->insns;
    attr.insn_cnt = p->len;
    attr.license = (uintptr_t) "Apache-2.0";
    memcpy(attr.prog_name, name, strnlen(name, sizeof(attr.prog_name) - 1));
    return call(BPF_PROG_LOAD, &attr, fd_out);
}

enum jv_err jv_ebpf_map(const char *name, uint32_t bytes, int *fd_out, void **memory_out)
{
    int fd = -1;
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = sizeof(uint32_t);
    attr.value_size = bytes;
    attr.max_entries = 1;
    attr.map_flags = memory_out != NULL ? BPF_F_MMAPABLE : 0U;
    memcpy(attr.map_name, name, strnlen(name, sizeof(attr.map_name) - 1));
    enum jv_err err = call(BPF_MAP_CREATE, &attr, &fd);
    if (err != JV_E_OK || memory_out == NULL) {
        *fd_out = fd;
        return err;
    }
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return JV_E_SYSTEM;
    }
    *memory_out = memory;
    *fd_out = fd;
    return JV_E_OK;
}

void jv_ebpf_unmap(void *memory, uint32_t bytes)
{
    JV_ASSERT(munmap(memory, bytes) == 0);
}
