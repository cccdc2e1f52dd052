/* SPDX-License-Identifier: Apache-2.0 */
#include "netreport.h"

#include <inttypes.h>
#include <string.h>

#include "base.h"
#include "form.h"

#define TEXT_BYTES 256U
#define NAT64_PREFIX "[64:ff9b:" /* the well-known one, RFC 6052 */
#define CLOCK_MIN_S 1767225600   /* 2026-01-01: this program was not there before */

static json_t *verdict(const char *word, const char *words)
{
    return json_pack("{s:s, s:s}", "verdict", word, "text", words);
}

/* The transport's name: "fibre" of "fibre/udp". */
static int name_len(const char *name)
{
    const char *slash = strchr(name, '/');
    return slash == NULL ? (int)strlen(name) : (int)(slash - name);
}

static const json_t *paths_of(const json_t *status)
{
    return json_object_get(json_object_get(status, "session"), "paths");
}

static json_t *udp_row(const json_t *row)
{
    char words[TEXT_BYTES];
    uint64_t sent = jv_form_member(row, "sent");
    uint64_t answered = jv_form_member(row, "answered");
    const char *word = sent == 0 ? "unknown" : answered > 0 ? "yes" : "no answer";
    uint64_t us = jv_form_member(row, "rtt_avg_us");
    if (sent == 0) {
        (void)snprintf(words, sizeof(words), "no probe could be sent");
    } else if (answered > 0) {
        (void)snprintf(words, sizeof(words),
                       "%" PRIu64 " of %" PRIu64 " answered in %" PRIu64 ".%" PRIu64 " ms",
                       answered, sent, us / 1000U, us % 1000U / 100U);
    } else {
        (void)snprintf(words, sizeof(words), "none of %" PRIu64 " answered", sent);
    }
    json_t *one = verdict(word, words);
    json_object_set_new(one, "path", json_string(jv_form_word(row, "name")));
    json_object_set_new(one, "local", json_string(jv_form_word(row, "local")));
    json_object_set_new(one, "remote", json_string(jv_form_word(row, "remote")));
    return one;
}

static json_t *udp(const json_t *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_array_append_new(list, udp_row(json_array_get(rows, i)));
    }
    return list;
}

static bool is_v6(const json_t *row)
{
    return jv_form_word(row, "remote")[0] == '[';
}

/* Over one family: some answer, none, or nothing to go by. */
static json_t *family(const json_t *rows, bool wants_v6, uint32_t addresses)
{
    char words[TEXT_BYTES];
    uint64_t tried = 0;
    uint64_t works = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (is_v6(row) == wants_v6 && jv_form_member(row, "sent") > 0) {
            tried++;
            works += jv_form_member(row, "answered") > 0 ? 1U : 0U;
        }
    }
    const char *word = works > 0       ? "yes"
                       : tried > 0     ? "no answer"
                       : addresses > 0 ? "unknown"
                                       : "no";
    (void)snprintf(words, sizeof(words), "%u local %s%s", addresses,
                   addresses == 1 ? "address" : "addresses",
                   works > 0       ? ", the gateway answers"
                   : tried > 0     ? ", the gateway does not answer"
                   : addresses > 0 ? ", no path to the gateway uses it"
                                   : "");
    return verdict(word, words);
}

static json_t *nat64(const json_t *status)
{
    const json_t *endpoints = json_object_get(status, "endpoints");
    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const char *endpoint = json_string_value(json_array_get(endpoints, i));
        if (strncmp(endpoint, NAT64_PREFIX, strlen(NAT64_PREFIX)) == 0) {
            return verdict("yes",
                           "an address of the gateway has the well-known prefix 64:ff9b::/96");
        }
    }
    return verdict("unknown", "no address of the gateway has the well-known prefix");
}

/* An address without its port: up to the last colon. */
static size_t host_len(const char *endpoint)
{
    const char *colon = strrchr(endpoint, ':');
    return colon == NULL ? strlen(endpoint) : (size_t)(colon - endpoint);
}

static json_t *nat_row(const json_t *path)
{
    char words[TEXT_BYTES];
    const char *local = jv_form_word(path, "local");
    const char *seen = jv_form_word(path, "observed");
    const char *word = "unknown";
    if (seen[0] == '\0') {
        (void)snprintf(words, sizeof(words), "the gateway has not told how it sees %.80s", local);
    } else if (strcmp(local, seen) == 0) {
        word = "none";
        (void)snprintf(words, sizeof(words), "the gateway sees %.80s itself", local);
    } else {
        size_t len = host_len(local);
        bool is_host_same = len == host_len(seen) && strncmp(local, seen, len) == 0;
        bool is_port_same = strcmp(local + len, seen + host_len(seen)) == 0;
        word = is_host_same ? "port only" : "yes";
        (void)snprintf(words, sizeof(words), "%.80s is seen as %.80s%s", local, seen,
                       is_port_same ? ", port kept" : "");
    }
    json_t *one = verdict(word, words);
    json_object_set_new(one, "path", json_string(jv_form_word(path, "name")));
    return one;
}

static json_t *nat(const json_t *status)
{
    const json_t *paths = paths_of(status);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(paths); i++) {
        json_array_append_new(list, nat_row(json_array_get(paths, i)));
    }
    return list;
}

