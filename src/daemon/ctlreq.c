/* SPDX-License-Identifier: Apache-2.0 */
#include "ctlreq.h"

#include <jansson.h>
#include <string.h>

#define PREFER_MAX 1000U

/* Members beside id and cmd. */
enum member { SID = 1, PATH = 2, CURSOR = 4, MS = 8, PREFER = 16 };
static const struct {
    const char *member;
    enum member bit;
} members[] = {{"sid", SID}, {"path", PATH}, {"cursor", CURSOR}, {"ms", MS}, {"prefer", PREFER}};

static const struct {
    const char *name;
    uint32_t needs, takes; /* enum member; what it needs it takes as well */
    bool is_change;
} commands[JV_REQ_END] = {
    [JV_REQ_STATUS] = {"status", 0, 0, false},
    [JV_REQ_SESSIONS] = {"sessions", 0, CURSOR, false},
    [JV_REQ_PATHS] = {"paths", 0, 0, false},
    [JV_REQ_COUNTERS] = {"counters", 0, 0, false},
    [JV_REQ_POLICY] = {"policy", 0, SID, false},
    [JV_REQ_WOULD] = {"would", PATH, 0, false},
    [JV_REQ_RELOAD] = {"reload", 0, 0, true},
    [JV_REQ_DOWN] = {"down", 0, 0, true},
    [JV_REQ_UP] = {"up", 0, 0, true},
    [JV_REQ_TERMINATE] = {"terminate", SID, 0, true},
    [JV_REQ_SWITCH] = {"switch", PATH, 0, true},
    [JV_REQ_HOLD] = {"hold", MS, 0, true},
    [JV_REQ_PROBE] = {"probe", 0, PATH, true},
    [JV_REQ_RECOVER] = {"recover", 0, 0, true},
    [JV_REQ_PATH_OFF] = {"path_off", PATH, 0, true},
    [JV_REQ_PATH_ON] = {"path_on", PATH, 0, true},
    [JV_REQ_PATH_PREFER] = {"path_prefer", PATH | PREFER, 0, true},
};

bool jv_ctlreq_is_change(enum jv_ctlreq_cmd cmd)
{
    return cmd >= JV_REQ_END || commands[cmd].is_change;
}

static bool take_text(const json_t *value, char *out, size_t cap, size_t min)
{
    if (!json_is_string(value)) {
        return false;
    }
    size_t len = json_string_length(value);
    if (len < min || len >= cap || memchr(json_string_value(value), '\0', len) != NULL) {
        return false;
    }
    memcpy(out, json_string_value(value), len);
    out[len] = '\0';
    return true;
}

static bool take_number(const json_t *value, uint64_t max, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max) {
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_cmd(const json_t *value, struct jv_ctlreq *out)
{
    for (uint32_t i = 0; json_is_string(value) && i < JV_REQ_END; i++) {
        if (strcmp(json_string_value(value), commands[i].name) == 0) {
            out->cmd = (enum jv_ctlreq_cmd)i;
            return true;
        }
    }
    return false;
}

static bool take_sid(const json_t *value, struct jv_ctlreq *out)
{
    return take_text(value, out->sid, sizeof(out->sid), 4) &&
           strspn(out->sid, "0123456789abcdef") == strlen(out->sid);
}

/* NULL: well; else what is wrong. */
static const char *take_member(const char *key, const json_t *value, struct jv_ctlreq *out)
{
    uint64_t number = 0;
    if (strcmp(key, "id") == 0) {
        return take_number(value, INT64_MAX, &out->id) ? NULL : "id is no number from 0";
    }
    if (strcmp(key, "cmd") == 0) {
        return take_cmd(value, out) ? NULL : "unknown cmd";
    }
    if (strcmp(key, "sid") == 0) {
        return take_sid(value, out) ? NULL : "sid is not 4 to 32 hex digits";
    }
    if (strcmp(key, "path") == 0) {
        return take_text(value, out->path, sizeof(out->path), 1) ? NULL : "path is no name";
    }
    if (strcmp(key, "cursor") == 0) {
        bool is_ok = take_number(value, UINT32_MAX, &number);
        out->cursor = (uint32_t)number;
        return is_ok ? NULL : "cursor is no number";
    }
    if (strcmp(key, "ms") == 0) {
        bool is_ok = take_number(value, UINT32_MAX, &number);
        out->ms = (uint32_t)number;
        return is_ok ? NULL : "ms is no number";
    }
    if (strcmp(key, "prefer") == 0) {
        bool is_ok = take_number(value, PREFER_MAX, &number);
        out->prefer = (uint32_t)number;
        return is_ok ? NULL : "prefer must be 0 to 1000";
    }
    return "unknown member";
}

static const char *check_whole(const struct jv_ctlreq *req, const json_t *root)
{
    if (json_object_get(root, "id") == NULL || json_object_get(root, "cmd") == NULL) {
        return "id and cmd are needed";
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(members); i++) {
        bool is_there = json_object_get(root, members[i].member) != NULL;
        uint32_t bit = (uint32_t)members[i].bit;
        if (is_there && ((commands[req->cmd].needs | commands[req->cmd].takes) & bit) == 0) {
            return "cmd does not take one of the members";
        }
        if (!is_there && (commands[req->cmd].needs & bit) != 0) {
            return "cmd needs another member";
        }
    }
    return NULL;
}

enum jv_err jv_ctlreq_parse(const char *line, size_t len, struct jv_ctlreq *out,
                            const char **error_out)
{
    struct jv_ctlreq req = {0};
    const char *error = NULL;
    const char *key;
    json_t *value;
    json_t *root =
        len >= JV_CTLREQ_BYTES ? NULL : json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    *out = req;
    if (!json_is_object(root)) {
        json_decref(root);
        *error_out = "not a JSON object";
        return JV_E_SYNTAX;
    }
    json_object_foreach(root, key, value)
    {
        const char *found = take_member(key, value, &req);
        error = error == NULL ? found : error;
    }
    out->id = req.id;
    error = error == NULL ? check_whole(&req, root) : error;
    json_decref(root);
    if (error != NULL) {
        *error_out = error;
        return JV_E_SYNTAX;
    }
    *out = req;
    return JV_E_OK;
}
