/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "hooks.h"
#include "server.h"

struct jv_metrics {
    struct MHD_Daemon *http;
    struct jv_server *server;
    pthread_mutex_t lock; /* of `shown` and `shown_len`; the loop only ever tries it */
    char *shown, *spare;
    size_t shown_len;
    struct jv_counters counters;
    struct jv_session_status status;
};

/* ---- the page ---- */

struct page {
    char *at;
    size_t left;
};

static void put(struct page *page, const char *fmt, ...) JV_PRINTF(2, 3);

static void put(struct page *page, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(page->at, page->left, fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= page->left) {
        page->at[0] = '\0'; /* a line that does not fit is left out as a whole */
        page->left = 1;
        return;
    }
    page->at += len;
    page->left -= (size_t)len;
}

static void head(struct page *page, const char *name, const char *type, const char *help)
{
    put(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct page *page, const char *name, uint64_t value, const char *help)
{
    head(page, name, "counter", help);
    put(page, "%s %" PRIu64 "\n", name, value);
}

static void put_states(struct page *page, const struct jv_counters *counters)
{
    head(page, "jv_sessions", "gauge", "Sessions in each state.");
    for (uint32_t i = 0; i < JV_ST_END; i++) {
        put(page, "jv_sessions{state=\"%s\"} %" PRIu64 "\n", jv_state_name((enum jv_state)i),
            counters->sessions[i]);
    }
    head(page, "jv_transitions_total", "counter", "Transitions of sessions.");
    for (uint32_t from = 0; from < JV_ST_END; from++) {
        for (uint32_t to = 0; to < JV_ST_END; to++) {
            if (counters->transitions[from][to] > 0) {
                put(page, "jv_transitions_total{from=\"%s\",to=\"%s\"} %" PRIu64 "\n",
                    jv_state_name((enum jv_state)from), jv_state_name((enum jv_state)to),
                    counters->transitions[from][to]);
            }
        }
    }
    head(page, "jv_sessions_ended_total", "counter", "Ended sessions by reason.");
    for (uint32_t i = 1; i < JV_WHY_END; i++) {
        if (counters->ends_by_reason[i] > 0) {
            put(page, "jv_sessions_ended_total{reason=\"%s\"} %" PRIu64 "\n",
                jv_why_name((enum jv_why)i), counters->ends_by_reason[i]);
        }
    }
}

static void put_outages(struct page *page, const struct jv_counters *counters)
{
    static const char *const bounds[10] = {"0.01", "0.025", "0.05", "0.1", "0.25",
                                           "0.5",  "1",     "2.5",  "5",   "+Inf"};
    head(page, "jv_switch_outage_seconds", "histogram", "Outage at a jump.");
    for (uint32_t i = 0; i < JV_ARRAY_LEN(bounds); i++) {
        put(page, "jv_switch_outage_seconds_bucket{le=\"%s\"} %" PRIu64 "\n", bounds[i],
            counters->outage_buckets[i]);
    }
    put(page, "jv_switch_outage_seconds_sum %" PRIu64 ".%06" PRIu64 "\n",
        counters->outage_sum_us / 1000000U, counters->outage_sum_us % 1000000U);
    put(page, "jv_switch_outage_seconds_count %" PRIu64 "\n", counters->outage_buckets[9]);
}

static void put_paths(struct page *page, const struct jv_session_status *session)
{
    head(page, "jv_path_rtt_seconds", "gauge", "Smoothed round trip of a path.");
    for (uint32_t i = 0; i < session->paths_len; i++) {
        const struct jv_path_status *path = &session->paths[i];
        put(page, "jv_path_rtt_seconds{path=\"%s\",idx=\"%u\"} %" PRIu64 ".%06" PRIu64 "\n",
            path->name, i, path->srtt_us / 1000000U, path->srtt_us % 1000000U);
    }
    head(page, "jv_path_loss_ratio", "gauge", "Share of lost packets on a path.");
    for (uint32_t i = 0; i < session->paths_len; i++) {
        const struct jv_path_status *path = &session->paths[i];
        put(page, "jv_path_loss_ratio{path=\"%s\",idx=\"%u\"} %u.%06u\n", path->name, i,
            path->loss_ppm / 1000000U, path->loss_ppm % 1000000U);
    }
}

/* Labels are snake_case, whatever case the name of the counter has. */
static void put_drop(struct page *page, const char *name, uint64_t value)
{
    char label[JV_NAME_BYTES];
    (void)snprintf(label, sizeof(label), "%s", name);
    for (char *at = label; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    put(page, "jv_packets_dropped_total{reason=\"%s\"} %" PRIu64 "\n", label, value);
}

static void put_traffic(struct page *page, const struct jv_counters *counters)
{
    single(page, "jv_received_datagrams_total", counters->rx_datagrams,
           "Outer datagrams received.");
    single(page, "jv_received_bytes_total", counters->rx_bytes, "Outer bytes received.");
    single(page, "jv_sent_datagrams_total", counters->tx_datagrams, "Outer datagrams sent.");
    single(page, "jv_sent_bytes_total", counters->tx_bytes, "Outer bytes sent.");
    single(page, "jv_delivered_packets_total", counters->rx_packets, "Inner packets delivered.");
    single(page, "jv_delivered_bytes_total", counters->rx_packet_bytes, "Inner bytes delivered.");
    single(page, "jv_taken_packets_total", counters->tx_packets, "Inner packets taken to be sent.");
    single(page, "jv_taken_bytes_total", counters->tx_packet_bytes,
           "Inner bytes taken to be sent.");
    head(page, "jv_packets_dropped_total", "counter", "Datagrams and packets that ended unused.");
    for (uint32_t i = 0; i < JV_DROPS; i++) {
        if (i != JV_DROP_CONSUMED) {
            put_drop(page, jv_drop_name((enum jv_drop)i), counters->drops[i]);
        }
    }
}

size_t jv_metrics_write(const struct jv_counters *counters, const struct jv_metrics_extra *extra,
                        char *out, size_t cap)
{
    struct page page = {out, cap};
    out[0] = '\0';
    head(&page, "jv_build_info", "gauge", "The release that runs.");
    put(&page, "jv_build_info{version=\"%s\"} 1\n", JV_PROJECT_VERSION);
    if (extra->aead != NULL) {
        head(&page, "jv_aead_info", "gauge", "The library that seals and opens packets.");
        put(&page, "jv_aead_info{library=\"%s\",version=\"%s\",cpu=\"%s\"} 1\n", extra->aead->name,
            extra->aead->version, extra->aead->cpu);
    }
    put_states(&page, counters);
    single(&page, "jv_births_total", counters->births, "Sessions born.");
    single(&page, "jv_births_refused_total", counters->births_refused, "Births refused.");
    single(&page, "jv_rows_refused_total", counters->rows_refused,
           "Events that the session's table has no cell for.");
    single(&page, "jv_switches_total", counters->jumps, "Jumps to another transport.");
    single(&page, "jv_rebinds_total", counters->rebinds, "Moves of a NAT mapping.");
    single(&page, "jv_reattach_denied_total", counters->reattach_denied, "Requests refused.");
    single(&page, "jv_rekeys_total", counters->rekeys, "Key replacements.");
    single(&page, "jv_resent_packets_total", counters->resent, "Packets sent again after a jump.");
    single(&page, "jv_resend_pushed_out_total", counters->resend_pushed_out,
           "Packets that the resend pool gave up before they were reported.");
    single(&page, "jv_events_dropped_total", extra->events_dropped, "Audit records lost.");
    head(&page, "jv_hooks_total", "counter", "Hooks by how they ended; dropped ones were not run.");
    put(&page, "jv_hooks_total{result=\"ok\"} %" PRIu64 "\n", extra->hooks_ok);
    put(&page, "jv_hooks_total{result=\"failed\"} %" PRIu64 "\n", extra->hooks_failed);
    put(&page, "jv_hooks_total{result=\"timed_out\"} %" PRIu64 "\n", extra->hooks_timed_out);
    put(&page, "jv_hooks_total{result=\"dropped\"} %" PRIu64 "\n", extra->hooks_dropped);
    head(&page, "jv_half_open", "gauge", "Births in progress.");
    put(&page, "jv_half_open %" PRIu64 "\n", counters->half_open);
    put_outages(&page, counters);
    put_traffic(&page, counters);
    if (extra->session != NULL) {
        put_paths(&page, extra->session);
    }
    return strlen(out);
}

/* ---- serving ---- */

/*
 * The library is loaded where a profile asks for metrics. It brings TLS along and what that needs, which nobody here uses: two
 * megabytes of memory, and a good part of the time until main().
 */
static struct {
    void *handle;
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_create_response_from_buffer) *create_response;
    __typeof__(MHD_add_response_header) *add_header;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_destroy_response) *destroy_response;
} http;

