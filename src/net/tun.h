/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_TUN_H
#define JV_NET_TUN_H
/*
 * tun -- the TUN device: bare IP packets in and out.
 *
 * The device follows the user's intent, not this process: made persistent, it outlives restarts and crashes, and the next
 * start adopts it with its addresses and routes.
 *
 * Owns     the descriptor.
 * Takes    slots whose `buf` has JV_BUF_BYTES; a packet is written at JV_BUF_HEADROOM.
 * Limits   packets of JV_BUF_ROOM bytes; longer ones are counted and dropped (keep the device's MTU below).
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "batch.h"
#include "errors.h"
#include "instant.h"

struct jv_tun;

struct jv_tun_counts {
    uint64_t read, read_bytes, read_too_long, read_errors;
    uint64_t written, written_bytes, dropped_full, dropped_invalid, dropped_down;
};

/*
 * Attach to the device `name`, creating it where it is missing. `adopted_out` (may be NULL): it existed. errno tells.
 * JV_E_PERM: no CAP_NET_ADMIN. JV_E_EXISTS: another process holds it, or it is no TUN. JV_E_RANGE: name too long or empty.
 */
JV_MUST_USE enum jv_err jv_tun_open(const char *name, struct jv_tun **out, bool *adopted_out);
/* A persistent device stays, with its addresses and routes; another one vanishes. NULL is ignored. */
void jv_tun_close(struct jv_tun *tun);
/* JV_E_SYSTEM: errno tells. */
JV_MUST_USE enum jv_err jv_tun_set_persist(struct jv_tun *tun, bool persist);

int jv_tun_fd(const struct jv_tun *tun);
uint32_t jv_tun_ifindex(const struct jv_tun *tun);
const char *jv_tun_name(const struct jv_tun *tun);
const struct jv_tun_counts *jv_tun_counts(const struct jv_tun *tun);

/* Fill slots[0..returned) (off, len, received; remote and local are zeroed). 0: nothing waits. Returned == n: more may wait. */
uint32_t jv_tun_read(struct jv_tun *tun, struct jv_instant now, struct jv_slot *slots, uint32_t n);
/* Write slots[0..n); returns how many went. What the device refused (down, full, malformed) is dropped and counted. */
uint32_t jv_tun_write(struct jv_tun *tun, const struct jv_slot *slots, uint32_t n);
#endif /* JV_NET_TUN_H */
