/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "birth.h"
#include "client_state.h"
#include "core.h"
#include "jump.h"
#include "path.h"
#include "session.h"
#include "snapshot.h"
#include "state.h"
#include "steer.h"
#include "users.h"
#include "wake.h"

static enum jv_err up(struct jv_core *core)
{
    struct jv_attempt *attempt = &core->client->attempt;
    const struct jv_session *s = jv_core_session_at(core, 0);
    bool is_new = s == NULL || s->state == JV_ST_TERMINATED;
    if (is_new && core->denies_births) {
        return JV_E_REFUSED;
    }
    if (is_new) {
        attempt->wanted = true;
        attempt->failures = 0;
        attempt->begin_at = attempt->retry_at = core->now;
    }
    return JV_E_OK;
}

static enum jv_err down_all(struct jv_core *core, struct jv_out *out)
{
    /* A gateway with many sessions ends as many as fit into one call; the caller drains and calls again. */
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        struct jv_session *s = jv_core_session_at(core, i);
        if (s == NULL || s->state == JV_ST_TERMINATED) {
            continue;
        }
        if (!jv_has_room(out)) {
            return JV_E_AGAIN;
        }
        jv_session_end(core, s, JV_EV_OPERATOR_ENDED, JV_WHY_OPERATOR_TERMINATED, JV_RULE_NONE,
                       out);
        jv_core_touch(core, s);
        jv_core_settle(core, out);
    }
    if (jv_core_is_client(core)) {
        core->client->attempt.wanted = false;
    }
    return JV_E_OK;
}

static enum jv_err down(struct jv_core *core, const struct jv_command *command, struct jv_out *out)
{
    if (jv_is_zero(command->sid.b, JV_SID_BYTES)) {
        return down_all(core, out);
    }
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        struct jv_session *s = jv_core_session_at(core, i);
        if (s != NULL && s->state != JV_ST_TERMINATED &&
            memcmp(&s->sid, &command->sid, sizeof s->sid) == 0) {
            jv_session_end(core, s, JV_EV_OPERATOR_ENDED, JV_WHY_OPERATOR_TERMINATED, JV_RULE_NONE,
                           out);
            return JV_E_OK;
        }
    }
    return JV_E_NOTFOUND;
}

/* All shards are given the same policy: the first one tells of it. */
static bool is_telling(const struct jv_core *core)
{
    return core->cfg.shard == 0;
}

static void deny_births(struct jv_core *core, struct jv_out *out)
{
    if (is_telling(core)) {
        struct jv_record *rec =
            jv_session_record(core, NULL, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID, out);
        rec->policy = jv_policy_id(&core->cfg.policy); /* what stays in force */
    }
    core->denies_births = true;
}

static bool is_in_force(const struct jv_core *core, const struct jv_command *command)
{
    const struct jv_policy_clamp *a = &core->cfg.clamp;
    const struct jv_policy_clamp *b = &command->clamp;
    return memcmp(&core->cfg.policy, &command->policy, sizeof command->policy) == 0 &&
           a->has_bounds == b->has_bounds &&
           memcmp(&a->bounds, &b->bounds, sizeof a->bounds) == 0 &&
           a->max_lifetime_ms == b->max_lifetime_ms &&
           a->transport_lost_ttl_ms == b->transport_lost_ttl_ms &&
           a->heartbeat_min_ms == b->heartbeat_min_ms &&
           a->max_switches_per_min == b->max_switches_per_min;
}

static enum jv_err set_policy(struct jv_core *core, const struct jv_command *command,
                              struct jv_out *out)
{
    enum jv_policy_field field;
    if (jv_policy_check(&command->policy, &field) != NULL) {
        deny_births(core, out);
        return JV_E_RANGE;
    }
    if (core->denies_births && jv_core_is_client(core) && core->client->attempt.wanted &&
        jv_is_never(core->client->attempt.begin_at)) {
        core->client->attempt.begin_at = core->now;
    }
    core->denies_births = false;
    if (is_in_force(core, command)) {
        return JV_E_OK;
    }
    if (is_telling(core)) {
        struct jv_record *rec =
            jv_session_record(core, NULL, JV_REC_PolicyChanged, JV_WHY_POLICY_TRIGGER, out);
        rec->policy = jv_policy_id(&command->policy);
        jv_record_put(rec, JV_FD_policy_was, jv_policy_id(&core->cfg.policy));
    }
    core->cfg.policy = command->policy;
    core->cfg.clamp = command->clamp;
    if (!jv_core_is_client(core)) {
        jv_snapshot_sweep_begin(core, command->is_grace);
        return JV_E_OK;
    }
    struct jv_session *s = jv_core_session_at(core, 0);
    if (s != NULL && s->state != JV_ST_BIRTH && s->state != JV_ST_TERMINATED) {
        jv_snapshot_want(core, s, command->is_grace);
    }
    return JV_E_OK;
}

