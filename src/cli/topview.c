/* SPDX-License-Identifier: Apache-2.0 */
#include "topview.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"

#define WIDE 96U /* columns from which there is room for switches and the whole reason */
#define BAR_COLUMNS 22U

void jv_top_rate(uint64_t bps, char out[32])
{
    static const char *const units[] = {"b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"};
    uint64_t whole = bps;
    uint64_t rest = 0;
    size_t unit = 0;
    if (bps == UINT64_MAX) {
        (void)snprintf(out, 32, "-");
        return;
    }
    while (whole >= 1000U && unit + 1U < JV_ARRAY_LEN(units)) {
        rest = whole % 1000U;
        whole /= 1000U;
        unit++;
    }
    if (unit > 0 && whole < 10U) {
        (void)snprintf(out, 32, "%" PRIu64 ".%" PRIu64 " %s", whole, rest / 100U, units[unit]);
    } else {
        (void)snprintf(out, 32, "%" PRIu64 " %s", whole, units[unit]);
    }
}

void jv_top_cut(char *line, uint32_t width)
{
    uint32_t columns = 0;
    for (char *at = line; *at != '\0'; at++) {
        bool is_first = ((uint8_t)*at & 0xc0U) != 0x80U;
        if (is_first && columns == width) {
            *at = '\0';
            return;
        }
        columns += is_first ? 1U : 0U;
        *at = (uint8_t)*at < ' ' ? '?' : *at; /* a line end would move all that is below */
    }
}

/* ---- the model ---- */

static int compare_counts(const void *a, const void *b)
{
    const struct jv_top_count *x = a;
    const struct jv_top_count *y = b;
    return strcmp(x->sid, y->sid);
}

/* What the present look counts, before another one takes its place. */
static void keep_counts(struct jv_top *top)
{
    top->counts_len = 0;
    for (size_t i = 0; i < json_array_size(top->sessions) && top->counts_len < JV_TOP_ROWS; i++) {
        const json_t *session = json_array_get(top->sessions, i);
        struct jv_top_count *count = &top->counts[top->counts_len++];
        (void)snprintf(count->sid, sizeof(count->sid), "%s", jv_form_word(session, "sid"));
        count->rx_bytes = jv_form_member(session, "rx_bytes");
        count->tx_bytes = jv_form_member(session, "tx_bytes");
    }
    qsort(top->counts, top->counts_len, sizeof(top->counts[0]), compare_counts);
    top->before_ns = top->at_ns;
    top->process_before = top->process;
    top->reattached_before = top->reattached;
}

static uint64_t rate(const struct jv_top *top, uint64_t now, uint64_t before, uint64_t factor)
{
    uint64_t ms = (top->at_ns - top->before_ns) / 1000000U;
    if (top->before_ns == 0 || ms == 0) {
        return UINT64_MAX;
    }
    return now < before ? 0 : (now - before) * factor * 1000U / ms;
}

/* In trouble first, ATTACHED last; what has ended is least urgent. */
static uint32_t rank_of(const char *state)
{
    static const char *const order[] = {"DEGRADED", "RECOVERING", "VOLATILE",
                                        "BIRTH",    "ATTACHED",   "TERMINATED"};
    for (uint32_t i = 0; i < JV_ARRAY_LEN(order); i++) {
        if (strcmp(order[i], state) == 0) {
            return i;
        }
    }
    return JV_ARRAY_LEN(order);
}

static const json_t *bound_path(const json_t *session)
{
    const json_t *paths = json_object_get(session, "paths");
    const json_t *silent = NULL;
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        if (strcmp(jv_form_word(path, "role"), "active") == 0) {
            return path;
        }
        silent =
            silent == NULL && strcmp(jv_form_word(path, "role"), "silent") == 0 ? path : silent;
    }
    return jv_form_member(session, "transportless_ms") > 0 ? NULL : silent;
}

