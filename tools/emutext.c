/* SPDX-License-Identifier: Apache-2.0 */
#include "emutext.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define TIME_MAX_NS (60U * NS_PER_S)
#define RATE_MIN UINT64_C(8000) /* a byte a millisecond */
#define RATE_MAX UINT64_C(100000000000)
#define QUEUE_MIN 64U
#define QUEUE_MAX 1000000000U
#define MTU_MIN 68U /* the least that IPv4 allows */
#define MTU_MAX 9216U
#define FILE_BYTES 65536U
#define DIGITS_MAX 12U

struct unit {
    const char *name;
    uint64_t scale;
};

static const struct unit times[] = {{"us", NS_PER_US},     {"ms", NS_PER_MS},       {"s", NS_PER_S},
                                    {"m", 60U * NS_PER_S}, {"h", 3600U * NS_PER_S}, {NULL, 0}};
static const struct unit shares[] = {{"%", 10000}, {"ppm", 1}, {NULL, 0}};
static const struct unit rates[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {NULL, 0}};
static const struct unit plain[] = {{NULL, 0}};

static bool wrong(char *error, const char *form, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(char *error, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    (void)vsnprintf(error, EMU_ERROR_BYTES, form, args); /* cut where too long */
    va_end(args);
    return false;
}

/* A decimal number with one of the units; `bare` is the scale without one, 0: refused. What is finer than the scale is cut off. */
static bool read_value(const char *word, const struct unit *units, uint64_t bare, uint64_t *out)
{
    uint64_t whole = 0;
    uint64_t part = 0;
    uint64_t part_of = 1;
    uint32_t digits = 0;
    const char *at = word;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (uint64_t)(*at - '0');
        if (++digits > DIGITS_MAX) {
            return false;
        }
    }
    if (digits > 0 && *at == '.') {
        for (at++; *at >= '0' && *at <= '9' && part_of < NS_PER_MS; at++) {
            part = part * 10 + (uint64_t)(*at - '0');
            part_of *= 10;
        }
    }
    uint64_t scale = *at == '\0' ? bare : 0;
    for (; scale == 0 && units->name != NULL; units++) {
        scale = strcmp(at, units->name) == 0 ? units->scale : 0;
    }
    if (digits == 0 || scale == 0 || whole > UINT64_MAX / 2 / scale) {
        return false;
    }
    *out = whole * scale + part * scale / part_of;
    return true;
}

/* ---- one setting ---- */

struct reader {
    const struct emu_words *words;
    uint32_t *at;
    const struct emu_bare *bare;
    const char *verb;
    char *error;
};

static const char *peek(const struct reader *r)
{
    return *r->at < r->words->len ? r->words->at[*r->at] : "";
}

static bool accept(const struct reader *r, const char *word)
{
    bool is_it = strcmp(peek(r), word) == 0;
    *r->at += is_it ? 1 : 0;
    return is_it;
}

static bool refuse(const struct reader *r, const char *what, const char *range)
{
    const char *word = peek(r);
    return wrong(r->error, "%s%s is %s; it must be %s", r->verb, what,
                 word[0] != '\0' ? word : "missing", range);
}

static bool take_time(const struct reader *r, const char *what, uint64_t *out)
{
    if (!read_value(peek(r), times, r->bare->time_ns, out) || *out > TIME_MAX_NS) {
        return refuse(r, what, "0ms to 60s, with its unit: us, ms or s");
    }
    ++*r->at;
    return true;
}

static bool take_share(const struct reader *r, const char *what, uint64_t *out)
{
    if (!read_value(peek(r), shares, r->bare->share_ppm, out) || *out > EMU_PPM) {
        return refuse(r, what, "0% to 100%, with its unit: % or ppm");
    }
    ++*r->at;
    return true;
}

