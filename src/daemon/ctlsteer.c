/* SPDX-License-Identifier: Apache-2.0 */
#include "ctlsteer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "core.h"
#include "ctlreq.h"
#include "links.h"
#include "server.h"
#include "view.h"

static json_t *refuse(struct jv_ctlsteer_refusal *why, const char *code, const char *text)
{
    why->code = code;
    (void)snprintf(why->text, sizeof(why->text), "%s", text);
    return NULL;
}

/* What `about` is follows the text, so that the message names the thing. */
static json_t *refuse_about(struct jv_ctlsteer_refusal *why, const char *code, const char *about,
                            const char *text)
{
    why->code = code;
    (void)snprintf(why->text, sizeof(why->text), "%s: %s", about, text);
    return NULL;
}

static json_t *command(struct jv_server *server, const struct jv_command *what,
                       struct jv_ctlsteer_refusal *why)
{
    enum jv_err err = jv_server_command(server, what);
    if (err == JV_E_OK) {
        return json_object();
    }
    return refuse(why,
                  err == JV_E_STATE     ? "no_session"
                  : err == JV_E_REFUSED ? "denied"
                                        : "failed",
                  err == JV_E_STATE ? "there is no session" : jv_err_text(err));
}

struct search {
    const char *prefix;
    json_t *view; /* of the last one found; NULL: none */
    uint32_t found;
};

static bool look_at(void *arg, const struct jv_session_status *status, uint32_t shard)
{
    struct search *search = arg;
    char sid[33];
    (void)shard;
    jv_view_sid(&status->sid, sid);
    if (strncmp(sid, search->prefix, strlen(search->prefix)) == 0 && status->state != JV_ST_BIRTH) {
        json_decref(search->view);
        search->view = jv_view_policy(status);
        search->found++;
    }
    return search->found < 2U;
}

/* One session whose id begins with `prefix`, or the only one there is. */
static json_t *do_policy(const struct jv_server *server, const char *prefix,
                         struct jv_ctlsteer_refusal *why)
{
    struct jv_session_status *status = calloc(1, sizeof(*status));
    struct search search = {.prefix = prefix};
    uint32_t cursor = 0;
    if (status != NULL) {
        (void)jv_server_sessions(server, &cursor, status, look_at, &search); /* `found` tells */
    }
    free(status);
    if (search.found == 1) {
        return search.view;
    }
    json_decref(search.view);
    if (search.found == 0) {
        return refuse(why, "no_session", "there is no such session");
    }
    return refuse(why, "ambiguous", "there are several sessions: name one by its id");
}

static json_t *do_would(struct jv_server *server, uint32_t link, struct jv_ctlsteer_refusal *why)
{
    struct jv_switch_verdict *verdict = calloc(1, sizeof(*verdict));
    json_t *view = NULL;
    if (verdict != NULL) {
        enum jv_err err =
            jv_core_would_switch(jv_server_core(server), jv_server_now(server), link, verdict);
        view = err == JV_E_OK ? jv_view_verdict(verdict)
                              : refuse(why, "no_session", "there is no session");
    }
    free(verdict);
    return view;
}

static json_t *do_hold(struct jv_server *server, uint32_t ms, struct jv_ctlsteer_refusal *why)
{
    const struct jv_command hold = {.kind = JV_CMD_HOLD, .hold_ms = ms};
    enum jv_err err = jv_server_command(server, &hold);
    return err == JV_E_OK      ? json_pack("{s:I}", "hold_ms", (json_int_t)ms)
           : err == JV_E_RANGE ? refuse(why, "usage", "a hold must be 1s to 24h, or off")
                               : refuse(why, "failed", jv_err_text(err));
}

static json_t *do_probe(struct jv_server *server, const struct jv_ctlreq *req, uint32_t link,
                        struct jv_ctlsteer_refusal *why)
{
    const struct jv_command probe = {.kind = JV_CMD_PROBE, .link = link};
    enum jv_err err = jv_server_command(server, &probe);
    if (err == JV_E_STATE && link != 0) {
        struct jv_session_status *status = calloc(1, sizeof(*status));
        uint32_t cursor = 0;
        bool has_session =
            status != NULL &&
            jv_core_session(jv_server_core(server), jv_server_now(server), &cursor, status) &&
            status->state != JV_ST_BIRTH && status->state != JV_ST_TERMINATED;
        free(status);
        if (has_session) {
            return refuse_about(why, "state", req->path, "this path is off: see jv path enable");
        }
    }
    return err == JV_E_OK      ? json_object()
           : err == JV_E_STATE ? refuse(why, "no_session", "there is no session")
                               : refuse(why, "failed", jv_err_text(err));
}

static json_t *do_order(struct jv_server *server, const struct jv_ctlreq *req, uint32_t link,
                        struct jv_ctlsteer_refusal *why)
{
    const struct jv_command order = {.kind = req->cmd == JV_REQ_PATH_OFF  ? JV_CMD_PATH_OFF
                                             : req->cmd == JV_REQ_PATH_ON ? JV_CMD_PATH_ON
                                                                          : JV_CMD_PATH_PREFER,
                                     .link = link,
                                     .prefer = req->prefer};
    enum jv_err err = jv_server_command(server, &order);
    if (err == JV_E_STATE) {
        return refuse_about(why, "state", req->path,
                            "the session uses this path: jv switch to another one first");
    }
    return err == JV_E_OK ? json_object()
                          : refuse_about(why, "failed", req->path, jv_err_text(err));
}

/* What a person does who toggles a device: look at the links again, ask the names again, probe every path, begin where all ended. */
static json_t *do_recover(struct jv_server *server, struct jv_ctlsteer_refusal *why)
{
    const struct jv_command up = {.kind = JV_CMD_UP};
    const struct jv_command probe = {.kind = JV_CMD_PROBE};
    jv_links_reconcile(jv_server_links(server), jv_server_now(server));
    jv_server_network_changed(server);
    enum jv_err err = jv_server_command(server, &probe);
    return err == JV_E_STATE                        ? command(server, &up, why)
           : err == JV_E_OK || err == JV_E_NOTFOUND ? json_object()
                                                    : refuse(why, "failed", jv_err_text(err));
}

json_t *jv_ctlsteer(struct jv_server *server, const struct jv_ctlreq *req,
                    struct jv_ctlsteer_refusal *why)
{
    if (req->cmd == JV_REQ_POLICY) {
        return do_policy(server, req->sid, why);
    }
    if (jv_server_config(server)->role != JV_CONFIG_CLIENT) {
        return refuse(why, "state", "only a client chooses its paths");
    }
    uint32_t link = req->path[0] == '\0' ? 0 : jv_links_find(jv_server_links(server), req->path);
    if (req->path[0] != '\0' && link == 0) {
        return refuse_about(why, "no_path", req->path, "no such path; see jv path ls");
    }
    if (req->cmd == JV_REQ_WOULD) {
        return do_would(server, link, why);
    }
    if (req->cmd == JV_REQ_HOLD) {
        return do_hold(server, req->ms, why);
    }
    if (req->cmd == JV_REQ_PROBE) {
        return do_probe(server, req, link, why);
    }
    return req->cmd == JV_REQ_RECOVER ? do_recover(server, why) : do_order(server, req, link, why);
}