static void fill(const struct jv_top *top, const json_t *session, struct jv_top_row *row)
{
    struct jv_top_count key;
    (void)snprintf(key.sid, sizeof(key.sid), "%s", jv_form_word(session, "sid"));
    const struct jv_top_count *before =
        bsearch(&key, top->counts, top->counts_len, sizeof(key), compare_counts);
    *row = (struct jv_top_row){.session = session,
                               .path = bound_path(session),
                               .rx_bps = UINT64_MAX,
                               .tx_bps = UINT64_MAX,
                               .rank = rank_of(jv_form_word(session, "state"))};
    if (before != NULL) {
        row->rx_bps = rate(top, jv_form_member(session, "rx_bytes"), before->rx_bytes, 8);
        row->tx_bps = rate(top, jv_form_member(session, "tx_bytes"), before->tx_bytes, 8);
    }
}

static bool has_filter(const struct jv_top *top, const struct jv_top_row *row)
{
    return top->filter[0] == '\0' ||
           strcasestr(jv_form_word(row->session, "sid"), top->filter) != NULL ||
           strcasestr(jv_form_word(row->session, "user"), top->filter) != NULL ||
           strcasestr(jv_form_word(row->session, "state"), top->filter) != NULL ||
           strcasestr(jv_form_word(row->session, "reason"), top->filter) != NULL ||
           strcasestr(jv_form_word(row->path, "name"), top->filter) != NULL;
}

static uint64_t busy(const struct jv_top_row *row)
{
    return row->rx_bps == UINT64_MAX ? 0 : row->rx_bps + row->tx_bps;
}

static int compare_rows(const void *a, const void *b)
{
    const struct jv_top_row *x = a;
    const struct jv_top_row *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    if (busy(x) != busy(y)) {
        return busy(x) > busy(y) ? -1 : 1;
    }
    return strcmp(jv_form_word(x->session, "sid"), jv_form_word(y->session, "sid"));
}

void jv_top_arrange(struct jv_top *top)
{
    bool is_there = false;
    top->rows_len = 0;
    for (size_t i = 0; i < json_array_size(top->sessions) && top->rows_len < JV_TOP_ROWS; i++) {
        struct jv_top_row *row = &top->rows[top->rows_len];
        fill(top, json_array_get(top->sessions, i), row);
        top->rows_len += has_filter(top, row) ? 1U : 0U;
    }
    qsort(top->rows, top->rows_len, sizeof(top->rows[0]), compare_rows);
    for (uint32_t i = 0; i < top->rows_len; i++) {
        is_there = is_there || strcmp(jv_form_word(top->rows[i].session, "sid"), top->chosen) == 0;
    }
    if (!is_there) {
        (void)snprintf(top->chosen, sizeof(top->chosen), "%s",
                       top->rows_len == 0 ? "" : jv_form_word(top->rows[0].session, "sid"));
    }
}

void jv_top_take(struct jv_top *top, uint64_t now_ns, json_t *status, json_t *sessions,
                 json_t *counters, const struct jv_top_process *process)
{
    keep_counts(top);
    json_decref(top->status);
    json_decref(top->sessions);
    json_decref(top->counters);
    top->status = status;
    top->sessions = sessions;
    top->counters = counters;
    top->at_ns = now_ns;
    top->process = *process;
    top->reattached = jv_form_member(counters, "jumps") + jv_form_member(counters, "rebinds");
    jv_top_arrange(top);
}

void jv_top_free(struct jv_top *top)
{
    json_decref(top->status);
    json_decref(top->sessions);
    json_decref(top->counters);
    top->status = top->sessions = top->counters = NULL;
    top->rows_len = top->counts_len = 0;
}

static uint32_t chosen_at(const struct jv_top *top)
{
    for (uint32_t i = 0; i < top->rows_len; i++) {
        if (strcmp(jv_form_word(top->rows[i].session, "sid"), top->chosen) == 0) {
            return i;
        }
    }
    return 0;
}

void jv_top_move(struct jv_top *top, int by)
{
    if (top->rows_len == 0) {
        return;
    }
    int64_t at = (int64_t)chosen_at(top) + by;
    at = JV_MAX(at, 0);
    at = JV_MIN(at, (int64_t)top->rows_len - 1);
    (void)snprintf(top->chosen, sizeof(top->chosen), "%s",
                   jv_form_word(top->rows[at].session, "sid"));
}

/* ---- lines ---- */