static bool load_http(void)
{
    const struct {
        const char *name;
        void *function; /* where its address goes */
    } table[] = {{"MHD_start_daemon", &http.start_daemon},
                 {"MHD_stop_daemon", &http.stop_daemon},
                 {"MHD_create_response_from_buffer", &http.create_response},
                 {"MHD_add_response_header", &http.add_header},
                 {"MHD_queue_response", &http.queue_response},
                 {"MHD_destroy_response", &http.destroy_response}};
    http.handle = dlopen(JV_METRICS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool is_whole = http.handle != NULL;
    for (size_t i = 0; is_whole && i < JV_ARRAY_LEN(table); i++) {
        void *at = dlsym(http.handle, table[i].name);
        memcpy(table[i].function, &at, sizeof(at));
        is_whole = at != NULL;
    }
    if (!is_whole) {
        errno = ELIBACC;
    }
    return is_whole;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, char *text,
                                  size_t len, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = http.create_response(len, text, mode);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)http.add_header(response, "Content-Type", "text/plain; version=0.0.4");
    enum MHD_Result result = http.queue_response(connection, status, response);
    http.destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    struct jv_metrics *metrics = arg;
    static char not_found[] = "only /metrics is here\n";
    (void)version;
    (void)upload;
    (void)upload_len;
    (void)state;
    bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (!is_read || strcmp(url, "/metrics") != 0) {
        return reply_text(connection, is_read ? 404 : 405, not_found, sizeof(not_found) - 1U,
                          MHD_RESPMEM_PERSISTENT);
    }
    char *copy = malloc(JV_METRICS_BYTES);
    if (copy == NULL) {
        return MHD_NO;
    }
    pthread_mutex_lock(&metrics->lock);
    size_t len = metrics->shown_len;
    memcpy(copy, metrics->shown, len);
    pthread_mutex_unlock(&metrics->lock);
    return reply_text(connection, 200, copy, len, MHD_RESPMEM_MUST_FREE);
}

