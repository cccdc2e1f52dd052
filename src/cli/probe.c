/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "form.h"

#define POLL_MS 10U
#define TEST_EVERY_MS 200U
#define TEST_COUNT 5U
#define PING_EVERY_MS 1000U
#define PING_COUNT 3U

static void pause_ms(uint64_t ms)
{
    struct timespec wait = {.tv_sec = (time_t)(ms / 1000U),
                            .tv_nsec = (long)(ms % 1000U) * 1000000L};
    (void)nanosleep(&wait, NULL); /* waking early costs one more look */
}

/* ---- rows ---- */

/* "fibre/udp" by name or transport, or the local address, with or without its port. */
static bool is_wanted(const json_t *path, const char *wanted)
{
    const char *name = jv_form_word(path, "name");
    const char *local = jv_form_word(path, "local");
    size_t len = strlen(wanted);
    bool is_name = strncmp(name, wanted, len) == 0 && (name[len] == '\0' || name[len] == '/');
    bool is_local = strncmp(local, wanted, len) == 0 && (local[len] == '\0' || local[len] == ':');
    return is_name || is_local;
}

uint32_t jv_probe_rows(const json_t *paths, const char *wanted,
                       struct jv_probe_row rows[JV_PROBE_PATHS])
{
    uint32_t len = 0;
    for (size_t i = 0; i < json_array_size(paths) && len < JV_PROBE_PATHS; i++) {
        const json_t *path = json_array_get(paths, i);
        bool is_off = strcmp(jv_form_word(path, "role"), "off") == 0;
        if (wanted == NULL ? is_off : !is_wanted(path, wanted)) {
            continue;
        }
        struct jv_probe_row *row = &rows[len++];
        *row = (struct jv_probe_row){.mtu = jv_form_member(path, "mtu")};
        (void)snprintf(row->name, sizeof(row->name), "%s", jv_form_word(path, "name"));
        (void)snprintf(row->local, sizeof(row->local), "%s", jv_form_word(path, "local"));
        (void)snprintf(row->remote, sizeof(row->remote), "%s", jv_form_word(path, "remote"));
        (void)snprintf(row->role, sizeof(row->role), "%s", jv_form_word(path, "role"));
        row->sent_at_first = row->sent_before = jv_form_member(path, "probes_sent");
        row->answered_at_first = row->answered_before = jv_form_member(path, "probes_answered");
    }
    return len;
}

static const json_t *path_of(const json_t *paths, const struct jv_probe_row *row)
{
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        if (strcmp(jv_form_word(path, "name"), row->name) == 0 &&
            strcmp(jv_form_word(path, "local"), row->local) == 0 &&
            strcmp(jv_form_word(path, "remote"), row->remote) == 0) {
            return path;
        }
    }
    return NULL;
}

void jv_probe_round(struct jv_probe_row *rows, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        rows[i].sent_before = rows[i].sent_at_first + rows[i].sent;
        rows[i].answered_before = rows[i].answered_at_first + rows[i].answered;
    }
}

static void take_answer(struct jv_probe_row *row, uint64_t rtt_us)
{
    row->rtt_min_us = row->rtts == 0 ? rtt_us : JV_MIN(row->rtt_min_us, rtt_us);
    row->rtt_max_us = JV_MAX(row->rtt_max_us, rtt_us);
    row->rtt_sum_us += rtt_us;
    row->rtt_last_us = rtt_us;
    row->rtts++;
}

bool jv_probe_update(const json_t *paths, struct jv_probe_row *rows, uint32_t len)
{
    bool is_done = true;
    for (uint32_t i = 0; i < len; i++) {
        struct jv_probe_row *row = &rows[i];
        const json_t *path = path_of(paths, row);
        uint64_t sent = jv_form_member(path, "probes_sent");
        uint64_t answered = jv_form_member(path, "probes_answered");
        if (path == NULL || sent < row->sent_at_first) {
            (void)snprintf(row->role, sizeof(row->role), "gone"); /* or another one of that name */
            continue;
        }
        (void)snprintf(row->role, sizeof(row->role), "%s", jv_form_word(path, "role"));
        row->mtu = jv_form_member(path, "mtu");
        if (answered > row->answered_at_first + row->answered) {
            take_answer(row, jv_form_member(path, "probe_rtt_us"));
        }
        row->sent = sent - row->sent_at_first;
        row->answered = answered - row->answered_at_first;
        is_done = is_done && sent > row->sent_before && answered > row->answered_before;
    }
    return is_done;
}

static void ms_text(uint64_t us, char out[JV_FORM_BYTES])
{
    (void)snprintf(out, JV_FORM_BYTES, "%" PRIu64 ".%" PRIu64, us / 1000U, us % 1000U / 100U);
}

