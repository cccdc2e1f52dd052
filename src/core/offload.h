/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_OFFLOAD_H
#define JV_CORE_OFFLOAD_H
/*
 * offload -- what a TUN device with a virtio header leaves to its reader and takes from its writer: packets split into segments (split.h),
 * packets of one flow merged (merge.h), checksums left partial and completed (csum.h). All of it is pure; the daemon calls it around
 * jv_core_packets() and behind jv_core_datagrams().
 */
#include "csum.h"
#include "merge.h"
#include "split.h"
#endif /* JV_CORE_OFFLOAD_H */
