/* SPDX-License-Identifier: Apache-2.0 */
#include "dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "log.h"
#include "loop.h"
#include "server.h"

struct jv_dns {
    struct jv_server *server;
    struct jv_runner *runner;
    struct jv_run_request wanted; /* DNS_SET, or DNS_UNSET */
    bool is_known;                /* `wanted` says something */
    bool is_due;                  /* it is to be said, again or for the first time */
    bool is_dead;
    struct jv_ip offered[JV_DNS_MAX]; /* by the gateway, at the last birth */
    uint32_t offered_len;
    bool was_born;
    enum jv_run_tool tool;
    char trouble[JV_DNS_TEXT_BYTES];
};

static void on_event(void *arg, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    jv_dns_on_answer(arg);
}

static void advance(struct jv_dns *dns);

enum jv_err jv_dns_open(struct jv_server *server, struct jv_runner *runner, struct jv_dns **out)
{
    struct jv_dns *dns = calloc(1, sizeof(*dns));
    if (dns == NULL) {
        return JV_E_NOMEM;
    }
    dns->server = server;
    dns->runner = runner;
    enum jv_err err = server == NULL ? JV_E_OK
                                     : jv_loop_add(jv_server_loop(server), jv_runner_fd(runner),
                                                   EPOLLIN, on_event, dns);
    if (err != JV_E_OK) {
        free(dns);
        return err;
    }
    if (server != NULL) {
        /* What a run that was killed left: through it the gateway's name cannot be found. */
        dns->wanted.kind = JV_RUN_DNS_UNSET;
        dns->is_due = true;
        advance(dns);
    }
    *out = dns;
    return JV_E_OK;
}

void jv_dns_close(struct jv_dns *dns)
{
    if (dns == NULL) {
        return;
    }
    if (dns->server != NULL && !dns->is_dead) {
        jv_loop_remove(jv_server_loop(dns->server), jv_runner_fd(dns->runner));
    }
    free(dns);
}

/* Told where it begins and where it is something else; a network that changes often must not fill the log. */
static void set_trouble(struct jv_dns *dns, const char *text)
{
    if (strcmp(dns->trouble, text) != 0) {
        (void)snprintf(dns->trouble, sizeof(dns->trouble), "%s", text);
        jv_log(JV_LOG_WARNING, "%s", text);
    }
}

static void die(struct jv_dns *dns, int fd)
{
    dns->is_dead = true;
    dns->tool = JV_RUN_NO_TOOL;
    if (dns->server != NULL) {
        jv_loop_remove(jv_server_loop(dns->server), fd);
    }
    set_trouble(
        dns,
        "the process that sets name servers up is gone: they stay as they are until a restart");
}

static void advance(struct jv_dns *dns)
{
    int fd = jv_runner_fd(dns->runner);
    if (dns->is_dead || !dns->is_due || jv_runner_is_busy(dns->runner)) {
        return;
    }
    dns->is_due = false;
    if (jv_runner_send(dns->runner, &dns->wanted) != JV_E_OK) {
        die(dns, fd);
    }
}

static void judge(struct jv_dns *dns, const struct jv_run_answer *answer)
{
    char how[2U * JV_RUNNER_TEXT_BYTES];
    char text[JV_DNS_TEXT_BYTES];
    enum jv_run_tool tool = (enum jv_run_tool)answer->tool;
    if (answer->kind == JV_RUN_DNS_UNSET) {
        dns->tool = JV_RUN_NO_TOOL;
        dns->trouble[0] = '\0';
        return;
    }
    if (answer->how == JV_RUN_OK) {
        if (dns->tool != tool) {
            jv_log(JV_LOG_NOTICE, "name servers are set up by %s", jv_run_tool_name(tool));
        }
        dns->tool = tool;
        dns->trouble[0] = '\0';
        return;
    }
    dns->tool = JV_RUN_NO_TOOL;
    if (answer->how == JV_RUN_CANNOT && answer->text[0] == '\0') {
        set_trouble(dns, "the session's name servers are not set up: this host has neither "
                         "systemd-resolved nor resolvconf");
        return;
    }
    jv_run_describe(answer, how);
    (void)snprintf(text, sizeof(text), "the session's name servers are not set up: it %s", how);
    set_trouble(dns, text);
}