static bool take_rate(const struct reader *r, uint64_t values[3])
{
    bool is_off = accept(r, "off") || accept(r, "0");
    if (is_off) {
        return true;
    }
    if (!read_value(peek(r), rates, r->bare->rate_bits, &values[0]) || values[0] < RATE_MIN ||
        values[0] > RATE_MAX) {
        return refuse(r, "", "8kbit to 100gbit, with its unit: kbit, mbit or gbit; or off");
    }
    ++*r->at;
    if (accept(r, "queue")) {
        if (!read_value(peek(r), plain, 1, &values[1]) || values[1] < QUEUE_MIN ||
            values[1] > QUEUE_MAX) {
            return refuse(r, " queue", "64 to 1000000000 bytes");
        }
        ++*r->at;
    }
    return true;
}

static bool take_mtu(const struct reader *r, uint64_t values[3])
{
    if (accept(r, "off")) {
        return true;
    }
    if (!read_value(peek(r), plain, 1, &values[0]) || values[0] < MTU_MIN || values[0] > MTU_MAX) {
        return refuse(r, "", "68 to 9216 bytes, or off");
    }
    ++*r->at;
    values[1] = accept(r, "answer") ? 1 : 0;
    return values[1] == 1 || accept(r, "silent") ||
           refuse(r, " of what is too long", "answer or silent");
}

static bool take_burst(const struct reader *r, uint64_t values[3])
{
    uint64_t first = 0;
    if (accept(r, "off")) {
        return true;
    }
    if (!take_share(r, " enter", &values[0]) || !take_share(r, " leave", &values[1])) {
        return false;
    }
    values[2] = EMU_PPM;
    /* The third share may be absent: another setting or a direction follows then. */
    return !(peek(r)[0] >= '0' && peek(r)[0] <= '9') ||
           (take_share(r, " loss", &first) && ((values[2] = first), true));
}

static bool take_reorder(const struct reader *r, uint64_t values[3])
{
    if (!take_share(r, "", &values[0])) {
        return false;
    }
    if (values[0] == 0 && strcmp(peek(r), "by") != 0) {
        return true;
    }
    return (accept(r, "by") || refuse(r, " behind its share", "by TIME")) &&
           take_time(r, " by", &values[1]);
}

static bool take_values(const struct reader *r, enum emu_kind kind, uint64_t values[3])
{
    switch (kind) {
    case EMU_SET_DELAY:
    case EMU_SET_JITTER:
        return take_time(r, "", &values[0]);
    case EMU_SET_LOSS:
    case EMU_SET_DUPLICATE:
        return take_share(r, "", &values[0]);
    case EMU_SET_BURST:
        return take_burst(r, values);
    case EMU_SET_REORDER:
        return take_reorder(r, values);
    case EMU_SET_RATE:
        return take_rate(r, values);
    case EMU_SET_MTU:
        return take_mtu(r, values);
    case EMU_SET_HOLE:
        values[0] = accept(r, "on") ? 1 : 0;
        return values[0] == 1 || accept(r, "off") || refuse(r, "", "on or off");
    case EMU_SET_CLEAR:
        return true;
    }
    return false;
}

bool emu_setting_parse(const struct emu_words *words, uint32_t *at, const struct emu_bare *bare,
                       struct emu_setting *out, char *error)
{
    static const struct {
        const char *verb;
        enum emu_kind kind;
    } verbs[] = {
        {"delay", EMU_SET_DELAY},    {"jitter", EMU_SET_JITTER},   {"loss", EMU_SET_LOSS},
        {"burst", EMU_SET_BURST},    {"reorder", EMU_SET_REORDER}, {"duplicate", EMU_SET_DUPLICATE},
        {"dup", EMU_SET_DUPLICATE},  {"rate", EMU_SET_RATE},       {"mtu", EMU_SET_MTU},
        {"blackhole", EMU_SET_HOLE}, {"clear", EMU_SET_CLEAR}};
    const char *verb = *at < words->len ? words->at[*at] : "";
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verb, verbs[i].verb) == 0) {
            uint32_t next = *at + 1;
            struct emu_setting setting = {verbs[i].kind, {0, 0, 0}};
            const struct reader r = {words, &next, bare, verb, error};
            if (!take_values(&r, setting.kind, setting.values)) {
                return false;
            }
            *out = setting;
            *at = next;
            return true;
        }
    }
    return wrong(error,
                 "'%s' is no setting; there are delay, jitter, loss, burst, reorder, duplicate, "
                 "rate, mtu, blackhole and clear",
                 verb);
}

