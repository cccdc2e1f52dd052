/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_DNS_H
#define JV_DAEMON_DNS_H
/*
 * dns -- the session's name servers on this host: set up at birth, said again when the network changes, removed at the end.
 *
 * They belong to the user's intent: a jump does not touch them, and neither does the end of a session that another one follows. As
 * routes do, they stay where jvd is killed, until the next start or `jv down` after it. systemd-resolved has them where it runs,
 * else resolvconf (openresolv); where there is neither, that is a warning and the session goes on.
 *
 * Owns     what is wanted and what was answered. The runner (runner.h) is the caller's.
 * Limits   one request at a time; changes meanwhile lead to one more.
 * Threads  the loop's.
 */
#include <stdbool.h>

#include "base.h"
#include "config.h"
#include "core.h"
#include "errors.h"
#include "instant.h"
#include "runner.h"

/* After a change of the network: a DHCP client needs a moment to write its own name servers down. */
#define JV_DNS_PAUSE_MS 1000U
#define JV_DNS_TEXT_BYTES (2U * JV_RUNNER_TEXT_BYTES + 64U)

struct jv_server;
struct jv_dns;

/* NULL server: without a loop; the caller takes answers by jv_dns_on_answer(). For tests. */
JV_MUST_USE enum jv_err jv_dns_open(struct jv_server *server, struct jv_runner *runner,
                                    struct jv_dns **out);
/* NULL is ignored. */
void jv_dns_close(struct jv_dns *dns);
/* The session has been born: set up what the configuration says of its name servers. */
void jv_dns_configure(struct jv_dns *dns, const struct jv_config *config,
                      const struct jv_order *order);
/* A reload: the configuration may say something else of the same session. */
void jv_dns_config(struct jv_dns *dns, const struct jv_config *config);
/* Links or addresses changed: say it again, JV_DNS_PAUSE_MS later. */
void jv_dns_network_changed(struct jv_dns *dns, struct jv_instant now);
/* JV_TIMER_DNS is due. */
void jv_dns_tick(struct jv_dns *dns, struct jv_instant now);
/* After the loop: name servers of ours go. */
void jv_dns_remove(struct jv_dns *dns);
/* Something can be read from the runner. */
void jv_dns_on_answer(struct jv_dns *dns);

/* Who has them; "none" where nobody does. */
const char *jv_dns_tool(const struct jv_dns *dns);
/* What is wrong, or NULL. */
const char *jv_dns_trouble(const struct jv_dns *dns);
/* Whether these networks are all there is in one family, as one prefix or as its halves. Pure. */
bool jv_dns_is_default(const struct jv_config_prefixes *allowed);
#endif /* JV_DAEMON_DNS_H */