void jv_dns_on_answer(struct jv_dns *dns)
{
    struct jv_run_answer answer;
    int fd = jv_runner_fd(dns->runner);
    enum jv_err err = jv_runner_take(dns->runner, &answer);
    if (err == JV_E_AGAIN) {
        return;
    }
    if (err != JV_E_OK) {
        die(dns, fd);
        return;
    }
    judge(dns, &answer);
    advance(dns);
}

bool jv_dns_is_default(const struct jv_config_prefixes *allowed)
{
    uint32_t halves4 = 0;
    uint32_t halves6 = 0;
    for (uint32_t i = 0; i < allowed->len; i++) {
        const struct jv_prefix *prefix = &allowed->at[i];
        if (prefix->bits == 0) {
            return true;
        }
        halves4 += prefix->bits == 1 && prefix->ip.family == JV_AF_4;
        halves6 += prefix->bits == 1 && prefix->ip.family == JV_AF_6;
    }
    return halves4 == 2 || halves6 == 2; /* a prefix stands once in the list */
}

static void want(struct jv_dns *dns, const struct jv_config *config)
{
    const struct jv_config_resolvers *resolvers = &config->session.dns;
    bool is_auto = resolvers->kind == JV_CONFIG_DNS_AUTO;
    const struct jv_ip *from = is_auto ? dns->offered : resolvers->at;
    uint32_t len = is_auto                                 ? dns->offered_len
                   : resolvers->kind == JV_CONFIG_DNS_LIST ? resolvers->len
                                                           : 0;
    struct jv_run_request wanted = {.kind = JV_RUN_DNS_UNSET};
    if (len > 0) {
        wanted.kind = JV_RUN_DNS_SET;
        wanted.is_default = jv_dns_is_default(&config->session.allowed_ips);
        wanted.dns_len = JV_MIN(len, JV_DNS_MAX);
        memcpy(wanted.dns, from, wanted.dns_len * sizeof(wanted.dns[0]));
    }
    /* Nothing was set up by us, and nothing is to be: the host's resolver is none of our business. */
    if (wanted.kind == JV_RUN_DNS_UNSET && !dns->is_known) {
        return;
    }
    dns->wanted = wanted;
    dns->is_known = true;
    dns->is_due = true;
    advance(dns);
}

void jv_dns_configure(struct jv_dns *dns, const struct jv_config *config,
                      const struct jv_order *order)
{
    if (dns == NULL) {
        return;
    }
    dns->was_born = true;
    dns->offered_len = JV_MIN(order->dns_len, JV_DNS_MAX);
    memcpy(dns->offered, order->dns, dns->offered_len * sizeof(dns->offered[0]));
    want(dns, config);
}

void jv_dns_config(struct jv_dns *dns, const struct jv_config *config)
{
    if (dns != NULL && dns->was_born) {
        want(dns, config);
    }
}

void jv_dns_network_changed(struct jv_dns *dns, struct jv_instant now)
{
    if (dns != NULL && dns->is_known && dns->wanted.kind == JV_RUN_DNS_SET) {
        jv_server_timer(dns->server, JV_TIMER_DNS, jv_add_ms(now, JV_DNS_PAUSE_MS));
    }
}

void jv_dns_tick(struct jv_dns *dns, struct jv_instant now)
{
    (void)now;
    if (dns != NULL && dns->is_known) {
        dns->is_due = true;
        advance(dns);
    }
}

void jv_dns_remove(struct jv_dns *dns)
{
    const struct jv_run_request unset = {.kind = JV_RUN_DNS_UNSET};
    struct jv_run_answer answer;
    if (dns == NULL || dns->is_dead) {
        return;
    }
    /* Also where this run has set nothing up: one that was killed may have. */
    if (jv_runner_call(dns->runner, &unset, &answer) != JV_E_OK) {
        jv_log(JV_LOG_WARNING, "name servers stay: the process that sets them up is gone");
    } else if (answer.how != JV_RUN_OK) {
        char how[2U * JV_RUNNER_TEXT_BYTES];
        jv_run_describe(&answer, how);
        jv_log(JV_LOG_WARNING, "name servers cannot be removed: it %s", how);
    }
    dns->tool = JV_RUN_NO_TOOL;
}

const char *jv_dns_tool(const struct jv_dns *dns)
{
    return jv_run_tool_name(dns == NULL ? JV_RUN_NO_TOOL : dns->tool);
}

const char *jv_dns_trouble(const struct jv_dns *dns)
{
    return dns != NULL && dns->trouble[0] != '\0' ? dns->trouble : NULL;
}
