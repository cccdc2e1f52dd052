/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_FIREWALL_H
#define JV_NET_FIREWALL_H
/*
 * firewall -- the kill switch of one profile: a table of nftables that keeps what belongs into the tunnel from every other device.
 *
 * The table inet jv_NAME lives in the kernel and needs nobody: it stays through the end of whoever installed it, and goes when
 * jv_firewall_remove() says so. It is replaced as a whole or not at all.
 *
 * Passes, on any device: packets of sockets with the mark, and to them; DHCP, neighbour and multicast listener discovery of this
 * host; networks of `lan`. Loopback and tunnel devices (`tun`, and any of JV_FIREWALL_GROUP: another profile's) are not judged.
 * Dropped, in, out and forwarded: the rest of a family of which `allowed` covers everything; else what `allowed` names. A family
 * that `allowed` does not name is judged as the other one, where that is covered whole.
 *
 * Limits   JV_FIREWALL_NETS_MAX networks a list.
 * Threads  any.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "endpoint.h"
#include "errors.h"

#define JV_FIREWALL_NETS_MAX 128U
#define JV_FIREWALL_TABLE "jv_" /* and the profile's name */
/* Link group of tunnel devices, by which the kill switch of one profile knows the device of another. */
#define JV_FIREWALL_GROUP 0x6a76U
#define JV_FIREWALL_BYTES                                                                          \
    65536U /* enough for the longest lists; what is written is a third of it */

struct jv_firewall_cfg {
    const char *name; /* of the profile, at most JV_NAME_BYTES */
    const char *tun;  /* its device, which need not exist yet */
    uint32_t mark;    /* of the outer sockets; not 0 */
    const struct jv_prefix *allowed;
    uint32_t allowed_len;
    const struct jv_prefix *lan; /* both families */
    uint32_t lan_len;
};

/* What is kept from leaking in one family. */
enum jv_firewall_scope { JV_FIREWALL_NOTHING, JV_FIREWALL_NAMED, JV_FIREWALL_EVERYTHING };

struct jv_span { /* first and last address, IPv4 in the first four bytes */
    uint8_t first[16], last[16];
};

/* The networks of `family` in ascending order, none touching the next; `out` has room for `len`. Pure. */
uint32_t jv_firewall_merge(const struct jv_prefix *nets, uint32_t len, enum jv_family family,
                           struct jv_span *out);
/* Pure. */
enum jv_firewall_scope jv_firewall_scope(const struct jv_firewall_cfg *cfg, enum jv_family family);
/*
 * The batch that replaces the table, whatever was there, as netlink messages; `buf` is aligned for them. Without `is_there` the
 * kernel refuses it where there is a table: what removes nothing leaves nothing for which the kernel waits (a grace period of RCU,
 * when the socket is closed). JV_E_FULL: `cap` is too small; JV_E_RANGE: a list is too long. Pure.
 */
JV_MUST_USE enum jv_err jv_firewall_write(const struct jv_firewall_cfg *cfg, bool is_there,
                                          uint8_t *buf, size_t cap, size_t *len_out);

/*
 * Install or replace. On failure nothing has changed: JV_E_PERM; JV_E_UNSUPPORTED: this kernel lacks nf_tables or a part of it;
 * JV_E_NOMEM; JV_E_RANGE; JV_E_SYSTEM. errno tells. `*port_out` is for jv_firewall_changed(); untouched where nothing was sent.
 */
JV_MUST_USE enum jv_err jv_firewall_install(const struct jv_firewall_cfg *cfg, uint32_t *port_out);
/* JV_E_NOTFOUND: there is none (nor can there be, in a kernel without nf_tables). JV_E_PERM; JV_E_SYSTEM. errno tells. */
JV_MUST_USE enum jv_err jv_firewall_remove(const char *name);

/*
 * A descriptor, readable when somebody changes rules of this host; close() ends it. -1: errno tells (JV_E_PERM is EPERM).
 */
int jv_firewall_watch(void);
/*
 * Reads all that waits there: whether the profile's table was touched by another than the last installation, whose port is
 * `own_port` (0: there was none), or so much was that the kernel lost count.
 */
bool jv_firewall_changed(int fd, const char *name, uint32_t own_port);
#endif /* JV_NET_FIREWALL_H */
