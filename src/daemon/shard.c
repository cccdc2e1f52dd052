/* SPDX-License-Identifier: Apache-2.0 */
#include "shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "log.h"
#include "loop.h"
#include "pump.h"
#include "sys.h"
#include "tun.h"
#include "tunio.h"

static void fill_random(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    jv_sys_random(out, len);
}

static enum jv_err open_out(struct jv_out *out)
{
    *out = (struct jv_out){.tx_cap = JV_OUT_TX_MIN,
                           .tun_cap = JV_OUT_TUN_MIN,
                           .records_cap = JV_OUT_RECORDS_MIN,
                           .orders_cap = JV_OUT_ORDERS_MIN};
    out->tx = calloc(out->tx_cap, sizeof(*out->tx));
    out->tun = calloc(out->tun_cap, sizeof(*out->tun));
    out->records = calloc(out->records_cap, sizeof(*out->records));
    out->orders = calloc(out->orders_cap, sizeof(*out->orders));
    bool is_whole =
        out->tx != NULL && out->tun != NULL && out->records != NULL && out->orders != NULL;
    return is_whole ? JV_E_OK : JV_E_NOMEM;
}

enum jv_err jv_shard_open(struct jv_shard *shard, struct jv_server *server,
                          const struct jv_loop_hooks *hooks, uint32_t fds_max)
{
    shard->server = server;
    enum jv_err err = open_out(&shard->out);
    if (err != JV_E_OK) {
        return err;
    }
    err = jv_loop_open(hooks, fds_max, &shard->loop);
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot set up the event loop: %s", strerror(errno));
    }
    return err;
}

enum jv_err jv_shard_open_core(struct jv_shard *shard, const struct jv_core_cfg *cfg)
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

enum jv_err jv_shard_open_tun(struct jv_shard *shard, struct jv_tun *tun, struct jv_tun *sparse)
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

void jv_shard_close(struct jv_shard *shard)
{
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
}
