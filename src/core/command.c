/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "birth.h"
#include "core.h"
#include "jump.h"
#include "path.h"
#include "session.h"
#include "state.h"
#include "steer.h"
#include "users.h"

static enum jv_err up(struct jv_core *core)
{
    struct jv_attempt *attempt = &core->client->attempt;
    const struct jv_session *s = jv_core_session_at(core, 0);
    if (s == NULL || s->state == JV_ST_TERMINATED) {
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

static enum jv_err set_policy(struct jv_core *core, const struct jv_command *command,
                              struct jv_out *out)
{
    enum jv_policy_field field;
    bool is_valid = jv_policy_check(&command->policy, &field) == NULL;
    struct jv_record *rec =
        jv_session_record(core, NULL, is_valid ? JV_REC_PolicyChanged : JV_REC_PolicyInvalid,
                          is_valid ? JV_WHY_POLICY_TRIGGER : JV_WHY_POLICY_INVALID, out);
    rec->policy = command->policy_id;
    if (!is_valid) {
        return JV_E_RANGE;
    }
    core->cfg.policy = command->policy;
    core->cfg.policy_id = command->policy_id;
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
        jv_path_doubt(core, command->link, &command->remote);
        return JV_E_OK;
    case JV_CMD_ENDPOINTS:
        core->client->endpoints_len = JV_MIN(command->endpoints_len, JV_ENDPOINT_MAX);
        memcpy(core->client->endpoints, command->endpoints, sizeof core->client->endpoints);
        jv_path_rebuild(core, out);
        return JV_E_OK;
    case JV_CMD_UP:
        return up(core);
    case JV_CMD_SWITCH:
        return s == NULL ? JV_E_STATE : jv_jump_order(core, s, command->link, out);
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
        return JV_E_OK; /* a gateway answers where it was asked; its sockets need no names here */
    case JV_CMD_DOWN:
        return down(core, command, out);
    case JV_CMD_POLICY:
        return set_policy(core, command, out);
    case JV_CMD_USERS:
        return jv_users_replace(core, command->users, command->users_len, out);
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
