/* SPDX-License-Identifier: Apache-2.0 */
#include "surroundings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "log.h"
#include "names.h"
#include "server.h"

struct jv_surroundings {
    struct jv_server *server;
    struct jv_session_status status; /* too much for a stack */
    struct jv_instant quiet_since;   /* links are up and the gateway is not heard; ns 0: not so */
    char silence[JV_SURROUNDINGS_TEXT_BYTES], overlap[JV_SURROUNDINGS_TEXT_BYTES];
};

enum jv_err jv_surroundings_open(struct jv_server *server, struct jv_surroundings **out)
{
    struct jv_surroundings *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return JV_E_NOMEM;
    }
    s->server = server;
    *out = s;
    return JV_E_OK;
}

void jv_surroundings_close(struct jv_surroundings *s)
{
    free(s);
}

bool jv_surroundings_do_meet(const struct jv_prefix *a, const struct jv_prefix *b)
{
    return a->ip.family == b->ip.family && a->ip.family != JV_AF_NONE &&
           (a->bits <= b->bits ? jv_prefix_has(a, &b->ip) : jv_prefix_has(b, &a->ip));
}

bool jv_surroundings_is_silent(const struct jv_session_status *status)
{
    bool is_silent = status->state != JV_ST_ATTACHED && status->state != JV_ST_TERMINATED;
    for (uint32_t i = 0; is_silent && i < status->paths_len; i++) {
        is_silent = status->paths[i].heard_ms >= JV_SURROUNDINGS_SILENT_MS;
    }
    return is_silent;
}

static void set(char text[JV_SURROUNDINGS_TEXT_BYTES], const char *found)
{
    if (strcmp(text, found) != 0) {
        (void)snprintf(text, JV_SURROUNDINGS_TEXT_BYTES, "%s", found);
        if (found[0] != '\0') {
            jv_log(JV_LOG_WARNING, "%s", text);
        }
    }
}

static void judge_silence(struct jv_surroundings *s, struct jv_instant now)
{
    uint32_t endpoints = 0;
    (void)jv_names_endpoints(jv_server_names(s->server), &endpoints); /* the number alone counts */
    bool is_quiet = endpoints > 0 && jv_links_count(jv_server_links(s->server)) > 0 &&
                    jv_surroundings_is_silent(&s->status);
    if (!is_quiet) {
        if (s->silence[0] != '\0') {
            jv_log(JV_LOG_NOTICE, "the gateway is heard again, or no link is up");
        }
        s->quiet_since = (struct jv_instant){0};
        s->silence[0] = '\0';
        return;
    }
    /* Links that have come a moment ago had no time to be answered on. */
    if (s->quiet_since.ns == 0) {
        s->quiet_since = now;
    }
    if (jv_since_ms(s->quiet_since, now) >= JV_SURROUNDINGS_SILENT_MS) {
        set(s->silence, "the gateway does not answer on any path; a captive portal may be in the "
                        "way");
    }
}

/* `network`, of the host's `device`, against one of ours. False: they do not meet. */
static bool is_met(const struct jv_prefix *network, const char *device,
                   const struct jv_prefix *ours, const char *what,
                   char out[JV_SURROUNDINGS_TEXT_BYTES])
{
    char theirs_text[JV_ADDR_TEXT_BYTES];
    char ours_text[JV_ADDR_TEXT_BYTES];
    if (!jv_surroundings_do_meet(network, ours)) {
        return false;
    }
    (void)jv_prefix_format(network, theirs_text, sizeof(theirs_text));
    (void)jv_prefix_format(ours, ours_text, sizeof(ours_text));
    (void)snprintf(out, JV_SURROUNDINGS_TEXT_BYTES,
                   "the network %s of %s meets %s, %s: some of its hosts cannot be reached",
                   theirs_text, device, ours_text, what);
    return true;
}

static struct jv_prefix without_host_bits(struct jv_prefix prefix)
{
    uint32_t bytes = prefix.ip.family == JV_AF_4 ? 4U : 16U;
    for (uint32_t bit = prefix.bits; bit < bytes * 8U; bit++) {
        prefix.ip.b[bit / 8U] &= (uint8_t) ~(0x80U >> bit % 8U);
    }
    return prefix;
}

static bool find_overlap(const struct jv_surroundings *s, char out[JV_SURROUNDINGS_TEXT_BYTES])
{
    const struct jv_config_prefixes *allowed = &jv_server_config(s->server)->session.allowed_ips;
    struct jv_prefix inner[2] = {without_host_bits(s->status.address4),
                                 without_host_bits(s->status.address6)};
    struct jv_prefix network;
    const char *device = NULL;
    uint32_t cursor = 0;
    while (jv_links_network(jv_server_links(s->server), &cursor, &network, &device)) {
        if (is_met(&network, device, &inner[0], "the session's inner network", out) ||
            is_met(&network, device, &inner[1], "the session's inner network", out)) {
            return true;
        }
        for (uint32_t i = 0; i < allowed->len; i++) {
            /* Everything meets a default route, and the host's own networks are more specific: that is how it is meant. */
            if (allowed->at[i].bits > 1 &&
                is_met(&network, device, &allowed->at[i], "which AllowedIPs names", out)) {
                return true;
            }
        }
    }
    return false;
}

void jv_surroundings_tick(struct jv_surroundings *s, struct jv_instant now)
{
    uint32_t cursor = 0;
    char found[JV_SURROUNDINGS_TEXT_BYTES] = "";
    if (!jv_core_session(jv_server_core(s->server), now, &cursor, &s->status)) {
        /* Between two births, or after an end that nothing follows: nobody is expected to answer. */
        s->status = (struct jv_session_status){.state = JV_ST_TERMINATED};
    }
    judge_silence(s, now);
    if (!find_overlap(s, found)) {
        found[0] = '\0';
    }
    set(s->overlap, found);
}

const char *jv_surroundings_silence(const struct jv_surroundings *s)
{
    return s != NULL && s->silence[0] != '\0' ? s->silence : NULL;
}

const char *jv_surroundings_overlap(const struct jv_surroundings *s)
{
    return s != NULL && s->overlap[0] != '\0' ? s->overlap : NULL;
}
