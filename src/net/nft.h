/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_NFT_H
#define JV_NET_NFT_H
/*
 * nft -- one nf_tables batch: tables, chains, sets and rules written as netlink messages, and their delivery.
 *
 * The kernel takes a batch whole or not at all. Writing needs no system call: what jv_nft_send() would deliver lies in `buf`.
 * One message is open at a time: jv_nft_rule() or jv_nft_elements() opens, jv_nft_close() ends it.
 *
 * Owns     nothing: the buffer is the caller's.
 * Limits   what does not fit into the buffer sets `is_full`, and jv_nft_end() fails.
 * Threads  any, each with its own batch.
 */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "errors.h"

#define JV_NFT_WAIT_MS                                                                             \
    2000U /* the kernel answers a batch at once; longer means that it is not going to */

struct jv_nft {
    uint8_t *buf; /* aligned as struct nlmsghdr */
    size_t cap, len;
    const char *table; /* of every message that follows jv_nft_table() */
    uint32_t seq;
    struct nlmsghdr *msg;  /* open; NULL: none */
    struct nlmsghdr *last; /* closed before it */
    struct nlattr *list;   /* of expressions or elements, in it */
    bool is_full;
};

void jv_nft_begin(struct jv_nft *nft, uint8_t *buf, size_t cap);
/* JV_E_FULL: the buffer was too small. */
JV_MUST_USE enum jv_err jv_nft_end(struct jv_nft *nft);

/* A table of family inet: made where it is missing, or removed with all that is in it. */
void jv_nft_table(struct jv_nft *nft, const char *name);
/* The same, and the batch is refused with JV_E_EXISTS where the table is there. */
void jv_nft_table_first(struct jv_nft *nft, const char *name);
void jv_nft_table_remove(struct jv_nft *nft, const char *name);
/* A chain of type filter at a hook (NF_INET_), policy accept. */
void jv_nft_chain(struct jv_nft *nft, const char *name, uint32_t hook, int32_t priority);
/* A set of address intervals; `bytes` is 4 or 16. */
void jv_nft_intervals(struct jv_nft *nft, const char *name, uint32_t bytes);
void jv_nft_elements(struct jv_nft *nft, const char *set);
/* An interval begins at the key, or has ended before it; in ascending order. */
void jv_nft_element(struct jv_nft *nft, const uint8_t *key, uint32_t bytes, bool is_end);

/* A rule; its expressions follow. A load puts its value into the one register that the next comparison or look-up reads. */
void jv_nft_rule(struct jv_nft *nft, const char *chain);
void jv_nft_load_meta(struct jv_nft *nft, enum nft_meta_keys key);
void jv_nft_load_payload(struct jv_nft *nft, enum nft_payload_bases base, uint32_t offset,
                         uint32_t bytes);
/* Mark of the local socket that the packet belongs to; without one the rule does not match. */
void jv_nft_load_socket_mark(struct jv_nft *nft);
void jv_nft_compare(struct jv_nft *nft, enum nft_cmp_ops op, const void *value, size_t bytes);
void jv_nft_lookup(struct jv_nft *nft, const char *set, bool is_inverted);
void jv_nft_count(struct jv_nft *nft);
/* NF_ACCEPT or NF_DROP. */
void jv_nft_verdict(struct jv_nft *nft, uint32_t verdict);
void jv_nft_close(struct jv_nft *nft);

/*
 * Deliver a whole batch and wait for the answer. JV_E_PERM; JV_E_NOTFOUND: something that is named is not there (a table to remove, or a kind of
 * expression in this kernel); JV_E_EXISTS; JV_E_UNSUPPORTED: this kernel has no nf_tables; JV_E_SYSTEM. errno tells. `*port_out`, of the
 * socket that sent it, stands in the news of what the batch changed; untouched where nothing was sent.
 */
JV_MUST_USE enum jv_err jv_nft_send(const uint8_t *buf, size_t len, uint32_t *port_out);
/*
 * Whether a table of family inet is there. Asking costs nothing, while a removal of what is not there is taken back by the kernel,
 * which waits for a grace period of RCU (milliseconds). JV_E_OK: it is; JV_E_NOTFOUND; else as jv_nft_send().
 */
JV_MUST_USE enum jv_err jv_nft_find(const char *table);
/* A socket that hears of every change of rules; -1: errno tells. Non-blocking. */
int jv_nft_watch(void);
/* Reads all that waits: whether `table` of family inet was in it, changed by another port (0: any), or something was lost. */
bool jv_nft_heard(int fd, const char *table, uint32_t own_port);
#endif /* JV_NET_NFT_H */