static enum jv_err client_command(struct jv_core *core, const struct jv_command *command,
                                  struct jv_out *out)
{
    struct jv_session *s = jv_core_session_at(core, 0);
    switch (command->kind) {
    case JV_CMD_LINK_ADDED:
        jv_path_add_link(core, command, out);
        return JV_E_OK;
    case JV_CMD_LINK_GONE:
        jv_path_remove_link(core, command->link, out);
        return JV_E_OK;
    case JV_CMD_LINK_DOUBTED:
        jv_path_doubt(core, command);
        return JV_E_OK;
    case JV_CMD_LINK_MTU:
        jv_path_link_mtu(core, command->link, command->mtu);
        return JV_E_OK;
    case JV_CMD_ENDPOINTS:
        jv_path_endpoints(core, command, out);
        return JV_E_OK;
    case JV_CMD_UP:
        return up(core);
    case JV_CMD_SWITCH:
        return s == NULL ? JV_E_STATE : jv_jump_order(core, s, command->link, out);
    case JV_CMD_WOKE:
        jv_wake(core, command->slept_ms, out);
        return JV_E_OK;
    case JV_CMD_HOLD:
        return jv_steer_hold(core, command->hold_ms, out);
    case JV_CMD_PROBE:
        return jv_steer_probe(core, command->link);
    case JV_CMD_PATH_OFF:
    case JV_CMD_PATH_ON:
    case JV_CMD_PATH_PREFER:
        return jv_steer_order(core, command, out);
    case JV_CMD_PSK:
        core->cfg.psk = command->psk;
        core->cfg.psk_previous = command->psk_previous;
        return JV_E_OK;
    case JV_CMD_DOWN:
        return down(core, command, out);
    case JV_CMD_POLICY:
        return set_policy(core, command, out);
    case JV_CMD_POLICY_INVALID:
        deny_births(core, out);
        return JV_E_OK;
    case JV_CMD_USERS:
        return JV_E_STATE;
    }
    return JV_E_RANGE;
}

static enum jv_err gateway_command(struct jv_core *core, const struct jv_command *command,
                                   struct jv_out *out)
{
    switch (command->kind) {
    case JV_CMD_LINK_ADDED:
    case JV_CMD_LINK_GONE:
    case JV_CMD_LINK_DOUBTED:
    case JV_CMD_LINK_MTU:
    case JV_CMD_WOKE:
        return JV_E_OK; /* a gateway answers where it was asked, and each session's own deadlines notice a standstill */
    case JV_CMD_DOWN:
        return down(core, command, out);
    case JV_CMD_POLICY:
        return set_policy(core, command, out);
    case JV_CMD_POLICY_INVALID:
        deny_births(core, out);
        return JV_E_OK;
    case JV_CMD_USERS:
        return command->is_trial ? jv_users_check(core, command->users, command->users_len)
                                 : jv_users_replace(core, command->users, command->users_len, out);
    case JV_CMD_ENDPOINTS:
    case JV_CMD_UP:
    case JV_CMD_SWITCH:
    case JV_CMD_HOLD:
    case JV_CMD_PROBE:
    case JV_CMD_PATH_OFF:
    case JV_CMD_PATH_ON:
    case JV_CMD_PATH_PREFER:
    case JV_CMD_PSK:
        return JV_E_STATE;
    }
    return JV_E_RANGE;
}

enum jv_err jv_core_command(struct jv_core *core, struct jv_instant now,
                            const struct jv_command *command, struct jv_out *out)
{
    core->now = now;
    if (!jv_has_room(out)) {
        return JV_E_AGAIN;
    }
    enum jv_err err = jv_core_is_client(core) ? client_command(core, command, out)
                                              : gateway_command(core, command, out);
    jv_core_settle(core, out);
    return err;
}