static struct MHD_Daemon *start_http(const struct jv_endpoint *listen, struct jv_metrics *metrics)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(listen->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(listen->port)};
    bool is_v6 = listen->ip.family == JV_AF_6;
    memcpy(&in4.sin_addr, listen->ip.b, sizeof(in4.sin_addr));
    memcpy(&in6.sin6_addr, listen->ip.b, sizeof(in6.sin6_addr));
    const struct sockaddr *addr =
        is_v6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in4;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | (is_v6 ? MHD_USE_IPv6 : 0U);
    return http.start_daemon(flags, listen->port, NULL, NULL, on_request, metrics,
                             MHD_OPTION_SOCK_ADDR, addr, MHD_OPTION_CONNECTION_LIMIT,
                             JV_METRICS_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                             JV_METRICS_TIMEOUT_S, MHD_OPTION_END);
}

static void free_metrics(struct jv_metrics *metrics)
{
    pthread_mutex_destroy(&metrics->lock);
    free(metrics->shown);
    free(metrics->spare);
    free(metrics);
}

enum jv_err jv_metrics_open(const struct jv_endpoint *listen, struct jv_metrics **out)
{
    if (!load_http()) {
        return JV_E_SYSTEM;
    }
    struct jv_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return JV_E_NOMEM;
    }
    if (pthread_mutex_init(&metrics->lock, NULL) != 0) {
        free(metrics);
        return JV_E_SYSTEM;
    }
    metrics->shown = calloc(1, JV_METRICS_BYTES);
    metrics->spare = calloc(1, JV_METRICS_BYTES);
    if (metrics->shown == NULL || metrics->spare == NULL) {
        free_metrics(metrics);
        return JV_E_NOMEM;
    }
    metrics->http = start_http(listen, metrics);
    if (metrics->http == NULL) {
        free_metrics(metrics);
        return JV_E_SYSTEM;
    }
    *out = metrics;
    return JV_E_OK;
}

static void refresh(void *arg, struct jv_instant now)
{
    struct jv_metrics *metrics = arg;
    struct jv_aead_facts aead = jv_aead_facts();
    struct jv_metrics_extra extra = {.aead = &aead};
    uint32_t cursor = 0;
    if (jv_server_config(metrics->server)->role == JV_CONFIG_CLIENT &&
        jv_core_session(jv_server_core(metrics->server), now, &cursor, &metrics->status)) {
        extra.session = &metrics->status;
    }
    extra.events_dropped = jv_server_events_lost(metrics->server);
    struct jv_hooks_counts hooks = jv_hooks_counts(jv_server_hooks(metrics->server));
    extra.hooks_ok = hooks.ok;
    extra.hooks_failed = hooks.failed;
    extra.hooks_timed_out = hooks.timed_out;
    extra.hooks_dropped = hooks.dropped;
    jv_server_counters(metrics->server, &metrics->counters);
    size_t len = jv_metrics_write(&metrics->counters, &extra, metrics->spare, JV_METRICS_BYTES);
    if (pthread_mutex_trylock(&metrics->lock) == 0) {
        char *shown = metrics->shown;
        metrics->shown = metrics->spare;
        metrics->spare = shown;
        metrics->shown_len = len;
        pthread_mutex_unlock(&metrics->lock);
    }
}

void jv_metrics_start(struct jv_metrics *metrics, struct jv_server *server)
{
    metrics->server = server;
    jv_server_on_tick(server, refresh, metrics);
}

void jv_metrics_close(struct jv_metrics *metrics)
{
    if (metrics != NULL) {
        http.stop_daemon(metrics->http);
        free_metrics(metrics);
    }
}