void jv_probe_table(const struct jv_probe_row *rows, uint32_t len, FILE *file)
{
    (void)fprintf(file, "  %-8s %-5s %-24s %5s %8s %6s  %-22s %5s  %s\n", "PATH", "VIA", "REMOTE",
                  "SENT", "ANSWERED", "LOSS", "RTT min/avg/max", "MTU", "ROLE");
    for (uint32_t i = 0; i < len; i++) {
        const struct jv_probe_row *row = &rows[i];
        char part[3][JV_FORM_BYTES];
        char rtt[JV_FORM_BYTES * 3U + 8U] = "-";
        char loss[JV_FORM_BYTES] = "-";
        const char *slash = strchr(row->name, '/');
        int name = slash == NULL ? (int)strlen(row->name) : (int)(slash - row->name);
        if (row->rtts > 0) {
            ms_text(row->rtt_min_us, part[0]);
            ms_text(row->rtt_sum_us / row->rtts, part[1]);
            ms_text(row->rtt_max_us, part[2]);
            (void)snprintf(rtt, sizeof(rtt), "%s/%s/%s ms", part[0], part[1], part[2]);
        }
        if (row->sent > 0) {
            uint64_t lost = row->sent > row->answered ? row->sent - row->answered : 0;
            (void)snprintf(loss, sizeof(loss), "%" PRIu64 "%%", lost * 100U / row->sent);
        }
        (void)fprintf(
            file, "  %-8.*s %-5s %-24s %5" PRIu64 " %8" PRIu64 " %6s  %-22s %5" PRIu64 "  %s%s\n",
            name, row->name, slash == NULL ? "" : slash + 1, row->remote, row->sent, row->answered,
            loss, rtt, row->mtu, row->role, row->sent == 0 ? ", no probe could be sent" : "");
    }
}

json_t *jv_probe_json(const struct jv_probe_row *rows, uint32_t len)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < len; i++) {
        const struct jv_probe_row *row = &rows[i];
        json_t *one =
            json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "name", row->name, "local", row->local,
                      "remote", row->remote, "role", row->role, "mtu", (json_int_t)row->mtu, "sent",
                      (json_int_t)row->sent, "answered", (json_int_t)row->answered);
        if (row->rtts > 0) {
            json_object_set_new(one, "rtt_min_us", json_integer((json_int_t)row->rtt_min_us));
            json_object_set_new(one, "rtt_avg_us",
                                json_integer((json_int_t)(row->rtt_sum_us / row->rtts)));
            json_object_set_new(one, "rtt_max_us", json_integer((json_int_t)row->rtt_max_us));
        }
        json_array_append_new(list, one);
    }
    return list;
}

/* ---- asking ---- */

/* One round: order probes, wait for their answers. Not JV_EXIT_OK: said why. */
static int round_trip(const struct jv_cli *cli, const char *profile, const char *wanted,
                      struct jv_probe_row *rows, uint32_t len, bool *is_done)
{
    int code = JV_EXIT_OK;
    json_t *args = wanted == NULL ? NULL : json_pack("{s:s}", "path", wanted);
    jv_probe_round(rows, len);
    json_t *result = jv_client_call(cli, profile, "probe", args, false, &code);
    json_decref(result);
    *is_done = false;
    for (uint32_t waited = 0; result != NULL && !*is_done && waited < JV_PROBE_WAIT_MS;
         waited += POLL_MS) {
        pause_ms(POLL_MS);
        json_t *paths = jv_client_call(cli, profile, "paths", NULL, false, &code);
        if (paths == NULL) {
            return code;
        }
        *is_done = jv_probe_update(paths, rows, len);
        json_decref(paths);
    }
    return result == NULL ? code : JV_EXIT_OK;
}

static int find_rows(const struct jv_cli *cli, const char *profile, const char *wanted,
                     struct jv_probe_row rows[JV_PROBE_PATHS], uint32_t *len)
{
    int code = JV_EXIT_OK;
    json_t *paths = jv_client_call(cli, profile, "paths", NULL, false, &code);
    if (paths == NULL) {
        return code;
    }
    *len = jv_probe_rows(paths, wanted, rows);
    json_decref(paths);
    if (*len == 0) {
        (void)fprintf(stderr, "%s: %s: %s%s\n", cli->program, profile,
                      wanted == NULL ? "there is no path" : "no path is ",
                      wanted == NULL ? "" : wanted);
        return JV_EXIT_FAILED;
    }
    return JV_EXIT_OK;
}

