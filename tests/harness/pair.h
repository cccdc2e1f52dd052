/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_PAIR_H
#define JV_TESTS_PAIR_H
/*
 * pair -- a client core and a gateway core, joined by fake links in virtual time. Everything is decided by the seed.
 *
 * A fake, for unit tests, scenarios and fuzzing only: address mappings and frozen processes, no kernel. What a link does to a
 * datagram is decided by tools/emu, as in the namespace tests; up (client to gateway) is its a->b. A datagram counts as an IP packet
 * there: PAIR_IP_BYTES more. Unlike linkemu's, a black hole swallows what enters it and not what is under way.
 * Link i: client 192.0.2.(i+1):40000+i to the gateway 203.0.113.1:4433; the gateway sees the client through a mapping that
 * pair_rebind() moves. The gateway may have a second address, 203.0.113.2, and an IPv6 one, 2001:db8::1; link i then may have
 * 2001:db8::c:(i+1). Sockets that the client orders beside another one get mappings of their own.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core.h"
#include "emutext.h"
#include "frame.h"
#include "prng.h"

#define PAIR_LINKS 4U
#define PAIR_EVENTS 16384U
#define PAIR_LOG 16384U
#define PAIR_EXTRA 8U
#define PAIR_ARRIVED (1U << 22)
#define PAIR_IP_BYTES 28U /* headers of IPv4 and UDP */

struct pair_link {
    bool up;
    uint32_t handle; /* the client's; a new one each time the link comes up */
    /* Of both directions, on top of what the shapes of `emu` say. */
    uint32_t delay_us, loss_ppm, dup_ppm;
    uint32_t
        jitter_us; /* below this much is added to the delay of each datagram: they overtake each other */
    bool hole_up, hole_down;   /* swallow what goes to the gateway, to the client */
    uint32_t mtu_up, mtu_down; /* of IP; larger datagrams are swallowed in silence; 0: none are */
    uint32_t device_mtu;       /* 0: 1500 */
    uint16_t mapped_port;
    bool is_dead; /* the mapping swallows everything, another one would not */
    uint32_t prefer, cost;
    bool is_cold, is_metered;
    struct emu emu;
    struct emu_player player; /* its script, if it has one */
};

struct pair_socket { /* beside that of its link: a twin, or of IPv6 */
    uint32_t handle; /* 0: free */
    uint32_t link, twin_of;
    uint8_t family;
    uint16_t mapped_port;
    bool is_dead;
};

struct pair_event {
    uint64_t due_ns, order; /* the filter sees the moment at which it will arrive */
    bool to_gateway;
    bool to_clone;   /* where it is not to the gateway */
    bool is_too_big; /* no datagram, but ICMP that says so */
    uint32_t link;
    struct jv_endpoint remote, local;
    uint32_t len;
    uint8_t bytes[JV_BUF_BYTES];
};

struct pair_flow { /* numbered inner packets at a fixed pace */
    bool on;
    uint32_t interval_us, bytes;
    uint64_t next_ns, sent, received, last_received_ns, longest_gap_ns;
    uint64_t first_after_ns, mark_ns; /* first arrival after the mark */
    uint64_t newest, late;            /* arrived after one that was sent later */
    uint64_t first, twice;            /* numbers of the flows before; arrived more than once */
    uint8_t *arrived;                 /* the last PAIR_ARRIVED numbers, a bit each */
};

struct pair_log {
    struct jv_record *records;
    uint32_t len;
};

enum pair_side { PAIR_GATEWAY, PAIR_CLIENT, PAIR_CLONE };

enum pair_input_kind { PAIR_IN_DATAGRAM, PAIR_IN_PACKET, PAIR_IN_COMMAND, PAIR_IN_EXPIRE };

struct pair_input {
    uint64_t now_ns;
    enum pair_input_kind kind;
    uint32_t len;
    size_t at; /* in the journal's bytes */
};

struct pair_journal { /* everything that went into a core */
    struct jv_core_cfg cfg;
    uint64_t start_ns, entropy; /* where it began */
    uint64_t given;             /* a hash of what it gave out */
    struct pair_input *inputs;
    uint32_t len;
    size_t cap;
    uint8_t *bytes;
    size_t bytes_len, bytes_cap;
};

struct pair_snapshot { /* of the memory of a core */
    bool client;
    uint32_t len; /* of its journal */
    uint64_t given;
};

struct pair_clone {
    struct jv_core *core; /* NULL: there is none */
    void *mem;
    struct jv_prng entropy;
    uint32_t handles[PAIR_LINKS];
    struct jv_endpoint outer[PAIR_LINKS];
    uint32_t interval_us, bytes; /* of the packets that it sends; 0: none */
    uint64_t next_ns;
    uint64_t received, delivered; /* inner packets: by it, of it by the gateway */
};

