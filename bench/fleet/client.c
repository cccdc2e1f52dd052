/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "batch.h"
#include "core.h"
#include "policy.h"
#include "sys.h"
#include "udp.h"

#define LINK 1U
#define TRIES 4U
#define DEVICE_MTU 1500U
#define FROM_PORT 20000U
#define RECEIVES 64U /* batches of one socket in a row: more than one read of it gives */

typedef enum jv_err batch_fn(struct jv_core *core, struct jv_instant now, struct jv_batch *batch,
                             struct jv_out *out);

struct client {
    struct jv_core *core;
    void *mem;
    size_t mem_bytes;
    struct jv_udp *udp;
    bool is_configured;
    struct packet_flow flow;
    struct client_counts counts;
};

/* Drained after each call of a core, so that one set serves all. */
static struct jv_slot out_tx[JV_OUT_TX_MIN], out_tun[JV_OUT_TUN_MIN];
static struct jv_record out_records[JV_OUT_RECORDS_MIN];
static struct jv_order out_orders[JV_OUT_ORDERS_MIN];
static struct jv_out outputs = {.tx = out_tx,
                                .tx_cap = JV_OUT_TX_MIN,
                                .tun = out_tun,
                                .tun_cap = JV_OUT_TUN_MIN,
                                .records = out_records,
                                .records_cap = JV_OUT_RECORDS_MIN,
                                .orders = out_orders,
                                .orders_cap = JV_OUT_ORDERS_MIN};

static void fill_random(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    jv_sys_random(out, len);
}

static void flush(struct client *client)
{
    struct jv_udp_sent sent;
    if (outputs.tx_len > 0) {
        jv_udp_send(client->udp, outputs.tx, outputs.tx_len, &sent);
        client->counts.unsent += outputs.tx_len - sent.sent;
        jv_core_give(client->core, outputs.tx, outputs.tx_len);
    }
    for (uint32_t i = 0; i < outputs.tun_len; i++) {
        client->counts.echoed++;
        client->counts.echoed_bytes += outputs.tun[i].len;
    }
    jv_core_give(client->core, outputs.tun, outputs.tun_len);
    for (uint32_t i = 0; i < outputs.orders_len; i++) {
        const struct jv_order *order = &outputs.orders[i];
        if (order->kind == JV_ORDER_CONFIGURE) {
            memcpy(client->flow.from, order->address4.ip.b, sizeof(client->flow.from));
            client->is_configured = true;
        }
    }
    outputs.tx_len = outputs.tun_len = outputs.records_len = outputs.orders_len = 0;
}

static void run_batch(struct client *client, batch_fn *fn, struct jv_instant now,
                      struct jv_slot *slots, uint32_t n)
{
    struct jv_batch batch = {.slots = slots, .len = n};
    enum jv_err err = JV_E_AGAIN;
    for (uint32_t i = 0; i < TRIES && err == JV_E_AGAIN; i++) {
        err = fn(client->core, now, &batch, &outputs);
        flush(client);
    }
    jv_core_give(client->core, slots + batch.done, batch.len - batch.done);
}

static enum jv_err command(struct client *client, struct jv_instant now,
                           const struct jv_command *order)
{
    enum jv_err err = JV_E_AGAIN;
    for (uint32_t i = 0; i < TRIES && err == JV_E_AGAIN; i++) {
        err = jv_core_command(client->core, now, order, &outputs);
        flush(client);
    }
    return err;
}

static enum jv_err start(struct client *client, const struct client_cfg *cfg, struct jv_instant now)
{
    struct jv_command *order = calloc(1, sizeof(*order));
    if (order == NULL) {
        return JV_E_NOMEM;
    }
    *order = (struct jv_command){.kind = JV_CMD_LINK_ADDED,
                                 .link = LINK,
                                 .name = "fleet/udp",
                                 .local = jv_udp_local(client->udp),
                                 .prefer = 100,
                                 .mtu = DEVICE_MTU};
    enum jv_err err = command(client, now, order);
    if (err == JV_E_OK) {
        *order = (struct jv_command){.kind = JV_CMD_ENDPOINTS, .endpoints_len = 1};
        order->endpoints[0] = cfg->gateway;
        err = command(client, now, order);
    }
    if (err == JV_E_OK) {
        *order = (struct jv_command){.kind = JV_CMD_UP};
        err = command(client, now, order);
    }
    free(order);
    return err;
}

