/* SPDX-License-Identifier: Apache-2.0 */
#include "describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum unit { UNIT_COUNT, UNIT_US, UNIT_MS, UNIT_PPM, UNIT_RUNG };

/* How a measured value reads, and the limit that belongs to it (JV_FD_END: none). */
struct phrase {
    enum jv_record_key key, limit;
    const char *before, *after;
    enum unit unit;
};
static const struct phrase seen_phrases[] = {
    {JV_FD_silent_us, JV_FD_silence_limit_us, "silent ", "", UNIT_US},
    {JV_FD_unanswered, JV_FD_unanswered_limit, "", " unanswered", UNIT_COUNT},
    {JV_FD_rtt_us, JV_FD_END, "round trip ", "", UNIT_US},
    {JV_FD_jitter_us, JV_FD_END, "jitter ", "", UNIT_US},
    {JV_FD_loss_ppm, JV_FD_loss_limit_ppm, "loss ", "", UNIT_PPM},
    {JV_FD_candidates, JV_FD_END, "candidates: ", "", UNIT_COUNT},
    {JV_FD_attempts, JV_FD_END, "attempts: ", "", UNIT_COUNT},
    {JV_FD_order, JV_FD_END, "request ", "", UNIT_COUNT},
    {JV_FD_peer_v, JV_FD_END, "the peer is at version ", "", UNIT_COUNT},
    {JV_FD_outage_us, JV_FD_END, "outage ", "", UNIT_US},
    {JV_FD_detect_us, JV_FD_confirm_limit_us, "detected after ", "", UNIT_US},
    {JV_FD_reattach_us, JV_FD_END, "reattached in ", "", UNIT_US},
    {JV_FD_age_ms, JV_FD_lifetime_ms, "age ", "", UNIT_MS},
    {JV_FD_transportless_ms, JV_FD_transport_ttl_ms, "without transport for ", "", UNIT_MS},
    {JV_FD_switches, JV_FD_END, "switches so far: ", "", UNIT_COUNT},
    {JV_FD_switches_in_window, JV_FD_switches_limit, "switches in the last minute: ", "",
     UNIT_COUNT},
    {JV_FD_proof_age_ms, JV_FD_proof_max_age_ms, "proof ", " old", UNIT_MS},
    {JV_FD_epoch, JV_FD_END, "epoch ", "", UNIT_COUNT},
    {JV_FD_packets, JV_FD_END, "packets: ", "", UNIT_COUNT},
    {JV_FD_count, JV_FD_births_limit, "count ", "", UNIT_COUNT},
    {JV_FD_stable_ms, JV_FD_stability_window_ms, "stable for ", "", UNIT_MS},
    {JV_FD_prefer, JV_FD_END, "preference ", "", UNIT_COUNT},
    {JV_FD_first_lost_seq, JV_FD_END, "lost from seq ", "", UNIT_COUNT},
    {JV_FD_last_lost_seq, JV_FD_END, "to seq ", "", UNIT_COUNT},
    {JV_FD_resent, JV_FD_END, "sent again: ", "", UNIT_COUNT},
    {JV_FD_pushed_out, JV_FD_END, "no room to send again: ", "", UNIT_COUNT},
    {JV_FD_rung, JV_FD_END, "by ", "", UNIT_RUNG},
    {JV_FD_slept_ms, JV_FD_END, "slept ", "", UNIT_MS},
    {JV_FD_p95_us, JV_FD_latency_limit_us, "95 % within ", "", UNIT_US},
    {JV_FD_score, JV_FD_score_limit, "score ", "", UNIT_PPM},
    {JV_FD_rank, JV_FD_END, "rank ", "", UNIT_COUNT},
    {JV_FD_entries, JV_FD_entries_limit, "doubts in the last minute: ", "", UNIT_COUNT},
    {JV_FD_metered_ms, JV_FD_metered_limit_ms, "metered for ", "", UNIT_MS},
    {JV_FD_cost, JV_FD_END, "cost ", "", UNIT_COUNT},
    {JV_FD_policy_was, JV_FD_END, "policy before ", "", UNIT_COUNT},
    {JV_FD_kept, JV_FD_END, "kept for the jump: ", "", UNIT_COUNT},
    {JV_FD_too_old, JV_FD_END, "too old to send again: ", "", UNIT_COUNT},
    {JV_FD_mtu, JV_FD_mtu_wanted, "MTU inside ", "", UNIT_COUNT},
    {JV_FD_mtu_before, JV_FD_END, "before ", "", UNIT_COUNT},
};