int jv_probe_run(const struct jv_cli *cli, const char *profile, const char *wanted, uint64_t count,
                 struct jv_probe_row rows[JV_PROBE_PATHS], uint32_t *len)
{
    int code = find_rows(cli, profile, wanted, rows, len);
    for (uint64_t i = 0; code == JV_EXIT_OK && i < count; i++) {
        bool is_done = false;
        if (i > 0) {
            pause_ms(TEST_EVERY_MS);
        }
        code = round_trip(cli, profile, wanted, rows, *len, &is_done);
    }
    return code;
}

struct options {
    uint64_t count, every_ms;
    const char *path;
    const char *words[2];
    int words_len;
    bool is_json;
};

static int parse(int argc, char **argv, const struct jv_cli *cli, bool takes_path,
                 struct options *out)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'},
                                          {"count", required_argument, NULL, 'c'},
                                          {"path", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    out->is_json = cli->json;
    optind = 0;
    for (int opt; (opt = getopt_long(argc, argv, "c:", table, NULL)) != -1;) {
        if (opt == '?' || (opt == 'p' && !takes_path)) {
            return JV_EXIT_USAGE;
        }
        out->is_json = out->is_json || opt == 'j';
        out->path = opt == 'p' ? optarg : out->path;
        if (opt == 'c' &&
            (!jv_form_number(optarg, JV_PROBE_COUNT_MAX, &out->count) || out->count == 0)) {
            (void)fprintf(stderr, "%s: -c is '%s'; it must be 1 to %u\n", cli->program, optarg,
                          JV_PROBE_COUNT_MAX);
            return JV_EXIT_USAGE;
        }
    }
    out->words_len = argc - optind;
    for (int i = 0; i < out->words_len && i < 2; i++) {
        out->words[i] = argv[optind + i];
    }
    return out->words_len > 2 ? JV_EXIT_USAGE : JV_EXIT_OK;
}

/* One word is a path of the only profile, or the profile; with two, the path comes first. */
static bool is_profile(const struct jv_cli *cli, const char *word)
{
    char names[JV_CLIENT_PROFILES_MAX][JV_CLIENT_NAME_BYTES];
    uint32_t len = jv_client_profiles(cli, names);
    for (uint32_t i = 0; i < len; i++) {
        if (strcmp(names[i], word) == 0) {
            return true;
        }
    }
    return false;
}

int jv_cli_path_test(int argc, char **argv, const struct jv_cli *cli)
{
    struct options o = {.count = TEST_COUNT};
    struct jv_probe_row rows[JV_PROBE_PATHS];
    char profile[JV_CLIENT_NAME_BYTES];
    uint32_t len = 0;
    int code = parse(argc, argv, cli, false, &o);
    if (code != JV_EXIT_OK) {
        return code;
    }
    bool is_name = o.words_len == 1 && is_profile(cli, o.words[0]);
    const char *wanted = is_name ? NULL : o.words[0];
    if (!jv_client_profile(cli, is_name ? o.words[0] : o.words[1], profile, &code)) {
        return code;
    }
    code = jv_probe_run(cli, profile, wanted, o.count, rows, &len);
    if (code != JV_EXIT_OK) {
        return code;
    }
    if (o.is_json) {
        json_t *list = jv_probe_json(rows, len);
        (void)json_dumpf(list, stdout, JSON_INDENT(2)); /* a broken pipe is the reader's choice */
        (void)putchar('\n');
        json_decref(list);
    } else {
        jv_probe_table(rows, len, stdout);
    }
    for (uint32_t i = 0; i < len; i++) {
        code = rows[i].answered == 0 ? JV_EXIT_FAILED : code;
    }
    return code;
}

/* ---- ping ---- */

struct target {
    char host[JV_PROBE_TEXT_BYTES * 4U]; /* the gateway's name */
    char inner[JV_PROBE_TEXT_BYTES];     /* its inner address; "": unknown */
    char active[JV_PROBE_TEXT_BYTES];    /* the active path's name; "": none */
    bool is_known;                       /* the host that was asked for is this gateway */
};

static bool is_gateway_word(const json_t *status, const char *word)
{
    const json_t *gateways = json_object_get(status, "gateways");
    const json_t *session = json_object_get(status, "session");
    for (size_t i = 0; i < json_array_size(gateways); i++) {
        if (strcmp(json_string_value(json_array_get(gateways, i)), word) == 0) {
            return true;
        }
    }
    return strcmp(word, "gw") == 0 || strcmp(jv_form_word(session, "gateway_address"), word) == 0;
}