static json_t *mtu(const json_t *status)
{
    const json_t *paths = paths_of(status);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const json_t *path = json_array_get(paths, i);
        char words[TEXT_BYTES];
        uint64_t bytes = jv_form_member(path, "mtu");
        bool is_active = strcmp(jv_form_word(path, "role"), "active") == 0;
        (void)snprintf(words, sizeof(words), "the device carries %" PRIu64 " bytes%s", bytes,
                       is_active ? "" : "; the path itself was not measured");
        json_t *one = verdict(bytes > 0 ? "device" : "unknown", bytes > 0 ? words : "not told");
        json_object_set_new(one, "path", json_string(jv_form_word(path, "name")));
        json_object_set_new(one, "mtu", json_integer((json_int_t)bytes));
        json_array_append_new(list, one);
    }
    return list;
}

/* A portal answers no probe of ours; so does a filter, and a gateway that is away on every path. */
static json_t *portal(const json_t *rows)
{
    char words[TEXT_BYTES] = "";
    uint64_t works = 0;
    uint64_t mute = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (jv_form_member(row, "answered") > 0) {
            works++;
        } else if (jv_form_member(row, "sent") > 0) {
            const char *name = jv_form_word(row, "name");
            size_t len = strlen(words);
            (void)snprintf(words + len, sizeof(words) - len, "%s%.*s", mute == 0 ? "" : ", ",
                           JV_MIN(name_len(name), 32), name);
            mute++;
        }
    }
    if (mute == 0) {
        return verdict(works > 0 ? "no sign" : "unknown",
                       works > 0 ? "every path answers" : "nothing was probed");
    }
    size_t len = strlen(words);
    (void)snprintf(words + len, sizeof(words) - len, " %s up and mute: %s",
                   mute == 1 ? "is" : "are",
                   works > 0 ? "a captive portal or a filter for UDP may be there"
                             : "a captive portal, a filter for UDP, or a gateway that is away");
    return verdict("perhaps", words);
}

static json_t *names(const json_t *status)
{
    char words[TEXT_BYTES];
    size_t endpoints = json_array_size(json_object_get(status, "endpoints"));
    const json_t *warnings = json_object_get(status, "warnings");
    (void)snprintf(words, sizeof(words), "%zu %s of %zu %s", endpoints,
                   endpoints == 1 ? "address" : "addresses",
                   json_array_size(json_object_get(status, "gateways")),
                   json_array_size(json_object_get(status, "gateways")) == 1 ? "gateway"
                                                                             : "gateways");
    if (endpoints == 0 && json_array_size(warnings) > 0) {
        return verdict("no", json_string_value(json_array_get(warnings, 0)));
    }
    return verdict(endpoints > 0 ? "yes" : "unknown", words);
}

static json_t *clock_sanity(const struct jv_net_facts *facts)
{
    if (facts->clock_s < CLOCK_MIN_S) {
        return verdict("wrong",
                       "it is set before 2026; sessions do not need it, names over TLS and "
                       "the times of the audit file do");
    }
    if (!facts->is_steering_known) {
        return verdict("unknown", "the kernel does not tell whether something keeps it in step");
    }
    return facts->is_clock_steered
               ? verdict("steered", "something keeps it in step")
               : verdict("free", "nothing keeps it in step; sessions do not need it, the times of "
                                 "the audit file do");
}

json_t *jv_netreport(const json_t *status, const json_t *rows, const struct jv_net_facts *facts)
{
    json_t *report = json_object();
    json_object_set_new(report, "name", json_string(jv_form_word(status, "name")));
    json_object_set_new(report, "state",
                        json_string(jv_form_word(json_object_get(status, "session"), "state")));
    json_object_set_new(report, "names", names(status));
    json_object_set_new(report, "udp", udp(rows));
    json_object_set_new(report, "ipv4", family(rows, false, facts->addresses4));
    json_object_set_new(report, "ipv6", family(rows, true, facts->addresses6));
    json_object_set_new(report, "nat64", nat64(status));
    json_object_set_new(report, "nat", nat(status));
    json_object_set_new(report, "nat_lifetime", verdict("unknown", "not measured"));
    json_object_set_new(report, "mtu", mtu(status));
    json_object_set_new(report, "portal", portal(rows));
    json_object_set_new(report, "clock", clock_sanity(facts));
    return report;
}

static void print_one(const char *label, const json_t *one, FILE *file)
{
    const char *path = jv_form_word(one, "path");
    (void)fprintf(file, "  %-13s %-8.*s %-9s  %s\n", label, JV_MIN(name_len(path), 8), path,
                  jv_form_word(one, "verdict"), jv_form_word(one, "text"));
}

static void print_list(const char *label, const json_t *list, FILE *file)
{
    if (json_array_size(list) == 0) {
        (void)fprintf(file, "  %-13s %-8s %-9s  %s\n", label, "", "unknown",
                      "there is no session to probe with");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        print_one(i == 0 ? label : "", json_array_get(list, i), file);
    }
}

void jv_netreport_print(const json_t *report, FILE *file)
{
    const char *state = jv_form_word(report, "state");
    (void)fprintf(file, "netcheck: %s  %s\n", jv_form_word(report, "name"),
                  state[0] == '\0' ? "no session" : state);
    print_one("names", json_object_get(report, "names"), file);
    print_list("UDP", json_object_get(report, "udp"), file);
    print_one("IPv4", json_object_get(report, "ipv4"), file);
    print_one("IPv6", json_object_get(report, "ipv6"), file);
    print_one("NAT64", json_object_get(report, "nat64"), file);
    print_list("NAT", json_object_get(report, "nat"), file);
    print_one("NAT lifetime", json_object_get(report, "nat_lifetime"), file);
    print_list("MTU", json_object_get(report, "mtu"), file);
    print_one("portal", json_object_get(report, "portal"), file);
    print_one("clock", json_object_get(report, "clock"), file);
}