static const struct phrase limit_phrases[] = {
    {JV_FD_silence_limit_us, JV_FD_silent_us, "silence ", "", UNIT_US},
    {JV_FD_unanswered_limit, JV_FD_unanswered, "unanswered ", "", UNIT_COUNT},
    {JV_FD_confirm_limit_us, JV_FD_detect_us, "confirmation ", "", UNIT_US},
    {JV_FD_switches_limit, JV_FD_switches_in_window, "switches ", " per min", UNIT_COUNT},
    {JV_FD_switch_tokens, JV_FD_END, "switch tokens left: ", "", UNIT_COUNT},
    {JV_FD_cooldown_left_ms, JV_FD_END, "cooldown ", " left", UNIT_MS},
    {JV_FD_recovery_window_ms, JV_FD_END, "recovery window ", "", UNIT_MS},
    {JV_FD_volatile_limit_ms, JV_FD_END, "VOLATILE at most ", "", UNIT_MS},
    {JV_FD_transport_ttl_ms, JV_FD_transportless_ms, "without transport at most ", "", UNIT_MS},
    {JV_FD_lifetime_ms, JV_FD_age_ms, "lifetime ", "", UNIT_MS},
    {JV_FD_proof_max_age_ms, JV_FD_proof_age_ms, "proofs at most ", " old", UNIT_MS},
    {JV_FD_path_valid_ms, JV_FD_END, "paths proven within ", "", UNIT_MS},
    {JV_FD_stability_window_ms, JV_FD_stable_ms, "stability window ", "", UNIT_MS},
    {JV_FD_retry_after_ms, JV_FD_END, "retry after ", "", UNIT_MS},
    {JV_FD_births_limit, JV_FD_count, "births ", " per min", UNIT_COUNT},
    {JV_FD_loss_limit_ppm, JV_FD_loss_ppm, "loss ", "", UNIT_PPM},
    {JV_FD_loss_window_ms, JV_FD_END, "in windows of ", "", UNIT_MS},
    {JV_FD_hold_ms, JV_FD_END, "hold ", "", UNIT_MS},
    {JV_FD_latency_limit_us, JV_FD_p95_us, "95 % within ", "", UNIT_US},
    {JV_FD_jitter_limit_us, JV_FD_END, "jitter ", "", UNIT_US},
    {JV_FD_score_limit, JV_FD_score, "score above ", "", UNIT_PPM},
    {JV_FD_penalty_left_ms, JV_FD_END, "penalty ", " left", UNIT_MS},
    {JV_FD_dwell_left_ms, JV_FD_END, "dwell ", " left", UNIT_MS},
    {JV_FD_entries_limit, JV_FD_entries, "doubts ", " per min", UNIT_COUNT},
    {JV_FD_metered_limit_ms, JV_FD_metered_ms, "metered for at most ", "", UNIT_MS},
    {JV_FD_mtu_wanted, JV_FD_mtu, "session's MTU ", "", UNIT_COUNT},
};

/* Append what fits; a description that is cut stays readable. */
JV_PRINTF(4, 5)
static void append(char *out, size_t cap, size_t *len, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    int n = vsnprintf(out + *len, cap - *len, form, args);
    va_end(args);
    *len = n < 0 ? *len : JV_MIN(*len + (size_t)n, cap - 1);
}

void jv_describe_time(uint64_t wall_ns, enum jv_describe_time form, char *out, size_t cap)
{
    time_t seconds = (time_t)(wall_ns / JV_NS_PER_S);
    struct tm tm;
    out[0] = '\0';
    if (localtime_r(&seconds, &tm) != NULL) {
        size_t len =
            strftime(out, cap, form == JV_TIME_OF_DAY ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
        append(out, cap, &len, ".%03u", (unsigned)(wall_ns / JV_NS_PER_MS % 1000));
    }
}

void jv_describe_us(uint64_t us, char *out, size_t cap)
{
    uint64_t s = us / 1000000;
    size_t len = 0;
    if (us % 1000 != 0 && us < 100000) {
        uint64_t tenths = (us + 50) / 100;
        append(out, cap, &len, "%" PRIu64 ".%u ms", tenths / 10, (unsigned)(tenths % 10));
    } else if (us < 10000000 && us % 1000000 != 0) {
        append(out, cap, &len, "%" PRIu64 " ms", (us + 500) / 1000);
    } else if (us == 0) {
        append(out, cap, &len, "0 ms");
    } else if (s < 120) {
        append(out, cap, &len, "%" PRIu64 " s", s);
    } else if (s < 7200) {
        append(out, cap, &len, "%" PRIu64 "m %us", s / 60, (unsigned)(s % 60));
    } else if (s < 172800) {
        append(out, cap, &len, "%" PRIu64 "h %um", s / 3600, (unsigned)(s / 60 % 60));
    } else {
        append(out, cap, &len, "%" PRIu64 "d %uh", s / 86400, (unsigned)(s / 3600 % 24));
    }
}

static const char *rung_text(uint64_t rung)
{
    static const char *const texts[] = {
        "nothing",          "the same socket",  "another source port", "the other address family",
        "another endpoint", "another interface"};
    return rung < JV_ARRAY_LEN(texts) ? texts[rung] : "an unknown rung";
}

static void append_value(char *out, size_t cap, size_t *len, enum unit unit, uint64_t value)
{
    char text[32];
    switch (unit) {
    case UNIT_COUNT:
        append(out, cap, len, "%" PRIu64, value);
        break;
    case UNIT_US:
    case UNIT_MS:
        jv_describe_us(unit == UNIT_US ? value : JV_MIN(value, UINT64_MAX / 1000) * 1000, text,
                       sizeof text);
        append(out, cap, len, "%s", text);
        break;
    case UNIT_RUNG:
        append(out, cap, len, "%s", rung_text(value));
        break;
    case UNIT_PPM:
        append(out, cap, len, "%" PRIu64 ".%u %%", value / 10000, (unsigned)(value / 1000 % 10));
        break;
    }
}

static bool has_field(const struct jv_record *rec, enum jv_record_key key)
{
    return key != JV_FD_END && (jv_record_get(rec, key, 0) != 0 || jv_record_get(rec, key, 1) != 1);
}

void jv_describe_seen(const struct jv_record *rec, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < JV_ARRAY_LEN(seen_phrases); i++) {
        const struct phrase *p = &seen_phrases[i];
        if (!has_field(rec, p->key)) {
            continue;
        }
        append(out, cap, &len, "%s%s", len > 0 ? ", " : "", p->before);
        append_value(out, cap, &len, p->unit, jv_record_get(rec, p->key, 0));
        append(out, cap, &len, "%s", p->after);
        if (has_field(rec, p->limit)) {
            append(out, cap, &len, " (limit ");
            append_value(out, cap, &len, p->unit, jv_record_get(rec, p->limit, 0));
            append(out, cap, &len, ")");
        }
    }
}

