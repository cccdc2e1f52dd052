/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CLI_TOPVIEW_H
#define JV_CLI_TOPVIEW_H
/*
 * topview -- what `jv top` shows, as lines of text: rates from two looks, order, filter, widths. It knows no terminal.
 *
 * Owns     the last look (JSON) and the counts of the one before.
 * Limits   JV_TOP_ROWS sessions; more are counted and said. JV_TOP_LINES lines of JV_TOP_LINE_BYTES.
 * Threads  one.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base.h"

#define JV_TOP_ROWS 1024U
#define JV_TOP_LINES 512U
#define JV_TOP_LINE_BYTES 1024U /* 250 columns of four bytes */
#define JV_TOP_COLUMNS_MAX 240U
#define JV_TOP_SID_BYTES 33U
#define JV_TOP_FILTER_BYTES 32U

enum jv_top_look {
    JV_LOOK_PLAIN,
    JV_LOOK_HEAD,
    JV_LOOK_GOOD,
    JV_LOOK_DOUBT,
    JV_LOOK_BAD,
    JV_LOOK_CHOSEN
};

struct jv_top_line {
    enum jv_top_look look;
    char text[JV_TOP_LINE_BYTES];
};

struct jv_top_row {
    const json_t *session, *path; /* within the last look; path may be NULL */
    uint64_t rx_bps, tx_bps;      /* bits a second; UINT64_MAX: one look is no rate */
    uint32_t rank;                /* trouble first */
};

struct jv_top_count { /* of one session in the look before */
    char sid[JV_TOP_SID_BYTES];
    uint64_t rx_bytes, tx_bytes;
};

/* Of the daemon's process, as the kernel counts. */
struct jv_top_process {
    uint64_t cpu_ms, rss_kib;
    bool is_known;
};

struct jv_top {
    json_t *status, *sessions, *counters; /* NULL before the first look */
    uint64_t at_ns, before_ns;            /* of the last look and of the one before; 0: none */
    struct jv_top_process process, process_before;
    uint64_t reattached, reattached_before;
    struct jv_top_row rows[JV_TOP_ROWS];
    uint32_t rows_len; /* that the filter lets through */
    struct jv_top_count counts[JV_TOP_ROWS];
    uint32_t counts_len;
    char filter[JV_TOP_FILTER_BYTES]; /* "": none */
    char chosen[JV_TOP_SID_BYTES];    /* its session; "": the first */
    bool is_ascii;                    /* the terminal cannot show more */
};

/* A look at the daemon. The references are taken over; `counters` may be NULL. */
void jv_top_take(struct jv_top *top, uint64_t now_ns, json_t *status, json_t *sessions,
                 json_t *counters, const struct jv_top_process *process);
/* Order and filter anew, keep the chosen session where it is still shown. */
void jv_top_arrange(struct jv_top *top);
/* Choose `by` rows further down (or up). */
void jv_top_move(struct jv_top *top, int by);
/* At most `height` lines (and JV_TOP_LINES), each at most `width` columns. Returns how many. */
uint32_t jv_top_sessions(const struct jv_top *top, uint32_t width, uint32_t height,
                         struct jv_top_line *lines);
/* The paths of the chosen session. */
uint32_t jv_top_paths(const struct jv_top *top, uint32_t width, uint32_t height,
                      struct jv_top_line *lines);
void jv_top_free(struct jv_top *top);
/* "38 Mb/s", "120 kb/s", "-". */
void jv_top_rate(uint64_t bps, char out[32]);
/* Cut a UTF-8 text after `width` columns; a control character becomes a question mark. */
void jv_top_cut(char *text, uint32_t width);
#endif /* JV_CLI_TOPVIEW_H */