struct page {
    struct jv_top_line *lines;
    uint32_t len, width, height;
};

JV_PRINTF(3, 4)
static void put(struct page *page, enum jv_top_look look, const char *form, ...)
{
    va_list args;
    if (page->len >= page->height || page->len >= JV_TOP_LINES) {
        return;
    }
    struct jv_top_line *line = &page->lines[page->len++];
    line->look = look;
    va_start(args, form);
    (void)vsnprintf(line->text, sizeof(line->text), form, args);
    va_end(args);
    jv_top_cut(line->text, page->width);
}

/* 12408 as "12 408". */
static void count_text(uint64_t value, char out[32])
{
    char digits[24];
    size_t at = 0;
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    for (int i = 0; i < len && at + 2U < 32U; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ' ';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void put_sums(const struct jv_top *top, char *out, size_t cap)
{
    uint64_t rx = 0;
    uint64_t tx = 0;
    bool is_known = false;
    char in_text[32];
    char out_text[32];
    for (uint32_t i = 0; i < top->rows_len; i++) {
        if (top->rows[i].rx_bps != UINT64_MAX) {
            rx += top->rows[i].rx_bps;
            tx += top->rows[i].tx_bps;
            is_known = true;
        }
    }
    jv_top_rate(is_known ? rx : UINT64_MAX, in_text);
    jv_top_rate(is_known ? tx : UINT64_MAX, out_text);
    int len = snprintf(out, cap, "   in %s  out %s", in_text, out_text);
    if (top->process.is_known && len > 0 && (size_t)len < cap) {
        uint64_t cpu = top->process_before.is_known
                           ? rate(top, top->process.cpu_ms, top->process_before.cpu_ms, 1)
                           : UINT64_MAX;
        if (cpu != UINT64_MAX) {
            len += snprintf(out + len, cap - (size_t)len, "   cpu %" PRIu64 "%%", cpu / 10U);
        }
        (void)snprintf(out + len, cap - (size_t)len, "   mem %" PRIu64 " MiB",
                       top->process.rss_kib / 1024U);
    }
}

static void put_head(const struct jv_top *top, struct page *page)
{
    char sums[160];
    char count[32];
    bool is_gateway = strcmp(jv_form_word(top->status, "role"), "gateway") == 0;
    put_sums(top, sums, sizeof(sums));
    if (is_gateway) {
        uint64_t all = 0;
        const char *state;
        json_t *one;
        json_object_foreach(json_object_get(top->status, "sessions"), state, one)
        {
            (void)state;
            all += json_integer_value(one) > 0 ? (uint64_t)json_integer_value(one) : 0;
        }
        count_text(all, count);
        put(page, JV_LOOK_HEAD, " jv top   %s  %s sessions%s   events dropped %" PRIu64,
            jv_form_word(top->status, "name"), count, sums,
            jv_form_member(top->status, "events_dropped"));
    } else {
        put(page, JV_LOOK_HEAD, " jv top   %s%s   events dropped %" PRIu64,
            jv_form_word(top->status, "name"), sums, jv_form_member(top->status, "events_dropped"));
    }
}

static void put_states(const struct jv_top *top, struct page *page)
{
    static const char *const shown[] = {"ATTACHED", "VOLATILE", "RECOVERING", "DEGRADED"};
    const json_t *states = json_object_get(top->status, "sessions");
    char line[JV_TOP_LINE_BYTES] = "";
    size_t at = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < JV_ARRAY_LEN(shown); i++) {
        all += jv_form_member(states, shown[i]);
    }
    for (size_t i = 0; i < JV_ARRAY_LEN(shown) && at < sizeof(line) - 200U; i++) {
        char count[32];
        uint64_t n = jv_form_member(states, shown[i]);
        count_text(n, count);
        at += (size_t)snprintf(line + at, sizeof(line) - at, " %s %s ", shown[i], count);
        uint64_t bar = all == 0 ? 0 : (n * BAR_COLUMNS + all - 1U) / all;
        for (uint64_t k = 0; k < bar; k++) {
            at += (size_t)snprintf(line + at, sizeof(line) - at, "%s",
                                   top->is_ascii ? "#" : "\u2588");
        }
        at += (size_t)snprintf(line + at, sizeof(line) - at, " ");
    }
    uint64_t per_s = rate(top, top->reattached, top->reattached_before, 1);
    if (top->counters != NULL && per_s != UINT64_MAX) {
        (void)snprintf(line + at, sizeof(line) - at, "  reattach %" PRIu64 "/s", per_s);
    }
    put(page, JV_LOOK_PLAIN, "%s", line);
}

static enum jv_top_look look_of(const char *state)
{
    uint32_t rank = rank_of(state);
    return rank == rank_of("ATTACHED")                                    ? JV_LOOK_GOOD
           : rank == rank_of("DEGRADED") || rank == rank_of("TERMINATED") ? JV_LOOK_BAD
                                                                          : JV_LOOK_DOUBT;
}

static void ms_text(const json_t *path, const char *key, char out[32])
{
    if (path == NULL || json_object_get(path, key) == NULL) {
        (void)snprintf(out, 32, "-");
        return;
    }
    uint64_t us = jv_form_member(path, key);
    if (us < 10000U) {
        (void)snprintf(out, 32, "%" PRIu64 ".%" PRIu64, us / 1000U, us % 1000U / 100U);
    } else {
        (void)snprintf(out, 32, "%" PRIu64, us / 1000U);
    }
}

static void put_row(const struct jv_top *top, const struct jv_top_row *row, struct page *page)
{
    char rtt[32];
    char loss[32] = "-";
    char in_text[32];
    char out_text[32];
    char left[32] = "";
    const char *state = jv_form_word(row->session, "state");
    const char *user = jv_form_word(row->session, "user");
    bool is_chosen = strcmp(jv_form_word(row->session, "sid"), top->chosen) == 0;
    ms_text(row->path, "rtt_us", rtt);
    if (row->path != NULL) {
        uint64_t ppm = jv_form_member(row->path, "loss_ppm");
        (void)snprintf(loss, sizeof(loss), "%" PRIu64 ".%" PRIu64, ppm / 10000U,
                       ppm % 10000U / 1000U);
    }
    jv_top_rate(row->rx_bps, in_text);
    jv_top_rate(row->tx_bps, out_text);
    if (jv_form_member(row->session, "hold_left_ms") > 0) {
        char held[JV_FORM_BYTES];
        jv_form_duration(jv_form_member(row->session, "hold_left_ms"), held);
        (void)snprintf(left, sizeof(left), "  held %.20s", held);
    }
    const char *name = user[0] == '\0' ? jv_form_word(top->status, "name") : user;
    const char *path = row->path == NULL ? "-" : jv_form_word(row->path, "name");
    enum jv_top_look look = is_chosen ? JV_LOOK_CHOSEN : look_of(state);
    if (page->width >= WIDE) {
        put(page, look, " %-8.8s %-8.8s %-10s %-10.10s %5s %5s %5" PRIu64 " %9s %9s  %s%s",
            jv_form_word(row->session, "sid"), name, state, path, rtt, loss,
            jv_form_member(row->session, "switches"), in_text, out_text,
            jv_form_word(row->session, "reason"), left);
    } else {
        put(page, look, " %-8.8s %-7.7s %-10s %-9.9s %5s %8s %8s  %s%s",
            jv_form_word(row->session, "sid"), name, state, path, rtt, in_text, out_text,
            jv_form_word(row->session, "reason"), left);
    }
}

static void path_rows(const json_t *session, struct page *page)
{
    const json_t *paths = json_object_get(session, "paths");
    put(page, JV_LOOK_HEAD, " %-12s %-8s %6s %6s %5s  %s", "PATH", "ROLE", "RTT", "LOSS", "MTU",
        "LOCAL - REMOTE");
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        const char *role = jv_form_word(path, "role");
        char ends[160];
        char rtt[32];
        uint64_t ppm = jv_form_member(path, "loss_ppm");
        ms_text(path, "rtt_us", rtt);
        (void)snprintf(ends, sizeof(ends), "%s - %s", jv_form_word(path, "local"),
                       jv_form_word(path, "remote"));
        put(page,
            strcmp(role, "active") == 0   ? JV_LOOK_GOOD
            : strcmp(role, "silent") == 0 ? JV_LOOK_BAD
                                          : JV_LOOK_PLAIN,
            " %-12.12s %-8s %6s %4" PRIu64 ".%" PRIu64 " %5" PRIu64 "  %s",
            jv_form_word(path, "name"), role, rtt, ppm / 10000U, ppm % 10000U / 1000U,
            jv_form_member(path, "mtu"), ends);
    }
}