struct pair {
    uint64_t now_ns, seed;
    uint32_t buffers;
    uint8_t
        fill; /* what stands around the bytes of a packet in its buffer: no output may depend on it */
    struct jv_core *client, *gateway;
    void *client_mem, *gateway_mem;
    struct pair_link links[PAIR_LINKS];
    uint32_t links_len, next_handle;
    struct pair_socket extra[PAIR_EXTRA];
    struct jv_endpoint endpoints[3]; /* the gateway's */
    uint32_t endpoints_len;
    bool endpoint_hole[3];
    struct jv_order
        wishes[PAIR_EXTRA]; /* sockets to be opened or closed once the core has finished */
    uint32_t wishes_len, twins_opened;
    struct pair_event *events; /* under way, in no order; `heap` has their places by moment */
    uint32_t *heap, *heap_place;
    uint32_t events_len, events_cap;
    uint64_t event_order;
    struct pair_event passing; /* what the filter is shown */
    struct jv_prng entropy_c, entropy_g;
    struct pair_flow up, down; /* client to gateway, gateway to client */
    struct pair_log log_c, log_g;
    struct jv_order last_configure, last_ended;
    uint32_t device_mtu, device_mtus; /* of the TUN device, and how often it was set */
    uint64_t too_big_c, too_big_g; /* ICMP "too big" that came out of the core to its TUN device */
    uint32_t too_big_mtu;          /* of the last one */
    uint8_t too_big[JV_BUF_BYTES]; /* itself */
    uint32_t too_big_len;
    bool configured;
    uint32_t ended;
    uint64_t delivered_c, delivered_g;
    uint64_t dscp_seen[64]; /* datagrams that left either end, by their outer DS codepoint */
    uint64_t datagrams_to_gateway, datagrams_to_client;
    uint64_t wakes_c, wakes_g; /* moments at which a core had something due */
    /* the newest datagram of each type that left the client, and that left the gateway, as the network saw it */
    struct pair_event seen[32], seen_down[32];
    bool (*filter)(struct pair *, const struct pair_event *); /* false: swallowed */
    void *filter_arg;
    bool is_asleep;          /* the client's machine: what comes for it is lost */
    bool paused_c, paused_g; /* a frozen process: datagrams wait in its socket, deadlines pass */
    uint32_t parked;         /* datagrams that wait so */
    /* what the gateway sent to an address that no link has: an attacker's, or a victim's */
    struct {
        uint64_t datagrams, traffic;
        uint32_t largest;
    } stray;
    void (*on_stray)(struct pair *, const struct pair_event *); /* `local` is whom it went to */
    void (*on_record)(struct pair *, bool client, const struct jv_record *);
    void *on_record_arg;
    struct pair_journal journals[2]; /* by client */
    bool has_journal;
    uint64_t copies; /* of cores, by restore and clone */
    struct pair_clone clone;
    /* A record of a core that is made again from its journal, and each one of the clone. */
    void (*on_replay)(struct pair *, enum pair_side, const struct jv_record *);
    void (*on_inner)(struct pair *, bool client, const uint8_t *packet,
                     uint32_t len); /* what a TUN device is given */
    bool gives_partial;             /* what pair_inner() hands over has a partial checksum */
    bool takes_partial;             /* what on_inner() is shown has one */
    uint32_t session;               /* that it came from */
};

struct pair_cfg {
    uint64_t seed;
    uint32_t links;
    uint32_t rtt_us[PAIR_LINKS];
    struct {
        uint32_t prefer, cost; /* prefer 0: 100, 90, ... */
        bool is_cold, is_metered;
    } terms[PAIR_LINKS];
    enum jv_preset preset;
    const struct jv_policy *policy; /* overrides the preset */
    uint32_t half_open_max;         /* 0: 8 */
    uint32_t buffers;               /* of each core; 0: 2048 */
    uint32_t events;                /* that may be under way at once; 0: PAIR_EVENTS */
    bool rebirth, no_aes;
    bool partial_c, partial_g; /* this end offers partial checksums */
    bool has_journal;          /* snapshots can be taken */
    bool has_second, has_v6;   /* endpoints of the gateway */
    uint8_t dscp;              /* of outer datagrams, at both ends */
    bool wrong_psk, unknown_user, wrong_gateway_key;
};

