/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_NET_SELFTEST_H
#define JV_TESTS_NET_SELFTEST_H
/*
 * net_selftest -- what its parts share; the picture is in net_selftest.c. The order of the tests is there as well: some take what one
 * before them left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base.h"
#include "batch.h"
#include "endpoint.h"
#include "netcfg.h"
#include "selftest_run.h"
#include "tun.h"
#include "udp.h"

#define PORT 4433U
#define SLOTS 8U
#define PATIENCE_MS 3000

extern int ns_a, ns_b; /* the namespaces */
extern uint8_t buffers[SLOTS][JV_BUF_BYTES];

void enter(int ns);
struct jv_endpoint endpoint(const char *text);
struct jv_prefix prefix(const char *text);
struct jv_udp *open_udp(const char *local, const char *device);
/* A device that gives and takes bare packets, one by one. */
enum jv_err open_tun(const char *name, struct jv_tun **out, bool *adopted_out);
bool wait_for(int fd, short events);
/* SLOTS of them, each of another length and content, in `buffers`. */
void fill_slots(struct jv_slot *slots, const char *remote);
/* Up to `want` datagrams, copied into `buffers`; fewer where none comes for PATIENCE_MS. */
uint32_t receive(struct jv_udp *udp, struct jv_slot *slots, uint32_t want);
struct jv_udp_sent send_one(struct jv_udp *udp, const char *dst, const char *source);
/* Both default routes through a device, in halves. Gives how many routes. */
uint32_t half_routes(struct jv_netcfg *cfg, uint32_t ifindex);

/* selftest_udp.c */
void batch_carries_ecn_and_local_address_v4(void **state);
void batch_carries_ecn_and_local_address_v6(void **state);
void pending_icmp_error_costs_no_datagram(void **state);
void too_big_is_told_and_the_rest_goes(void **state);
void over_long_datagrams_are_skipped(void **state);
void empty_datagrams_are_handed_out(void **state);
void segments_go_as_one_message_and_come_as_datagrams(void **state);
void runs_end_where_datagrams_differ(void **state);
void segments_too_big_are_told_one_by_one(void **state);

/* selftest_tun.c */
void tun_carries_packets_and_outlives_its_process(void **state);
void tun_offloads_are_what_was_asked_for(void **state);
void tcp_crosses_the_devices_uncut(void **state);

/* selftest_host.c */
void device_bound_socket_ignores_half_routes(void **state);
void leftover_routes_are_found_and_removed(void **state);
void watch_tells_each_change_once(void **state);
void watch_repairs_an_overrun(void **state);
void loss_of_device_address_or_route_is_a_local_fact(void **state);

/* selftest_names.c */
void names_are_resolved_on_marked_bound_sockets(void **state);
void sandboxed_user_can_do_all_of_it(void **state);
#endif /* JV_TESTS_NET_SELFTEST_H */
