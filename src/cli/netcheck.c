/* SPDX-License-Identifier: Apache-2.0 */
/* jv netcheck [NAME] [--json]: what the network lets through, from the daemon's own probes and from facts of this host. */
#include <getopt.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "cli.h"
#include "client.h"
#include "netreport.h"
#include "probe.h"

#define ROUNDS 3U

static bool is_global6(const struct sockaddr *addr)
{
    struct sockaddr_in6 in6;
    memcpy(&in6, addr, sizeof(in6));
    return !IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) && !IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* Addresses of every device that is up, but loopback and `own`. */
static void count_addresses(const char *own, struct jv_net_facts *facts)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) {
        return;
    }
    for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
        bool is_ours = strcmp(at->ifa_name, own) == 0;
        bool is_up = (at->ifa_flags & (unsigned)IFF_UP) != 0;
        bool is_loopback = (at->ifa_flags & (unsigned)IFF_LOOPBACK) != 0;
        if (at->ifa_addr == NULL || is_ours || !is_up || is_loopback) {
            continue;
        }
        if (at->ifa_addr->sa_family == AF_INET) {
            facts->addresses4++;
        } else if (at->ifa_addr->sa_family == AF_INET6 && is_global6(at->ifa_addr)) {
            facts->addresses6++;
        }
    }
    freeifaddrs(list);
}

static struct jv_net_facts gather(const json_t *status)
{
    struct jv_net_facts facts = {.clock_s = (int64_t)time(NULL)};
    struct timex state = {.modes = 0}; /* only asked */
    const char *own = json_string_value(json_object_get(status, "interface"));
    int code = adjtimex(&state);
    facts.is_steering_known = code >= 0;
    facts.is_clock_steered = code >= 0 && (state.status & STA_UNSYNC) == 0;
    count_addresses(own == NULL ? "" : own, &facts);
    return facts;
}

/* NULL where there is nothing to probe with: then UDP is unknown, and the rest is told all the same. */
static json_t *probe(const struct jv_cli *cli, const char *profile, const json_t *status, int *code)
{
    struct jv_probe_row rows[JV_PROBE_PATHS];
    uint32_t len = 0;
    const json_t *session = json_object_get(status, "session");
    const char *state = json_string_value(json_object_get(session, "state"));
    bool can = state != NULL && strcmp(state, "BIRTH") != 0 && strcmp(state, "TERMINATED") != 0 &&
               json_array_size(json_object_get(session, "paths")) > 0;
    *code = JV_EXIT_OK;
    if (!can) {
        return NULL;
    }
    *code = jv_probe_run(cli, profile, NULL, ROUNDS, rows, &len);
    return *code == JV_EXIT_OK ? jv_probe_json(rows, len) : NULL;
}

static int check(const struct jv_cli *cli, const char *profile, bool is_json)
{
    int code = JV_EXIT_OK;
    json_t *status = jv_client_call(cli, profile, "status", NULL, false, &code);
    if (status == NULL) {
        return code;
    }
    const char *role = json_string_value(json_object_get(status, "role"));
    if (role == NULL || strcmp(role, "client") != 0) {
        (void)fprintf(stderr, "%s: %s is a gateway: only a client has paths to check\n",
                      cli->program, profile);
        json_decref(status);
        return JV_EXIT_FAILED;
    }
    json_t *rows = probe(cli, profile, status, &code);
    if (code == JV_EXIT_OK && rows != NULL) {
        /* What the answers told about addresses is in the state that follows them. */
        json_t *after = jv_client_call(cli, profile, "status", NULL, false, &code);
        json_decref(after == NULL ? NULL : status);
        status = after == NULL ? status : after;
    }
    if (code == JV_EXIT_OK) {
        struct jv_net_facts facts = gather(status);
        json_t *report = jv_netreport(status, rows, &facts);
        if (is_json) {
            (void)json_dumpf(report, stdout,
                             JSON_INDENT(2)); /* a broken pipe is the reader's choice */
            (void)putchar('\n');
        } else {
            jv_netreport_print(report, stdout);
        }
        json_decref(report);
    }
    json_decref(rows);
    json_decref(status);
    return code;
}

int jv_cli_netcheck(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    char profile[JV_CLIENT_NAME_BYTES];
    bool is_json = cli->json;
    int code = JV_EXIT_OK;
    for (int opt; (opt = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (opt == '?') {
            return JV_EXIT_USAGE;
        }
        is_json = true;
    }
    if (argc - optind > 1) {
        return JV_EXIT_USAGE;
    }
    if (!jv_client_profile(cli, optind < argc ? argv[optind] : NULL, profile, &code)) {
        return code;
    }
    return check(cli, profile, is_json);
}