static void name_target(const json_t *status, const char *host, struct target *out)
{
    const json_t *gateways = json_object_get(status, "gateways");
    const json_t *session = json_object_get(status, "session");
    const json_t *paths = json_object_get(session, "paths");
    /* With several names nobody knows which of them an endpoint came from. */
    const char *name = json_array_size(gateways) == 1
                           ? json_string_value(json_array_get(gateways, 0))
                           : "the gateway";
    *out = (struct target){.is_known = host == NULL || is_gateway_word(status, host)};
    (void)snprintf(out->host, sizeof(out->host), "%s", name);
    (void)snprintf(out->inner, sizeof(out->inner), "%s", jv_form_word(session, "gateway_address"));
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        const char *role = jv_form_word(path, "role");
        bool is_bound = strcmp(role, "active") == 0;
        if (is_bound || (out->active[0] == '\0' && strcmp(role, "silent") == 0)) {
            (void)snprintf(out->active, sizeof(out->active), "%s", jv_form_word(path, "name"));
        }
    }
}

static void print_pong(const struct target *target, const struct jv_probe_row *row, uint64_t n,
                       bool is_done, bool is_json)
{
    char ms[JV_FORM_BYTES];
    const char *slash = strchr(row->name, '/');
    int len = slash == NULL ? (int)strlen(row->name) : (int)(slash - row->name);
    ms_text(row->rtt_last_us, ms);
    if (is_json) {
        json_t *one =
            json_pack("{s:I, s:s, s:s, s:s, s:b}", "n", (json_int_t)n, "gateway", target->host,
                      "path", row->name, "remote", row->remote, "answered", is_done);
        if (is_done) {
            json_object_set_new(one, "rtt_us", json_integer((json_int_t)row->rtt_last_us));
        }
        (void)json_dumpf(one, stdout, JSON_COMPACT); /* a broken pipe is the reader's choice */
        (void)putchar('\n');
        json_decref(one);
    } else if (is_done) {
        (void)printf("pong from %s%s%s%s via %s %s [%.*s] in %sms\n", target->host,
                     target->inner[0] == '\0' ? "" : " (", target->inner,
                     target->inner[0] == '\0' ? "" : ")", slash == NULL ? "?" : slash + 1,
                     row->remote, len, row->name, ms);
    } else {
        (void)printf("no answer via %s %s [%.*s] within %ums\n", slash == NULL ? "?" : slash + 1,
                     row->remote, len, row->name, JV_PROBE_WAIT_MS);
    }
    (void)fflush(stdout); /* who watches wants each line */
}

static int ping(const struct jv_cli *cli, const char *profile, const struct target *target,
                const struct options *o)
{
    struct jv_probe_row rows[JV_PROBE_PATHS];
    uint32_t len = 0;
    uint64_t answered = 0;
    const char *wanted = o->path == NULL ? target->active : o->path;
    int code = find_rows(cli, profile, wanted, rows, &len);
    for (uint64_t i = 0; code == JV_EXIT_OK && i < o->count; i++) {
        bool is_done = false;
        if (i > 0) {
            pause_ms(o->every_ms);
        }
        /* Several endpoints of one transport: the first is meant, it ranks before the others. */
        code = round_trip(cli, profile, rows[0].name, rows, 1, &is_done);
        if (code == JV_EXIT_OK) {
            print_pong(target, &rows[0], i + 1, is_done, o->is_json);
            answered += is_done ? 1 : 0;
        }
    }
    return code != JV_EXIT_OK ? code : answered > 0 ? JV_EXIT_OK : JV_EXIT_FAILED;
}

int jv_cli_ping(int argc, char **argv, const struct jv_cli *cli)
{
    struct options o = {.count = PING_COUNT, .every_ms = PING_EVERY_MS};
    struct target target;
    char profile[JV_CLIENT_NAME_BYTES];
    int code = parse(argc, argv, cli, true, &o);
    if (code != JV_EXIT_OK) {
        return code;
    }
    bool is_name = o.words_len == 1 && is_profile(cli, o.words[0]);
    const char *host = is_name ? NULL : o.words[0];
    if (!jv_client_profile(cli, is_name ? o.words[0] : o.words[1], profile, &code)) {
        return code;
    }
    json_t *status = jv_client_call(cli, profile, "status", NULL, false, &code);
    if (status == NULL) {
        return code;
    }
    bool is_client = strcmp(jv_form_word(status, "role"), "client") == 0;
    name_target(status, host, &target);
    json_decref(status);
    if (!is_client) {
        (void)fprintf(stderr, "%s: %s is a gateway: only a client pings\n", cli->program, profile);
        return JV_EXIT_FAILED;
    }
    if (!target.is_known) {
        (void)fprintf(stderr, "%s: %s is no gateway of %s: %s is\n", cli->program, host, profile,
                      target.host);
        return JV_EXIT_USAGE;
    }
    if (o.path == NULL && target.active[0] == '\0') {
        (void)fprintf(stderr, "%s: %s: no path is active; name one with --path\n", cli->program,
                      profile);
        return JV_EXIT_NO_SESSION;
    }
    return ping(cli, profile, &target, &o);
}