void emu_setting_apply(const struct emu_setting *setting, struct emu_shape *shape)
{
    const uint64_t *v = setting->values;
    switch (setting->kind) {
    case EMU_SET_DELAY:
        shape->delay_ns = v[0];
        break;
    case EMU_SET_JITTER:
        shape->jitter_ns = v[0];
        break;
    case EMU_SET_LOSS:
        shape->loss_ppm = (uint32_t)v[0];
        break;
    case EMU_SET_BURST:
        shape->enter_ppm = (uint32_t)v[0];
        shape->leave_ppm = (uint32_t)v[1];
        shape->bad_loss_ppm = (uint32_t)v[2];
        break;
    case EMU_SET_REORDER:
        shape->reorder_ppm = (uint32_t)v[0];
        shape->reorder_ns = v[1];
        break;
    case EMU_SET_DUPLICATE:
        shape->dup_ppm = (uint32_t)v[0];
        break;
    case EMU_SET_RATE:
        shape->bits_per_s = v[0];
        shape->queue_bytes = (uint32_t)v[1];
        break;
    case EMU_SET_MTU:
        shape->mtu = (uint32_t)v[0];
        shape->mtu_answers = v[1] != 0;
        break;
    case EMU_SET_HOLE:
        shape->hole = v[0] != 0;
        break;
    case EMU_SET_CLEAR:
        *shape = (struct emu_shape){0};
        break;
    }
}

void emu_setting_print(const struct emu_setting *setting, char out[EMU_SETTING_BYTES])
{
    const uint64_t *v = setting->values;
    const size_t room = EMU_SETTING_BYTES;
    switch (setting->kind) {
    case EMU_SET_DELAY:
        (void)snprintf(out, room, "delay %" PRIu64 "us", v[0] / NS_PER_US);
        break;
    case EMU_SET_JITTER:
        (void)snprintf(out, room, "jitter %" PRIu64 "us", v[0] / NS_PER_US);
        break;
    case EMU_SET_LOSS:
        (void)snprintf(out, room, "loss %" PRIu64 "ppm", v[0]);
        break;
    case EMU_SET_BURST:
        (void)snprintf(out, room, "burst %" PRIu64 "ppm %" PRIu64 "ppm %" PRIu64 "ppm", v[0], v[1],
                       v[2]);
        break;
    case EMU_SET_REORDER:
        (void)snprintf(out, room, "reorder %" PRIu64 "ppm by %" PRIu64 "us", v[0],
                       v[1] / NS_PER_US);
        break;
    case EMU_SET_DUPLICATE:
        (void)snprintf(out, room, "duplicate %" PRIu64 "ppm", v[0]);
        break;
    case EMU_SET_RATE:
        if (v[0] == 0) {
            (void)snprintf(out, room, "rate off");
        } else if (v[1] == 0) {
            (void)snprintf(out, room, "rate %" PRIu64 "bit", v[0]);
        } else {
            (void)snprintf(out, room, "rate %" PRIu64 "bit queue %" PRIu64, v[0], v[1]);
        }
        break;
    case EMU_SET_MTU:
        if (v[0] == 0) {
            (void)snprintf(out, room, "mtu off");
        } else {
            (void)snprintf(out, room, "mtu %" PRIu64 " %s", v[0], v[1] != 0 ? "answer" : "silent");
        }
        break;
    case EMU_SET_HOLE:
        (void)snprintf(out, room, "blackhole %s", v[0] != 0 ? "on" : "off");
        break;
    case EMU_SET_CLEAR:
        (void)snprintf(out, room, "clear");
        break;
    }
}

uint32_t emu_dirs_of(const char *word)
{
    if (strcmp(word, "a->b") == 0 || strcmp(word, "a2b") == 0) {
        return 1;
    }
    if (strcmp(word, "b->a") == 0 || strcmp(word, "b2a") == 0) {
        return 2;
    }
    return strcmp(word, "both") == 0 ? 3 : 0;
}

/* ---- scripts ---- */

