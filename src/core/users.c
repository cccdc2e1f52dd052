/* SPDX-License-Identifier: Apache-2.0 */
#include "users.h"

#include <string.h>

#include "birth.h"
#include "handoff.h"
#include "session.h"

static uint64_t hash_of(const struct jv_core *core, const struct jv_key *public_key)
{
    return jv_siphash(core->hash_key, public_key->b, JV_KEY_BYTES);
}

bool jv_users_find(const struct jv_core *core, const struct jv_key *public_key, uint32_t *idx_out)
{
    uint64_t idx;
    for (uint64_t cursor = 0;
         jv_map_find(&core->user_map, hash_of(core, public_key), &cursor, &idx);) {
        if (memcmp(core->users[idx].user.public_key.b, public_key->b, JV_KEY_BYTES) == 0) {
            *idx_out = (uint32_t)idx;
            return true;
        }
    }
    return false;
}

/* Whom an inner address belongs to, as the pool keeps it. */
static uint64_t owner_of(const struct jv_core *core, const struct jv_user *user)
{
    return hash_of(core, &user->public_key) | 1;
}

/* A fixed address inside the pool is nobody else's, whether its user is there or not. */
static enum jv_err reserve_addresses(struct jv_core *core, const struct jv_user *user)
{
    const struct jv_ip *ips[] = {&user->address4, &user->address6};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(ips); i++) {
        if (ips[i]->family == JV_AF_NONE) {
            continue;
        }
        enum jv_err err = jv_addresses_reserve(&core->addresses, ips[i], owner_of(core, user));
        if (err == JV_E_EXISTS) {
            return err; /* outside the pool there is nothing to reserve, inside another identity has it */
        }
    }
    return JV_E_OK;
}

/* `from` is where the search for a free slot begins, and is left behind the slot that was found. */
static enum jv_err add(struct jv_core *core, const struct jv_user *user, uint32_t *from)
{
    uint32_t idx;
    if (jv_users_find(core, &user->public_key, &idx)) {
        return JV_E_EXISTS;
    }
    for (idx = *from; idx < core->cfg.users_max && core->users[idx].used; idx++) {
    }
    if (idx == core->cfg.users_max) {
        return JV_E_FULL;
    }
    enum jv_err err = reserve_addresses(core, user);
    if (err == JV_E_OK) {
        err = jv_map_add(&core->user_map, hash_of(core, &user->public_key), idx);
    }
    if (err == JV_E_OK) {
        core->users[idx] = (struct jv_user_state){.user = *user, .used = true, .listed = true};
        *from = idx + 1;
        jv_handoff_add_user(core, user);
    }
    return err;
}

enum jv_err jv_users_load(struct jv_core *core, const struct jv_user *users, uint32_t len)
{
    enum jv_err err = JV_E_OK;
    uint32_t from = 0;
    for (uint32_t i = 0; i < len && err == JV_E_OK; i++) {
        err = add(core, &users[i], &from);
    }
    return err;
}

/* Mark those that stay; returns how many users there will be. */
static uint64_t mark_listed(struct jv_core *core, const struct jv_user *users, uint32_t len)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < core->cfg.users_max; i++) {
        core->users[i].listed = false;
    }
    for (uint32_t i = 0; i < len; i++) {
        uint32_t idx;
        if (!jv_users_find(core, &users[i].public_key, &idx)) {
            total++;
        } else if (!core->users[idx].listed) {
            core->users[idx].listed = true;
            total++;
        }
    }
    return total;
}

static bool is_leaving(const struct jv_core *core, uint64_t owner)
{
    for (uint32_t i = 0; i < core->cfg.users_max; i++) {
        const struct jv_user_state *state = &core->users[i];
        if (state->used && !state->listed && owner_of(core, &state->user) == owner) {
            return true;
        }
    }
    return false;
}

/* A fixed address of somebody who comes may be free, or that of somebody who goes. */
static bool can_have_addresses(const struct jv_core *core, const struct jv_user *user)
{
    const struct jv_ip *ips[] = {&user->address4, &user->address6};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(ips); i++) {
        uint64_t owner;
        if (ips[i]->family != JV_AF_NONE &&
            jv_addresses_is_taken(&core->addresses, ips[i], &owner) &&
            owner != owner_of(core, user) && !is_leaving(core, owner)) {
            return false;
        }
    }
    return true;
}

/* Everything that can fail is tried before anything is changed. */
enum jv_err jv_users_check(struct jv_core *core, const struct jv_user *users, uint32_t len)
{
    if (mark_listed(core, users, len) > core->cfg.users_max) {
        return JV_E_FULL;
    }
    for (uint32_t i = 0; i < len; i++) {
        uint32_t idx;
        if (!jv_users_find(core, &users[i].public_key, &idx) &&
            !can_have_addresses(core, &users[i])) {
            return JV_E_EXISTS;
        }
    }
    return JV_E_OK;
}

static void drop(struct jv_core *core, uint32_t idx, struct jv_out *out)
{
    struct jv_user_state *state = &core->users[idx];
    struct jv_session *s = jv_slab_get(&core->sessions, state->session);
    if (s != NULL && s->state != JV_ST_TERMINATED) {
        jv_session_end(core, s, JV_EV_OPERATOR_ENDED, JV_WHY_OPERATOR_TERMINATED, JV_RULE_NONE,
                       out);
        jv_core_settle(core, out);
    }
    for (uint32_t i = 0; i < core->half_open.high; i++) {
        struct jv_half_open *half_open = jv_slab_at(&core->half_open, i, NULL);
        if (half_open != NULL && half_open->user == idx) {
            jv_birth_half_open_expire(core,
                                      half_open); /* or it would become the slot's next user */
        }
    }
    jv_addresses_release(&core->addresses, &state->user.address4, owner_of(core, &state->user),
                         core->now);
    jv_addresses_release(&core->addresses, &state->user.address6, owner_of(core, &state->user),
                         core->now);
    jv_handoff_remove_user(core, &state->user);
    (void)jv_map_remove(&core->user_map, hash_of(core, &state->user.public_key), idx);
    jv_wipe(state, sizeof *state);
}

enum jv_err jv_users_replace(struct jv_core *core, const struct jv_user *users, uint32_t len,
                             struct jv_out *out)
{
    enum jv_err err = jv_users_check(core, users, len);
    if (err != JV_E_OK) {
        return err;
    }
    for (uint32_t i = 0; i < core->cfg.users_max; i++) {
        if (core->users[i].used && !core->users[i].listed) {
            if (!jv_has_room(out)) {
                return JV_E_AGAIN;
            }
            drop(core, i, out);
        }
    }
    uint32_t from = 0;
    for (uint32_t i = 0; i < len && err == JV_E_OK; i++) {
        uint32_t idx;
        if (!jv_users_find(core, &users[i].public_key, &idx)) {
            err = add(core, &users[i], &from);
            continue;
        }
        /* Addresses and networks stay as they were; the pre-shared key counts from the next birth. */
        struct jv_user *user = &core->users[idx].user;
        user->psk = users[i].psk;
        user->psk_previous = users[i].psk_previous;
        memcpy(user->name, users[i].name, sizeof user->name);
    }
    return err;
}