void pair_init(struct pair *p, const struct pair_cfg *cfg);
void pair_fini(struct pair *p);
/* The client's process dies without a word and starts anew, knowing nothing. */
void pair_restart_client(struct pair *p, const struct pair_cfg *cfg);
/* Let `ms` of virtual time pass. */
void pair_run(struct pair *p, uint64_t ms);
void pair_run_us(struct pair *p, uint64_t us);
/* Until both sides are ATTACHED, `ms` at most. */
bool pair_attach(struct pair *p, uint64_t ms);
void pair_link_up(struct pair *p, uint32_t link);
void pair_link_down(struct pair *p, uint32_t link);
/* From now on the link follows the script, which must outlive the pair. */
void pair_emulate(struct pair *p, uint32_t link, const struct emu_script *script);
/* The link gets an IPv6 address, or loses it. */
void pair_v6(struct pair *p, uint32_t link, bool on);
/* What the network has mapped on this link so far swallows everything from now on. */
void pair_kill_ports(struct pair *p, uint32_t link);
/* Names lead elsewhere: the client is told of these endpoints, a set of bits. */
void pair_tell_endpoints(struct pair *p, uint32_t set);
/* The device of this link has another MTU. */
void pair_link_mtu(struct pair *p, uint32_t link, uint32_t mtu);
/* The network maps the client of this link to another port. */
void pair_rebind(struct pair *p, uint32_t link);
void pair_flow_start(struct pair *p, struct pair_flow *flow, uint32_t interval_us, uint32_t bytes);
/* One inner packet now; false: the core did not take it. */
void pair_packet(struct pair *p, bool from_client, uint32_t bytes);
/* Any inner packet, as the TUN device of this side would give it. */
void pair_inner(struct pair *p, bool from_client, const uint8_t *bytes, uint32_t len);
/* Hand bytes to a side as if they came from `remote`. */
void pair_inject(struct pair *p, bool to_gateway, uint32_t link, const struct jv_endpoint *remote,
                 const uint8_t *bytes, uint32_t len);
/* Put bytes on the way: they arrive after `delay_us`, as if from `remote`. The only form that a filter may use. */
void pair_enqueue(struct pair *p, bool to_gateway, uint32_t link, const struct jv_endpoint *remote,
                  uint32_t delay_us, const uint8_t *bytes, uint32_t len);
/* An event as `form` says, after all that are due at that moment. False: there are as many as may be. */
bool pair_event_add(struct pair *p, const struct pair_event *form, uint64_t due_ns);
/* Event `at` of `events` comes at another moment, or never; then another one may stand in its place. */
void pair_event_move(struct pair *p, uint32_t at, uint64_t due_ns);
void pair_event_drop(struct pair *p, uint32_t at);
/* Freeze a side, or let it go on; what waited in its socket is read first then. */
void pair_pause(struct pair *p, bool client, bool on);
/* The client's machine is suspended for `ms`, and its daemon tells the core when it wakes up. */
void pair_sleep(struct pair *p, uint64_t ms);
/* Frames that the other end would never send, sealed under this side's keys: what an authenticated peer may try. */
bool pair_frames(struct pair *p, bool client, const struct jv_frame *frames, uint32_t n);
/* The memory of a core, as of now; the pair keeps a journal. */
struct pair_snapshot pair_snapshot(const struct pair *p, bool client);
/*
 * That side's memory is what it was. The network, the clock and the random source of its host are not: what was drawn since will be
 * drawn otherwise. No snapshot is taken after that.
 */
void pair_restore(struct pair *p, const struct pair_snapshot *snapshot);
/* Another client from a snapshot of the first one, with sockets of its own. */
void pair_clone_start(struct pair *p, const struct pair_snapshot *snapshot);
void pair_clone_flow(struct pair *p, uint32_t interval_us, uint32_t bytes); /* 0: it ends */
enum jv_err pair_clone_command(struct pair *p, const struct jv_command *command);
enum jv_state pair_clone_state(const struct pair *p);
/* Buffers that are neither free nor hold something that waits: a leak. */
uint32_t pair_leaked(const struct pair *p, bool client);
enum jv_err pair_command(struct pair *p, bool client, const struct jv_command *command);
bool pair_status(const struct pair *p, bool client, struct jv_session_status *out);
/* The client has offered new keys, and no answer has come. */
bool pair_is_rekeying(const struct pair *p);
enum jv_state pair_state(const struct pair *p, bool client);
/* Records of this event in a log; `why` JV_WHY_NONE: any. */
uint32_t pair_count(const struct pair_log *log, enum jv_event_type event, enum jv_why why);
/* One line a transition, for golden transcripts: "   123.456 C ATTACHED VOLATILE HEARTBEAT_TIMEOUT link0/udp". */
void pair_print(const struct pair *p, bool all);
#endif /* JV_TESTS_PAIR_H */