struct parse {
    const char *name;
    uint32_t line;
    struct emu_script *out;
    uint32_t order;
    /* the loop that is open */
    bool is_loop;
    uint32_t loop_line, loop_first; /* its first step */
    uint64_t from_ns, every_ns, rounds;
    char *error;
};

static bool wrong_at(struct parse *p, uint32_t line, const char *form, ...)
    __attribute__((format(printf, 3, 4)));
static bool wrong_at(struct parse *p, uint32_t line, const char *form, ...)
{
    char text[EMU_ERROR_BYTES];
    va_list args;
    va_start(args, form);
    (void)vsnprintf(text, sizeof text, form, args); /* cut where too long */
    va_end(args);
    return wrong(p->error, "%s:%" PRIu32 ": %s", p->name, line, text);
}

static bool read_moment(struct parse *p, const struct emu_words *w, uint32_t at, const char *what,
                        uint64_t *out)
{
    const char *word = at < w->len ? w->at[at] : "missing";
    return (read_value(word, times, 0, out) && *out <= EMU_SPAN_NS) ||
           wrong_at(p, p->line, "%s is %s; it must be 0s to 24h, with its unit: us, ms, s, m or h",
                    what, word);
}

static bool add_step(struct parse *p, const struct emu_step *step)
{
    if (p->out->steps_len == EMU_STEPS_MAX) {
        return wrong_at(p, p->line, "more than %u settings once loops are written out",
                        EMU_STEPS_MAX);
    }
    struct emu_step *to = &p->out->steps[p->out->steps_len++];
    *to = *step;
    to->order = p->order++;
    return true;
}

/* at TIME DIR SETTING ... */
static bool parse_at(struct parse *p, const struct emu_words *w)
{
    static const struct emu_bare owed = {0, 0, 0};
    char text[EMU_ERROR_BYTES];
    struct emu_step step = {0};
    if (!read_moment(p, w, 1, "at", &step.at_ns)) {
        return false;
    }
    if (p->is_loop && step.at_ns >= p->every_ns) {
        return wrong_at(p, p->line, "at is %s; inside a loop it must be earlier than its every",
                        w->at[1]);
    }
    step.dirs = w->len > 2 ? emu_dirs_of(w->at[2]) : 0;
    if (step.dirs == 0) {
        return wrong_at(p, p->line, "the direction is %s; it must be a->b, b->a or both",
                        w->len > 2 ? w->at[2] : "missing");
    }
    uint32_t at = 3;
    do {
        if (!emu_setting_parse(w, &at, &owed, &step.setting, text)) {
            return wrong_at(p, p->line, "%s", text);
        }
        if (!add_step(p, &step)) {
            return false;
        }
    } while (at < w->len);
    return true;
}

/* from TIME repeat N every TIME */
static bool parse_from(struct parse *p, const struct emu_words *w)
{
    if (p->is_loop) {
        return wrong_at(p, p->line, "a loop inside the loop of line %" PRIu32, p->loop_line);
    }
    if (w->len != 6 || strcmp(w->at[2], "repeat") != 0 || strcmp(w->at[4], "every") != 0) {
        return wrong_at(p, p->line, "a loop must be: from TIME repeat N every TIME");
    }
    if (!read_moment(p, w, 1, "from", &p->from_ns) ||
        !read_moment(p, w, 5, "every", &p->every_ns)) {
        return false;
    }
    if (!read_value(w->at[3], plain, 1, &p->rounds) || p->rounds < 1 ||
        p->rounds > EMU_REPEATS_MAX) {
        return wrong_at(p, p->line, "repeat is %s; it must be 1 to %u", w->at[3], EMU_REPEATS_MAX);
    }
    if (p->from_ns + p->rounds * p->every_ns > EMU_SPAN_NS) {
        return wrong_at(p, p->line, "the loop ends later than 24h");
    }
    p->is_loop = true;
    p->loop_line = p->line;
    p->loop_first = p->out->steps_len;
    return true;
}

