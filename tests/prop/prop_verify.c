/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random walks over the table are accepted whatever they do within it; one lie in a walk is found at its line. The model is a
 * walker that keeps state, count and binding of a few sessions, written without a look at verify.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "prng.h"
#include "verify.h"

#define WALKS 400U
#define STEPS 200U
#define SESSIONS 4U

#define JV_ST_ANY JV_ST_END
static const struct {
    const char *id, *reasons, *actions;
    uint8_t from, to;
} rows[] = {
    {"", "", "", 0, 0},
#define T(row, from, event, to, reasons, actions)                                                  \
    {#row, #reasons, #actions, JV_ST_##from, JV_ST_##to},
#include "transition.def"
#undef T
};

struct walker {
    struct jv_prng prng;
    struct jv_verify *v;
    uint64_t seq, wall_ns;
    bool is_client;
    bool lies;
    struct {
        struct jv_sid sid, last;
        uint64_t count;
        uint8_t state;
        bool is_bound, is_alive;
    } sessions[SESSIONS];
};

static bool feed(struct walker *w, struct jv_record *rec)
{
    w->wall_ns += jv_prng_below(&w->prng, 1000000);
    rec->seq = ++w->seq;
    rec->at.ns = w->wall_ns;
    rec->cause = jv_prng_below(&w->prng, rec->seq);
    rec->is_client = w->is_client;
    return jv_verify_record(w->v, rec, "walk");
}

static struct jv_record record(const struct walker *w, uint32_t i, enum jv_event_type event)
{
    struct jv_record rec = {.event = (uint16_t)event, .sid = w->sessions[i].sid};
    rec.v = w->is_client ? 0 : w->sessions[i].count;
    rec.local = w->is_client ? w->sessions[i].count : 0;
    return rec;
}

static bool step_birth(struct walker *w, uint32_t i)
{
    w->sessions[i].last = w->sessions[i].sid;
    for (size_t k = 0; k < JV_SID_BYTES; k++) {
        w->sessions[i].sid.b[k] = (uint8_t)jv_prng_next(&w->prng);
    }
    w->sessions[i].count = 0;
    w->sessions[i].state = JV_ST_BIRTH;
    w->sessions[i].is_alive = true;
    w->sessions[i].is_bound = true;
    struct jv_record rec = record(w, i, JV_REC_SessionCreated);
    rec.link = w->sessions[i].last;
    if (!feed(w, &rec)) {
        return false;
    }
    rec = record(w, i, JV_REC_TransportAttached);
    return feed(w, &rec);
}

/* Any of the row's reasons, by walking over the codes from a random one. */
static uint16_t reason_of(struct walker *w, uint8_t row)
{
    for (uint64_t why = jv_prng_below(&w->prng, JV_WHY_END);; why++) {
        const char *name = jv_why_name((enum jv_why)(why % JV_WHY_END));
        const char *at = strstr(rows[row].reasons, name);
        size_t len = strlen(name);
        if (why % JV_WHY_END != 0 && at != NULL && (at == rows[row].reasons || at[-1] == ' ') &&
            (at[len] == ' ' || at[len] == '\0')) {
            return (uint16_t)(why % JV_WHY_END);
        }
    }
}

/* One lie about the row: state, reason, count, row or target. */
static void lie(struct walker *w, struct jv_record *rec)
{
    switch (jv_prng_below(&w->prng, 4)) {
    case 0:
        rec->from = (uint8_t)((rec->from + 1) % JV_ST_END);
        break;
    case 1:
        rec->reason = JV_WHY_PROBE_OK;
        break;
    case 2:
        rec->v += w->is_client ? 0 : 1;
        rec->local += w->is_client ? 1 : 0;
        break;
    default:
        rec->to = (uint8_t)((rec->to + 1) % JV_ST_END);
        break;
    }
}

static bool step_row(struct walker *w, uint32_t i)
{
    uint8_t row = (uint8_t)(1 + jv_prng_below(&w->prng, sizeof rows / sizeof rows[0] - 1));
    uint8_t state = w->sessions[i].state;
    /* Ends are rare, or no walk would get far. */
    if ((rows[row].from != JV_ST_ANY && rows[row].from != state) ||
        (rows[row].to == JV_ST_TERMINATED && jv_prng_below(&w->prng, 8) != 0)) {
        return true;
    }
    if (rows[row].to == JV_ST_ATTACHED && state == JV_ST_RECOVERING &&
        (!w->sessions[i].is_bound || jv_prng_below(&w->prng, 2) != 0)) {
        struct jv_record move = record(w, i,
                                       jv_prng_below(&w->prng, 2) != 0 ? JV_REC_TransportSwitch
                                                                       : JV_REC_TransportRebound);
        w->sessions[i].is_bound = true;
        if (!feed(w, &move)) {
            return false;
        }
    }
    w->sessions[i].count++;
    struct jv_record rec = record(w, i, JV_REC_SessionStateChange);
    rec.row = row;
    rec.from = state;
    rec.to = rows[row].to;
    rec.reason = reason_of(w, row);
    if (w->lies) {
        lie(w, &rec);
    }
    if (!feed(w, &rec)) {
        return false;
    }
    w->sessions[i].state = rows[row].to;
    w->sessions[i].is_bound =
        w->sessions[i].is_bound && strstr(rows[row].actions, "UNBIND") == NULL;
    if (rows[row].to != JV_ST_TERMINATED) {
        return true;
    }
    w->sessions[i].is_alive = false;
    rec = record(w, i, JV_REC_SessionTerminated);
    return feed(w, &rec);
}

static bool step(struct walker *w)
{
    uint32_t i = (uint32_t)jv_prng_below(&w->prng, SESSIONS);
    return w->sessions[i].is_alive ? step_row(w, i) : step_birth(w, i);
}

static const char *walk(uint64_t seed)
{
    struct walker w = {.prng = {seed}, .wall_ns = 1000, .is_client = seed % 2 == 0};
    void *mem = calloc(1, jv_verify_bytes(STEPS));
    struct jv_verify_cfg cfg = {.sessions_max = STEPS, .is_exact_time = true};
    if (mem == NULL) {
        return "no memory";
    }
    w.v = jv_verify_init(mem, &cfg);
    const char *wrong = NULL;
    for (uint32_t n = 0; n < STEPS && wrong == NULL; n++) {
        wrong = step(&w) ? NULL : "a walk within the table is refused";
    }
    wrong = wrong == NULL && !jv_verify_end(w.v) ? "a walk is refused at its end" : wrong;
    if (wrong == NULL) {
        w.lies = true;
        for (uint32_t n = 0; n < 100 * STEPS && step(&w); n++) {
        }
        const struct jv_verify_report *report = jv_verify_result(w.v);
        bool is_found = report->first_wrong == report->lines && report->law == JV_LAW_TABLE;
        wrong = is_found ? NULL : "a lie is not found";
    }
    if (wrong != NULL) {
        printf("# seed %llu: line %llu: %s\n", (unsigned long long)seed,
               (unsigned long long)jv_verify_result(w.v)->first_wrong, jv_verify_result(w.v)->text);
    }
    free(mem);
    return wrong;
}

int main(void)
{
    const char *wrong = NULL;
    for (uint64_t seed = 1; seed <= WALKS && wrong == NULL; seed++) {
        wrong = walk(seed);
    }
    printf("1..1\n%s 1 - prop_verify_walks%s%s\n", wrong == NULL ? "ok" : "not ok",
           wrong == NULL ? "" : ": ", wrong == NULL ? "" : wrong);
    return wrong == NULL ? 0 : 1;
}