static void put_warnings(const struct jv_top *top, struct page *page)
{
    const json_t *warnings = json_object_get(top->status, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        put(page, JV_LOOK_DOUBT, " warning: %s", json_string_value(json_array_get(warnings, i)));
    }
}

uint32_t jv_top_sessions(const struct jv_top *top, uint32_t width, uint32_t height,
                         struct jv_top_line *lines)
{
    struct page page = {lines, 0, JV_MIN(width, JV_TOP_COLUMNS_MAX), height};
    bool is_gateway = strcmp(jv_form_word(top->status, "role"), "gateway") == 0;
    put_head(top, &page);
    if (is_gateway) {
        put_states(top, &page);
    }
    put_warnings(top, &page);
    if (page.width >= WIDE) {
        put(&page, JV_LOOK_HEAD, " %-8s %-8s %-10s %-10s %5s %5s %5s %9s %9s  %s", "SID", "USER",
            "STATE", "PATH", "RTT", "LOSS", "SW", "IN", "OUT", "REASON");
    } else {
        put(&page, JV_LOOK_HEAD, " %-8s %-7s %-10s %-9s %5s %8s %8s  %s", "SID", "USER", "STATE",
            "PATH", "RTT", "IN", "OUT", "REASON");
    }
    if (is_gateway && json_array_size(top->sessions) == JV_TOP_ROWS) {
        put(&page, JV_LOOK_DOUBT, " the first %u sessions only; see jv sessions", JV_TOP_ROWS);
    }
    /* The chosen row stays on the page. */
    uint32_t room = page.height > page.len ? page.height - page.len : 0;
    uint32_t reserve = is_gateway ? 0 : JV_MIN(room / 2U, 12U);
    room -= reserve;
    uint32_t at = chosen_at(top);
    uint32_t first = room > 0 && at >= room ? at - room + 1U : 0;
    for (uint32_t i = first; i < top->rows_len && i - first < room; i++) {
        put_row(top, &top->rows[i], &page);
    }
    if (top->rows_len == 0) {
        put(&page, JV_LOOK_PLAIN, " %s",
            top->filter[0] == '\0' ? "no session" : "no session fits the filter");
    }
    if (!is_gateway && top->rows_len > 0) {
        put(&page, JV_LOOK_PLAIN, "%s", "");
        path_rows(top->rows[at].session, &page);
    }
    return page.len;
}

