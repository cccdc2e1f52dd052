/* SPDX-License-Identifier: Apache-2.0 */
#include "users.h"

#include <string.h>

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

/* A fixed address inside the pool is nobody else's, whether its user is there or not. */
static enum jv_err reserve_addresses(struct jv_core *core, const struct jv_user *user)
{
    const struct jv_ip *ips[] = {&user->address4, &user->address6};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(ips); i++) {
        if (ips[i]->family == JV_AF_NONE) {
            continue;
        }
        enum jv_err err =
            jv_addresses_reserve(&core->addresses, ips[i], hash_of(core, &user->public_key) | 1);
        if (err == JV_E_EXISTS) {
            return err; /* outside the pool there is nothing to reserve, inside another identity has it */
        }
    }
    return JV_E_OK;
}

static enum jv_err add(struct jv_core *core, const struct jv_user *user)
{
    uint32_t idx;
    if (jv_users_find(core, &user->public_key, &idx)) {
        return JV_E_EXISTS;
    }
    for (idx = 0; idx < core->cfg.users_max && core->users[idx].used; idx++) {
    }
    if (idx == core->cfg.users_max) {
        return JV_E_FULL;
    }
    enum jv_err err = reserve_addresses(core, user);
    if (err == JV_E_OK) {
        err = jv_map_add(&core->user_map, hash_of(core, &user->public_key), idx);
    }
    if (err == JV_E_OK) {
        core->users[idx] = (struct jv_user_state){.user = *user, .used = true};
    }
    return err;
}

enum jv_err jv_users_load(struct jv_core *core, const struct jv_user *users, uint32_t len)
{
    enum jv_err err = JV_E_OK;
    for (uint32_t i = 0; i < len && err == JV_E_OK; i++) {
        err = add(core, &users[i]);
    }
    return err;
}

static const struct jv_user *find_in(const struct jv_user *users, uint32_t len,
                                     const struct jv_key *key)
{
    for (uint32_t i = 0; i < len; i++) {
        if (memcmp(users[i].public_key.b, key->b, JV_KEY_BYTES) == 0) {
            return &users[i];
        }
    }
    return NULL;
}

enum jv_err jv_users_replace(struct jv_core *core, const struct jv_user *users, uint32_t len,
                             struct jv_out *out)
{
    for (uint32_t i = 0; i < core->cfg.users_max; i++) {
        struct jv_user_state *state = &core->users[i];
        if (!state->used) {
            continue;
        }
        const struct jv_user *now = find_in(users, len, &state->user.public_key);
        if (now != NULL) {
            /* Networks of a running session stay as they were at its birth; the pre-shared key counts from the next one. */
            state->user.psk = now->psk;
            state->user.psk_previous = now->psk_previous;
            memcpy(state->user.name, now->name, sizeof state->user.name);
            continue;
        }
        if (!jv_has_room(out)) {
            return JV_E_AGAIN;
        }
        struct jv_session *s = jv_slab_get(&core->sessions, state->session);
        if (s != NULL && s->state != JV_ST_TERMINATED) {
            jv_session_end(core, s, JV_EV_OPERATOR_ENDED, JV_WHY_OPERATOR_TERMINATED, JV_RULE_NONE,
                           out);
            jv_core_settle(core, out);
        }
        (void)jv_map_remove(&core->user_map, hash_of(core, &state->user.public_key), i);
        jv_wipe(state, sizeof *state);
    }
    for (uint32_t i = 0; i < len; i++) {
        uint32_t idx;
        if (!jv_users_find(core, &users[i].public_key, &idx)) {
            enum jv_err err = add(core, &users[i]);
            if (err != JV_E_OK) {
                return err;
            }
        }
    }
    return JV_E_OK;
}
