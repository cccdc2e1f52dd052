/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_SETUP_H
#define JV_DAEMON_SETUP_H
/*
 * setup -- from the operator's configuration to what the core takes: values copied, names cut, defaults chosen.
 *
 * Owns     nothing; jv_setup_users() gives memory that the caller frees with jv_setup_users_free().
 * Threads  any.
 */
#include <stdint.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"

/* Users that a reload may add without a restart: at least this many, else as many again as there are. */
#define JV_SETUP_USERS_MIN 64U
/*
 * Packet buffers of 2 KiB; memory for them is reserved, and taken when they are first used. A client's half holds what
 * a stream of 50 Mbit/s leaves behind in the 1.8 s that it takes to leave a slow path that died. A gateway's sessions share theirs: four each are a TCP flight of those that move at the moment; beyond half a
 * gigabyte more would only keep packets that are too late.
 */
#define JV_SETUP_BUFFERS_CLIENT 16384U
#define JV_SETUP_BUFFERS_SESSION 4U
#define JV_SETUP_BUFFERS_GATEWAY_MIN 16384U
#define JV_SETUP_BUFFERS_GATEWAY_MAX 262144U
/*
 * Shards of a gateway that is left to itself: below four processors the applications and the kernel's part need the others; beyond eight
 * threads a common link is full.
 */
#define JV_SETUP_SHARDS_CPUS_MIN 4U
#define JV_SETUP_SHARDS_MAX 8U

/* The gateway's users for the core; NULL with *len_out 0 where there are none. JV_E_NOMEM; JV_E_RANGE: `detail` names the user. */
JV_MUST_USE enum jv_err jv_setup_users(const struct jv_config *config, struct jv_user **out,
                                       uint32_t *len_out, char detail[JV_CONF_USER_BYTES]);
/* Wipes the keys. */
void jv_setup_users_free(struct jv_user *users, uint32_t len);
/* Everything but first_seq, jitter_seed, offer_aes, offer_partial_csum. `users` stay the caller's. */
void jv_setup_core(const struct jv_config *config, const struct jv_user *users, uint32_t users_len,
                   struct jv_core_cfg *out);
/* How many shards a gateway has where its profile leaves it open: one below four processors, else half of them, or fewer where users would not fit. */
uint32_t jv_setup_shards(const struct jv_core_cfg *cfg, uint32_t cpus);
/* The gateway's own address in `pool`, with the pool's length; family NONE where the pool is. */
struct jv_prefix jv_setup_gateway_address(const struct jv_prefix *pool);
#endif /* JV_DAEMON_SETUP_H */
