/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_GATHER_H
#define JV_DAEMON_GATHER_H
/*
 * gather -- records and orders of all shards on their way to the loop that serves them, records in one order.
 *
 * The number of a record (`seq`) is drawn by the core that makes it, and later records name it as their cause. Shards draw from one
 * counter, so what they put comes in any order; it goes out by number. A number whose record has not come yet holds the later ones
 * back, for JV_GATHER_WAIT_MS at most; then it is given up, and the audit tells of the gap. Moments (`at`) go out so that none is before the last.
 *
 * Owns     the records and orders that wait, an eventfd that wakes their taker.
 * Limits   JV_GATHER_RECORDS, JV_GATHER_ORDERS(). A record without room is lost and counted; an order is not taken, and stays with its
 *          shard, which is to put it again once there is room (jv_gather_has_refused()).
 * Threads  jv_gather_seq(), jv_gather_put(), jv_gather_order() and jv_gather_wake(): any. Everything else: the one that takes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "core.h"
#include "errors.h"
#include "instant.h"
#include "record.h"

#define JV_GATHER_RECORDS 4096U /* a power of two; the audit's own queue is behind it */
/* What all shards can have put together at the same time, and more for those that are at it while orders are carried out. */
#define JV_GATHER_ORDERS(shards) (((shards) + 4U) * JV_OUT_ORDERS_MIN)
#define JV_GATHER_WAIT_MS 1000U /* between drawing and putting lies one call of a core */

struct jv_gather;

/* `first_seq` is the first number to be drawn; > 0. For the orders of `shards` shards, 1 or more. JV_E_NOMEM, JV_E_SYSTEM. */
JV_MUST_USE enum jv_err jv_gather_open(uint64_t first_seq, uint32_t shards, struct jv_gather **out);
/* What was not taken is lost. NULL is ignored. */
void jv_gather_close(struct jv_gather *gather);
/* Something may be taken; a descriptor for a loop. */
int jv_gather_fd(const struct jv_gather *gather);
/* The taker is to look, whatever there is. */
void jv_gather_wake(const struct jv_gather *gather);

/* The next number; `gather` is one, and the form is that of jv_core_cfg. */
uint64_t jv_gather_seq(void *gather);
void jv_gather_put(struct jv_gather *gather, const struct jv_record *records, uint32_t n);
/* Returns how many were taken, the first ones. */
uint32_t jv_gather_order(struct jv_gather *gather, const struct jv_order *orders, uint32_t n);

/* Up to `cap` records whose turn it is. 0: none for the moment. */
uint32_t jv_gather_take(struct jv_gather *gather, struct jv_instant now, struct jv_record *out,
                        uint32_t cap);
/* Up to `cap` orders, those of one shard as it gave them. */
uint32_t jv_gather_take_orders(struct jv_gather *gather, struct jv_order *out, uint32_t cap);
/* An order was not taken since the last call that said so, and there is room now. */
bool jv_gather_has_refused(struct jv_gather *gather);
/* Nobody puts anything from here on: no number is waited for. */
void jv_gather_finish(struct jv_gather *gather);
/* Records that found no room, or came after they were given up. */
uint64_t jv_gather_lost(struct jv_gather *gather);
#endif /* JV_DAEMON_GATHER_H */