/* The steps of the loop stand there as its first round; the other rounds are copies. */
static bool parse_end(struct parse *p, const struct emu_words *w)
{
    uint32_t first = p->loop_first;
    uint32_t len = p->out->steps_len - first;
    if (!p->is_loop || w->len != 1) {
        return wrong_at(p, p->line, p->is_loop ? "end takes no more words" : "end without a loop");
    }
    for (uint64_t round = 1; round < p->rounds; round++) {
        for (uint32_t i = 0; i < len; i++) {
            struct emu_step step = p->out->steps[first + i];
            step.at_ns += p->from_ns + round * p->every_ns;
            if (!add_step(p, &step)) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < len; i++) {
        p->out->steps[first + i].at_ns += p->from_ns;
    }
    p->is_loop = false;
    return true;
}

static bool parse_seed(struct parse *p, const struct emu_words *w)
{
    if (p->out->has_seed) {
        return wrong_at(p, p->line, "a second seed");
    }
    p->out->has_seed = true;
    return (w->len == 2 && read_value(w->at[1], plain, 1, &p->out->seed)) ||
           wrong_at(p, p->line, "seed is %s; it must be a number of at most %u digits",
                    w->len > 1 ? w->at[1] : "missing", DIGITS_MAX);
}

static bool parse_line(struct parse *p, char *line)
{
    struct emu_words w = {.len = 0};
    char *save = NULL;
    line[strcspn(line, "#")] = '\0';
    for (char *word = strtok_r(line, " \t\r", &save); word != NULL;
         word = strtok_r(NULL, " \t\r", &save)) {
        if (w.len == EMU_WORDS_MAX) {
            return wrong_at(p, p->line, "more than %u words", EMU_WORDS_MAX);
        }
        w.at[w.len++] = word;
    }
    if (w.len == 0) {
        return true;
    }
    if (strcmp(w.at[0], "at") == 0) {
        return parse_at(p, &w);
    }
    if (strcmp(w.at[0], "from") == 0) {
        return parse_from(p, &w);
    }
    if (strcmp(w.at[0], "end") == 0) {
        return parse_end(p, &w);
    }
    if (strcmp(w.at[0], "seed") == 0) {
        return parse_seed(p, &w);
    }
    return wrong_at(p, p->line, "a line begins with at, from, end or seed, not with '%s'", w.at[0]);
}

static int by_time(const void *left, const void *right)
{
    const struct emu_step *l = left;
    const struct emu_step *r = right;
    if (l->at_ns != r->at_ns) {
        return l->at_ns < r->at_ns ? -1 : 1;
    }
    return l->order < r->order ? -1 : 1;
}

bool emu_script_parse(const char *name, char *text, struct emu_script *out, char *error)
{
    struct parse p = {.name = name, .out = out, .error = error};
    out->steps_len = 0;
    out->has_seed = false;
    for (char *at = text; at != NULL;) {
        char *end = strchr(at, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        p.line++;
        if (!parse_line(&p, at)) {
            return false;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    if (p.is_loop) {
        return wrong_at(&p, p.loop_line, "the loop has no end");
    }
    qsort(out->steps, out->steps_len, sizeof out->steps[0], by_time);
    return true;
}

bool emu_script_load(const char *path, struct emu_script *out, char *error)
{
    static char text[FILE_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return wrong(error, "%s: %s", path, strerror(errno));
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    bool is_whole = feof(file) != 0;
    (void)fclose(file); /* read only */
    if (!is_whole) {
        return wrong(error, "%s: longer than %u bytes, or not readable", path, FILE_BYTES - 1);
    }
    text[len] = '\0';
    return emu_script_parse(path, text, out, error);
}

uint64_t emu_play(struct emu_player *player, uint64_t now_ns, struct emu *emu)
{
    const struct emu_script *script = player->script;
    while (script != NULL && player->next < script->steps_len) {
        const struct emu_step *step = &script->steps[player->next];
        if (player->start_ns + step->at_ns > now_ns) {
            return player->start_ns + step->at_ns;
        }
        for (uint32_t dir = 0; dir < EMU_DIRS; dir++) {
            if ((step->dirs & 1U << dir) != 0) {
                emu_setting_apply(&step->setting, &emu->dirs[dir].shape);
            }
        }
        player->next++;
    }
    return UINT64_MAX;
}
