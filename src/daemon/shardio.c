/* SPDX-License-Identifier: Apache-2.0 */
#include "shardio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "inbox.h"
#include "log.h"
#include "loop.h"
#include "pump.h"
#include "sys.h"
#include "tun.h"
#include "tunio.h"
#include "worker.h"

static void fill_random(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    jv_sys_random(out, len);
}

static enum jv_err open_out(struct jv_out *out, bool is_alone)
{
    *out = (struct jv_out){.tx_cap = JV_OUT_TX_MIN,
                           .tun_cap = JV_OUT_TUN_MIN,
                           .records_cap = JV_OUT_RECORDS_MIN,
                           .orders_cap = JV_OUT_ORDERS_MIN,
                           .handoff_cap = is_alone ? 0 : JV_OUT_HANDOFF_MIN};
    out->tx = calloc(out->tx_cap, sizeof(*out->tx));
    out->tun = calloc(out->tun_cap, sizeof(*out->tun));
    out->records = calloc(out->records_cap, sizeof(*out->records));
    out->orders = calloc(out->orders_cap, sizeof(*out->orders));
    out->handoff = is_alone ? NULL : calloc(out->handoff_cap, sizeof(*out->handoff));
    bool is_whole = out->tx != NULL && out->tun != NULL && out->records != NULL &&
                    out->orders != NULL && (is_alone || out->handoff != NULL);
    return is_whole ? JV_E_OK : JV_E_NOMEM;
}

enum jv_err jv_shardio_open(struct jv_shard *shard, const struct jv_loop_hooks *hooks,
                            uint32_t fds_max)
{
    enum jv_err err = open_out(&shard->out, shard->server->shards_len == 1);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_loop_open(hooks, fds_max, &shard->loop);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot set up the event loop: %s", strerror(errno));
    }
    return err;
}

enum jv_err jv_shardio_open_crew(struct jv_shard *shard)
{
    enum jv_err err = jv_inbox_open(0, &shard->inbox);
    if (err == JV_E_OK) {
        err = jv_loop_add(shard->loop, jv_inbox_fd(shard->inbox), EPOLLIN, jv_pump_inbox, shard);
    }
    if (err == JV_E_OK && shard->number > 0) {
        err = jv_worker_open(shard->loop, jv_pump_failed, shard, &shard->worker);
    }
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot set shard %u up: %s", shard->number, strerror(errno));
    }
    return err;
}

enum jv_err jv_shardio_open_core(struct jv_shard *shard, const struct jv_core_cfg *cfg)
{
    enum jv_err err = JV_E_RANGE;
    shard->core_bytes = jv_core_bytes(cfg);
    if (shard->core_bytes > 0) {
        shard->core_mem = jv_sys_alloc_locked(shard->core_bytes, &shard->is_locked);
        err = shard->core_mem == NULL ? JV_E_NOMEM : JV_E_OK;
    }
    if (err == JV_E_OK) {
        struct jv_entropy entropy = {.fill = fill_random};
        err = jv_core_init(shard->core_mem, cfg, entropy, jv_loop_now(shard->loop), &shard->core);
    }
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot start the protocol: %s", jv_err_text(err));
    } else if (!shard->is_locked) {
        jv_log(JV_LOG_WARNING, "keys may be swapped out: %zu KiB cannot be locked (RLIMIT_MEMLOCK)",
               shard->core_bytes / 1024U);
    }
    return err;
}

enum jv_err jv_shardio_open_tun(struct jv_shard *shard, struct jv_tun *tun, struct jv_tun *sparse)
{
    enum jv_err err = jv_tunio_open(tun, sparse, &shard->tunio);
    if (err == JV_E_OK) {
        err = jv_loop_add(shard->loop, jv_tun_fd(tun), EPOLLIN, jv_pump_tun, shard);
    }
    if (err == JV_E_OK && sparse != NULL) {
        err = jv_loop_add(shard->loop, jv_tun_fd(sparse), EPOLLIN, jv_pump_tun, shard);
    }
    return err;
}

void jv_shardio_close(struct jv_shard *shard)
{
    jv_worker_close(shard->worker);
    jv_inbox_close(shard->inbox);
    jv_tunio_close(shard->tunio);
    if (shard->core != NULL) {
        jv_core_fini(shard->core);
    }
    if (shard->core_mem != NULL) {
        jv_sys_free_locked(shard->core_mem, shard->core_bytes);
    }
    jv_loop_close(shard->loop);
    free(shard->out.tx);
    free(shard->out.tun);
    free(shard->out.records);
    free(shard->out.orders);
    free(shard->out.handoff);
}
