/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_DAEMON_VIEW_HOST_H
#define JV_DAEMON_VIEW_HOST_H
/*
 * view_host -- what this host does for packets, as JSON: the library that seals them, the offloads in use.
 *
 * Threads  the loop's.
 */
#include <jansson.h>

struct jv_server;

json_t *jv_view_aead(void);
/* An object with a member for each offload that the profile may name: true where it is in use. */
json_t *jv_view_offloads(const struct jv_server *server);
/* How packets wait in the TUN device: lanes for sparse flows, the bound on bytes (0: none), what met it; why not, where it was wanted. */
json_t *jv_view_queue(const struct jv_server *server);
#endif /* JV_DAEMON_VIEW_HOST_H */
