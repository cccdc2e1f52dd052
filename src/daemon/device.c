/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "lanes.h"
#include "log.h"
#include "tun.h"

static const char *remedy(enum jv_err err)
{
    if (err == JV_E_PERM) {
        return "start jvd as root, or with CAP_NET_ADMIN and a right to /dev/net/tun";
    }
    if (err == JV_E_EXISTS) {
        return "another process has it, or a device of this name is no TUN device";
    }
    return errno == ENOENT || errno == ENODEV || errno == ENXIO
               ? "/dev/net/tun is missing: modprobe tun, or let the container have it"
               : jv_err_text(err);
}

static enum jv_err open_tun(const struct jv_config *config, bool has_queues, bool takes_any,
                            struct jv_device *device)
{
    bool was_there = false;
    uint32_t offloads = config->offloads;
    struct jv_tun_cfg cfg = {.name = config->interface,
                             .no_hdr = (offloads & (JV_OFFLOAD_CSUM | JV_OFFLOAD_TSO)) == 0,
                             .no_csum = (offloads & JV_OFFLOAD_CSUM) == 0,
                             .no_tso = (offloads & JV_OFFLOAD_TSO) == 0,
                             .no_uso = (offloads & JV_OFFLOAD_USO) == 0,
                             .has_queues = has_queues,
                             .takes_any = takes_any};
    enum jv_err err = jv_tun_open(&cfg, &device->tun, &was_there);
    if (err == JV_E_UNSUPPORTED) {
        return err;
    }
    if (err == JV_E_OK) {
        err = jv_tun_set_persist(device->tun, true);
    }
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "cannot open the TUN device %s: %s: %s", config->interface,
               strerror(errno), remedy(err));
        return err;
    }
    device->is_new = !was_there;
    if (jv_tun_is_renewed(device->tun)) {
        jv_log(JV_LOG_NOTICE,
               "%s: made anew, for it had one queue; its addresses and routes are set again",
               config->interface);
    } else if (was_there) {
        jv_log(JV_LOG_NOTICE, "%s: adopted the device of an earlier run", config->interface);
    }
    return JV_E_OK;
}

/* Of errno, right after a call that failed. */
static const char *why(enum jv_err err)
{
    return err == JV_E_PERM ? "it needs CAP_BPF" : strerror(errno);
}

static void open_sparse(struct jv_lanes *lanes, struct jv_device *device)
{
    if (!jv_tun_has_queues(device->tun)) {
        device->no_lanes = "the device of an earlier run has one queue, until jv down";
        return;
    }
    enum jv_err err = jv_tun_open_queue(device->tun, &device->sparse);
    if (err == JV_E_OK) {
        err = jv_lanes_attach(lanes, jv_tun_fd(device->tun));
    }
    if (err != JV_E_OK) {
        device->no_lanes = why(err);
        jv_tun_close(device->sparse);
        device->sparse = NULL;
    }
}

static void bound(struct jv_device *device)
{
    if (!jv_tun_has_tso(device->tun)) {
        return; /* what is cut already is bounded by the number of packets */
    }
    enum jv_err err = jv_tun_bound(device->tun, JV_DEVICE_QUEUE_BYTES);
    if (err == JV_E_OK) {
        device->queue_bytes = JV_DEVICE_QUEUE_BYTES;
    } else {
        device->no_bound = why(err);
    }
}

static void tell(const struct jv_config *config, const struct jv_device *device)
{
    if (device->no_lanes != NULL) {
        jv_log(JV_LOG_NOTICE, "%s: large and sparse flows share a queue: %s", config->interface,
               device->no_lanes);
    }
    if (device->no_bound != NULL) {
        jv_log(JV_LOG_NOTICE, "%s: no bound on the bytes that wait: %s", config->interface,
               device->no_bound);
    }
}

static enum jv_err open_further(const struct jv_config *config, uint32_t shards,
                                struct jv_device *device)
{
    enum jv_err err = JV_E_OK;
    for (uint32_t i = 1; err == JV_E_OK && i < shards; i++) {
        err = jv_tun_open_queue(device->tun, &device->further[i - 1U]);
    }
    if (err != JV_E_OK) {
        jv_log(JV_LOG_ERROR, "%s: cannot open another queue: %s", config->interface,
               strerror(errno));
    }
    return err;
}

enum jv_err jv_device_open(const struct jv_config *config, uint32_t shards,
                           struct jv_device *device)
{
    bool is_fair = config->queue == JV_QUEUE_FAIR;
    bool has_shards = shards > 1;
    struct jv_lanes *lanes = NULL;
    *device = (struct jv_device){0};
    /* Asked before the device is there: one that has several queues and no program that chooses would gain nothing. */
    enum jv_err err = is_fair && !has_shards ? jv_lanes_open(&lanes) : JV_E_OK;
    if (err != JV_E_OK) {
        device->no_lanes = why(err);
    }
    err = open_tun(config, has_shards || lanes != NULL, !has_shards, device);
    if (err == JV_E_UNSUPPORTED && has_shards) {
        jv_log(JV_LOG_ERROR, "%s: this kernel is too old for several queues: Shards = 1",
               config->interface);
    } else if (err == JV_E_UNSUPPORTED) {
        device->no_lanes = "this kernel does not tell who has the queues of a device";
        jv_lanes_close(lanes);
        lanes = NULL;
        err = open_tun(config, false, true, device);
    }
    if (err == JV_E_OK) {
        jv_lanes_clear(jv_tun_fd(device->tun));
        if (is_fair) {
            bound(device);
        }
        err = open_further(config, shards, device);
    }
    if (err == JV_E_OK && lanes != NULL) {
        open_sparse(lanes, device);
    }
    jv_lanes_close(lanes);
    if (err == JV_E_OK) {
        tell(config, device);
    }
    return err;
}

void jv_device_close(struct jv_device *device)
{
    for (uint32_t i = 0; i < JV_ARRAY_LEN(device->further); i++) {
        jv_tun_close(device->further[i]);
    }
    jv_tun_close(device->sparse);
    jv_tun_close(device->tun);
    *device = (struct jv_device){0};
}
