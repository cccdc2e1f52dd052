/* SPDX-License-Identifier: Apache-2.0 */
/* The locators that a client has: for its paths, in reserve, and left behind. */
#include <string.h>

#include "client_state.h"
#include "path.h"

enum likeness { UNLIKE, SAME_NAME, SAME_TRANSPORT };

static enum likeness likeness_of(const struct jv_left *left, const struct jv_path *path)
{
    if (memcmp(left->name, path->name, JV_NAME_BYTES) != 0) {
        return UNLIKE;
    }
    bool is_same = jv_ip_is_equal(&left->local, &path->local.ip) &&
                   jv_endpoint_is_equal(&left->remote, &path->remote);
    return is_same ? SAME_TRANSPORT : SAME_NAME;
}

/*
 * A locator that was left behind, the one of the most similar transport. One that comes and goes while there is no session to ask for
 * spares gets its own last locator again: whoever sees it there learns that it is the same link, and nothing of the others.
 */
static uint64_t take_left(struct jv_client *cl, const struct jv_path *path, enum likeness least)
{
    struct jv_left *best = NULL;
    for (uint32_t i = 0; i < JV_LEFT_MAX; i++) {
        struct jv_left *left = &cl->left[i];
        if (left->value != 0 && likeness_of(left, path) >= least &&
            (best == NULL || likeness_of(left, path) > likeness_of(best, path))) {
            best = left;
        }
    }
    uint64_t value = best != NULL ? best->value : 0;
    if (best != NULL) {
        best->value = 0;
    }
    return value;
}

bool jv_path_give_locator(struct jv_core *core, struct jv_path *path)
{
    struct jv_client *cl = core->client;
    const struct jv_session *s = jv_core_session_at(core, 0);
    if (path->locator == 0 && path->link == cl->ladder.twin &&
        cl->spares_len <= JV_LADDER_SPARES_KEPT) {
        /* Sockets that come and go beside the same one share what each leaves: the last spares are for links that come up. */
        path->locator = take_left(cl, path, SAME_TRANSPORT);
    }
    if (path->locator == 0 && cl->spares_len > 0) {
        path->locator = cl->spares[--cl->spares_len];
    }
    if (path->locator == 0) {
        /* Who sees two of its networks may learn that they are one client's; without this the session would end between them. */
        bool is_in_trouble =
            s != NULL && (s->state == JV_ST_VOLATILE || s->state == JV_ST_DEGRADED ||
                          s->state == JV_ST_RECOVERING);
        path->locator = take_left(cl, path, is_in_trouble ? UNLIKE : SAME_TRANSPORT);
    }
    return path->locator != 0;
}

void jv_path_refresh_locator(struct jv_core *core, struct jv_session *s, struct jv_path *path)
{
    bool is_silent = path != s->bound && path->unanswered >= JV_LOCATOR_PATIENCE;
    if (is_silent && !path->is_replaced && core->client->spares_len > 0) {
        /* The gateway may have forgotten it, or somebody spends its budget: nobody knows a spare. */
        jv_path_leave_locator(core, path);
        path->is_replaced = true;
    }
}

void jv_path_leave_locator(struct jv_core *core, struct jv_path *path)
{
    struct jv_client *cl = core->client;
    if (path->locator != 0) {
        cl->left[cl->left_next].value = path->locator;
        memcpy(cl->left[cl->left_next].name, path->name, JV_NAME_BYTES);
        cl->left[cl->left_next].local = path->local.ip;
        cl->left[cl->left_next].remote = path->remote;
        cl->left_next = (cl->left_next + 1) % JV_LEFT_MAX;
        path->locator = 0;
    }
}

bool jv_path_knows_locator(const struct jv_core *core, uint64_t locator)
{
    const struct jv_client *cl = core->client;
    bool is_known = false;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        is_known = is_known || (cl->paths[i].used && cl->paths[i].locator == locator);
    }
    for (uint32_t i = 0; i < JV_LEFT_MAX; i++) {
        is_known = is_known || cl->left[i].value == locator;
    }
    return is_known && locator != 0;
}

/*
 * Answers come under the locator of what they answer. Two paths may be asked at one moment, and their times are no names: an answer
 * that somebody saw on one path and carries to the socket of another would prove that one. Sockets beside the same one share what each
 * leaves.
 */
bool jv_path_owns_locator(const struct jv_client *cl, const struct jv_path *path, uint64_t locator)
{
    bool is_own = false;
    for (uint32_t i = 0; i < JV_PATH_MAX && !is_own; i++) {
        const struct jv_path *other = &cl->paths[i];
        struct jv_left left = {.local = other->local.ip, .remote = other->remote};
        memcpy(left.name, other->name, JV_NAME_BYTES);
        is_own =
            other->used && other->locator == locator && likeness_of(&left, path) == SAME_TRANSPORT;
    }
    for (uint32_t i = 0; i < JV_LEFT_MAX && !is_own; i++) {
        is_own = cl->left[i].value == locator && likeness_of(&cl->left[i], path) == SAME_TRANSPORT;
    }
    return is_own;
}