static enum jv_err open_core(struct client *client, const struct client_cfg *cfg,
                             struct jv_instant now)
{
    struct jv_core_cfg *core = calloc(1, sizeof(*core)); /* too large for a stack */
    if (core == NULL) {
        return JV_E_NOMEM;
    }
    *core = (struct jv_core_cfg){.role = JV_ROLE_CLIENT,
                                 .private_key = cfg->private_key,
                                 .policy = jv_policy_presets[JV_PRESET_MOBILE],
                                 .offer_aes = cfg->has_aes,
                                 .buffers = cfg->buffers,
                                 .first_seq = 1,
                                 .mtu = JV_MTU_DEFAULT,
                                 .gateway_key = cfg->gateway_key,
                                 .allowed_len = 1};
    core->allowed[0].ip.family = JV_AF_4;
    jv_sys_random(&core->jitter_seed, sizeof(core->jitter_seed));
    client->mem_bytes = jv_core_bytes(core);
    enum jv_err err = client->mem_bytes == 0 ? JV_E_RANGE : JV_E_OK;
    if (err == JV_E_OK) {
        /* Not locked: the keys are made for one run, and a thousand pools would not fit the limit. */
        client->mem = mmap(NULL, client->mem_bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (client->mem == MAP_FAILED) {
            client->mem = NULL;
            err = JV_E_NOMEM;
        }
    }
    if (err == JV_E_OK) {
        struct jv_entropy entropy = {.fill = fill_random};
        err = jv_core_init(client->mem, core, entropy, now, &client->core);
    }
    free(core);
    return err;
}

static void free_client(struct client *client)
{
    if (client->core != NULL) {
        jv_core_fini(client->core);
    }
    if (client->mem != NULL) {
        (void)munmap(client->mem, client->mem_bytes); /* whole and ours: cannot fail */
    }
    jv_udp_close(client->udp);
    free(client);
}

enum jv_err client_open(const struct client_cfg *cfg, struct jv_instant now, struct client **out,
                        const char **step_out)
{
    struct client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return JV_E_NOMEM;
    }
    client->flow = (struct packet_flow){.is_tcp = cfg->is_tcp,
                                        .from_port = FROM_PORT,
                                        .to_port = cfg->to_port,
                                        .bytes = cfg->bytes,
                                        .tcp_seq = 1};
    memcpy(client->flow.to, cfg->to, sizeof(cfg->to));
    struct jv_udp_cfg udp = {.local = cfg->local, .link = LINK};
    *step_out = "core";
    enum jv_err err = open_core(client, cfg, now);
    if (err == JV_E_OK) {
        err = jv_udp_open(&udp, &client->udp, step_out);
    }
    if (err == JV_E_OK) {
        *step_out = "birth";
        err = start(client, cfg, now);
    }
    if (err != JV_E_OK) {
        free_client(client);
        return err;
    }
    *out = client;
    return JV_E_OK;
}

void client_close(struct client *client, struct jv_instant now)
{
    if (client == NULL) {
        return;
    }
    struct jv_command *down = calloc(1, sizeof(*down));
    if (down != NULL) {
        down->kind = JV_CMD_DOWN;
        enum jv_err ignored = command(client, now, down); /* the gateway's timeouts do the same */
        (void)ignored;
        free(down);
    }
    free_client(client);
}

int client_fd(const struct client *client)
{
    return jv_udp_fd(client->udp);
}

static bool look(const struct client *client, struct jv_instant now, enum jv_state *state_out,
                 uint8_t *suite_out)
{
    static struct jv_session_status status;
    uint32_t cursor = 0;
    if (!jv_core_session(client->core, now, &cursor, &status)) {
        return false;
    }
    *state_out = status.state;
    *suite_out = status.suite;
    return true;
}

bool client_is_attached(const struct client *client, struct jv_instant now)
{
    enum jv_state state;
    uint8_t suite;
    return client->is_configured && look(client, now, &state, &suite) && state == JV_ST_ATTACHED;
}

uint8_t client_suite(const struct client *client, struct jv_instant now)
{
    enum jv_state state;
    uint8_t suite;
    return look(client, now, &state, &suite) ? suite : (uint8_t)JV_SUITE_NONE;
}

const struct client_counts *client_counts(const struct client *client)
{
    return &client->counts;
}

static void step_over_errors(struct client *client)
{
    struct jv_udp_fault faults[8];
    while (jv_udp_errors(client->udp, faults, JV_ARRAY_LEN(faults)) > 0) {
    }
}

void client_receive(struct client *client, struct jv_instant now)
{
    struct jv_slot slots[JV_BATCH_MAX];
    step_over_errors(client);
    for (uint32_t i = 0; i < RECEIVES; i++) {
        uint32_t n = jv_udp_recv(client->udp, now, slots, JV_BATCH_MAX);
        if (n > 0) {
            run_batch(client, jv_core_datagrams, now, slots, n);
        }
        if (n < JV_BATCH_MAX && !jv_udp_has_rest(client->udp)) {
            return;
        }
    }
}

void client_expire(struct client *client, struct jv_instant now)
{
    for (uint32_t i = 0; i < TRIES && jv_is_due(jv_core_deadline(client->core), now); i++) {
        enum jv_err err = jv_core_expire(client->core, now, &outputs);
        flush(client);
        if (err != JV_E_OK && err != JV_E_AGAIN) {
            return;
        }
    }
}

uint32_t client_send(struct client *client, struct jv_instant now, uint32_t n)
{
    struct jv_slot slots[JV_BATCH_MAX];
    uint32_t taken = jv_core_take(client->core, slots, JV_MIN(n, JV_BATCH_MAX));
    for (uint32_t i = 0; i < taken; i++) {
        slots[i].off = JV_BUF_HEADROOM;
        slots[i].len = client->flow.bytes;
        slots[i].received = now;
        packet_next(&client->flow, slots[i].buf + JV_BUF_HEADROOM);
    }
    if (taken > 0) {
        client->counts.sent += taken;
        client->counts.sent_bytes += (uint64_t)taken * client->flow.bytes;
        run_batch(client, jv_core_packets, now, slots, taken);
    }
    return taken;
}