void jv_describe_limits(const struct jv_record *rec, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < JV_ARRAY_LEN(limit_phrases); i++) {
        const struct phrase *p = &limit_phrases[i];
        if (has_field(rec, p->key) && !has_field(rec, p->limit)) {
            append(out, cap, &len, "%s%s", len > 0 ? " · " : "", p->before);
            append_value(out, cap, &len, p->unit, jv_record_get(rec, p->key, 0));
            append(out, cap, &len, "%s", p->after);
        }
    }
}

void jv_describe_what(const struct jv_record *rec, char *out, size_t cap)
{
    size_t len = 0;
    if (rec->row != JV_ROW_NONE) {
        append(out, cap, &len, "%s → %s", jv_state_name((enum jv_state)rec->from),
               jv_state_name((enum jv_state)rec->to));
    } else {
        append(out, cap, &len, "%s", jv_event_name((enum jv_event_type)rec->event));
    }
}

const char *jv_describe_colour(const struct jv_cli *cli, const struct jv_record *rec)
{
    static const char *const colours[JV_ST_END] = {
        [JV_ST_BIRTH] = "\033[34m",      [JV_ST_ATTACHED] = "\033[32m",
        [JV_ST_VOLATILE] = "\033[33m",   [JV_ST_DEGRADED] = "\033[35m",
        [JV_ST_RECOVERING] = "\033[36m", [JV_ST_TERMINATED] = "\033[31m",
    };
    return cli->colour && rec->row != JV_ROW_NONE ? colours[rec->to] : "";
}

const char *jv_describe_plain(const struct jv_cli *cli)
{
    return cli->colour ? "\033[0m" : "";
}

void jv_describe_text(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    for (; text[n] != '\0' && n + 1 < cap; n++) {
        uint8_t c = (uint8_t)text[n];
        /* U+0080 to U+009F are control characters as well: c2 80 to c2 9f. */
        bool is_c1 = n > 0 && (uint8_t)text[n - 1] == 0xc2 && c >= 0x80 && c < 0xa0;
        out[n] = c < 0x20 || c == 0x7f || is_c1 ? '?' : text[n];
    }
    out[n] = '\0';
}

void jv_print_wide(const char *text, size_t width)
{
    size_t columns = 0;
    for (const char *at = text; *at != '\0'; at++) {
        columns += ((uint8_t)*at & 0xc0) != 0x80 ? 1 : 0;
    }
    (void)fputs(text, stdout);
    while (columns++ < width) {
        (void)putchar(' ');
    }
}

void jv_print_json(const char *text)
{
    (void)putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        uint8_t c = (uint8_t)*at;
        if (c < 0x20 || c == 0x7f) {
            (void)printf("\\u%04x", (unsigned)c);
        } else {
            (void)printf("%s%c", c == '"' || c == '\\' ? "\\" : "", *at);
        }
    }
    (void)putchar('"');
}

void jv_print_record(const struct jv_record_line *line)
{
    char text[JV_RECORD_LINE_BYTES];
    char hash[JV_RECORD_HASH_TEXT];
    size_t len = jv_record_write(&line->rec, line->rec.at.ns, line->node, line->prev, text,
                                 sizeof text, hash);
    (void)fwrite(text, 1, len > 0 ? len - 1 : 0, stdout); /* without its newline */
}

void jv_print_sid(const struct jv_sid *sid)
{
    for (size_t i = 0; i < sizeof sid->b; i++) {
        (void)printf("%02x", (unsigned)sid->b[i]);
    }
}
