/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "client_state.h"
#include "pair_parts.h"
#include "state.h"

bool pair_status(const struct pair *p, bool client, struct jv_session_status *out)
{
    uint32_t cursor = 0;
    return jv_core_session(pair_core(p, client), pair_now(p), &cursor, out);
}

uint32_t pair_leaked(const struct pair *p, bool client)
{
    const struct jv_core *core = pair_core(p, client);
    struct jv_counters count;
    jv_core_counters(core, &count);
    uint64_t used = client ? core->client->held_len : 0;
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        const struct jv_session *s = jv_core_session_at(core, i);
        used += s != NULL ? s->waiting_len + s->kept.len : 0;
    }
    return (uint32_t)(p->buffers - count.buffers_free - used);
}

bool pair_is_rekeying(const struct pair *p)
{
    return p->client->client->rekey.used;
}

enum jv_state pair_state(const struct pair *p, bool client)
{
    struct jv_session_status status;
    return pair_status(p, client, &status) ? status.state : JV_ST_END;
}

uint32_t pair_count(const struct pair_log *log, enum jv_event_type event, enum jv_why why)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < log->len; i++) {
        n += log->records[i].event == event && (why == JV_WHY_NONE || log->records[i].reason == why)
                 ? 1
                 : 0;
    }
    return n;
}

static void print_one(const struct pair *p, char side, const struct jv_record *rec)
{
    (void)p;
    double ms = (double)(rec->at.ns - JV_NS_PER_S) / 1e6;
    printf("%12.3f %c ", ms, side);
    if (rec->event == JV_REC_SessionStateChange) {
        printf("%s -> %s %s", jv_state_name((enum jv_state)rec->from),
               jv_state_name((enum jv_state)rec->to), jv_why_name((enum jv_why)rec->reason));
    } else {
        printf("%s %s", jv_event_name((enum jv_event_type)rec->event),
               jv_why_name((enum jv_why)rec->reason));
    }
    printf("%s%s\n", rec->path[0] != '\0' ? " " : "", rec->path);
}

void pair_print(const struct pair *p, bool all)
{
    uint32_t c = 0;
    uint32_t g = 0;
    while (c < p->log_c.len || g < p->log_g.len) {
        bool from_client = g == p->log_g.len || (c < p->log_c.len && p->log_c.records[c].at.ns <=
                                                                         p->log_g.records[g].at.ns);
        const struct jv_record *rec = from_client ? &p->log_c.records[c++] : &p->log_g.records[g++];
        if (all || rec->event == JV_REC_SessionStateChange) {
            print_one(p, from_client ? 'C' : 'G', rec);
        }
    }
}