uint32_t jv_top_paths(const struct jv_top *top, uint32_t width, uint32_t height,
                      struct jv_top_line *lines)
{
    struct page page = {lines, 0, JV_MIN(width, JV_TOP_COLUMNS_MAX), height};
    put_head(top, &page);
    if (top->rows_len == 0) {
        put(&page, JV_LOOK_PLAIN, "%s", " no session");
        return page.len;
    }
    const json_t *session = top->rows[chosen_at(top)].session;
    put(&page, JV_LOOK_PLAIN, " session %.8s  %s  %s", jv_form_word(session, "sid"),
        jv_form_word(session, "state"), jv_form_word(session, "reason"));
    path_rows(session, &page);
    const json_t *paths = json_object_get(session, "paths");
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        put(&page, JV_LOOK_PLAIN,
            " %-12.12s prefer %" PRIu64 ", probes %" PRIu64 " sent %" PRIu64 " answered, %" PRIu64
            " unanswered in a row%s%s",
            jv_form_word(path, "name"), jv_form_member(path, "prefer"),
            jv_form_member(path, "probes_sent"), jv_form_member(path, "probes_answered"),
            jv_form_member(path, "unanswered"),
            jv_form_word(path, "observed")[0] == '\0' ? "" : ", seen as ",
            jv_form_word(path, "observed"));
    }
    return page.len;
}
