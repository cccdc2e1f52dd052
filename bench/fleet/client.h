/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_FLEET_CLIENT_H
#define JV_FLEET_CLIENT_H
/*
 * client -- one client of the fleet: a core of the real protocol, a key, one socket, and no TUN device: what a host behind it
 * would send is made here, what comes back is counted.
 *
 * Owns     the core with its memory, and the socket.
 * Takes    keys of users that the gateway knows; the moment of each call.
 * Errors   enum jv_err; where a system call failed, errno tells and `step_out` names it.
 * Threads  one for all clients of a process: they share the crypto library's contexts and the arrays of outputs.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "crypto.h"
#include "endpoint.h"
#include "errors.h"
#include "instant.h"
#include "packet.h"

struct client;

struct client_cfg {
    struct jv_key private_key, gateway_key;
    struct jv_endpoint gateway, local;
    uint8_t to[4];        /* inner address that packets go to */
    uint16_t to_port;     /* of UDP and TCP */
    uint32_t bytes;       /* of an inner packet */
    bool is_tcp, has_aes; /* the inner flow is one TCP transfer; AES-256-GCM is offered */
    uint32_t buffers;     /* of the core */
};

struct client_counts {
    uint64_t sent, sent_bytes; /* inner packets that the core took */
    uint64_t unsent;           /* datagrams that the socket refused */
    uint64_t echoed, echoed_bytes;
};

JV_MUST_USE enum jv_err client_open(const struct client_cfg *cfg, struct jv_instant now,
                                    struct client **out, const char **step_out);
/* Says that the session is over, then frees everything. NULL is ignored. */
void client_close(struct client *client, struct jv_instant now);
int client_fd(const struct client *client);
bool client_is_attached(const struct client *client, struct jv_instant now);
/* Wire value of the AEAD, enum jv_suite; NONE before the birth. */
uint8_t client_suite(const struct client *client, struct jv_instant now);
const struct client_counts *client_counts(const struct client *client);

/* Reads what waits in the socket. */
void client_receive(struct client *client, struct jv_instant now);
/* Does what is due. */
void client_expire(struct client *client, struct jv_instant now);
/* Sends the next `n` packets of the flow as one burst; gives how many the core had buffers for. */
uint32_t client_send(struct client *client, struct jv_instant now, uint32_t n);
#endif /* JV_FLEET_CLIENT_H */
