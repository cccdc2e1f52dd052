/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PARTS_H
#define JV_CORE_PARTS_H
/*
 * parts -- fields that several messages and frames share: addresses, receive reports, the policy snapshot, locators.
 *
 * Every `get` sets rd->err on a value that no `put` writes, so that one value has one form on the wire.
 * Threads  none: pure functions.
 */
#include "msg.h"
#include "policy.h"
#include "wire.h"

void jv_part_put_ip(struct jv_wr *wr, const struct jv_ip *ip); /* 17 bytes: family, address */
void jv_part_get_ip(struct jv_rd *rd, struct jv_ip *out);
/* 20 bytes: family, zero, port, address. A scope means nothing to the other side and is left out. */
void jv_part_put_endpoint(struct jv_wr *wr, const struct jv_endpoint *ep);
void jv_part_get_endpoint(struct jv_rd *rd, struct jv_endpoint *out);
void jv_part_put_prefix(struct jv_wr *wr,
                        const struct jv_prefix *prefix); /* 18 bytes: address, length */
void jv_part_get_prefix(struct jv_rd *rd, struct jv_prefix *out);
void jv_part_put_report(struct jv_wr *wr, const struct jv_report *report); /* JV_REPORT_BYTES */
void jv_part_get_report(struct jv_rd *rd, struct jv_report *out);
/* One byte JV_POLICY_FIELDS, then each field in 32 bits. Ranges are checked by jv_policy_check(), not here. */
void jv_part_put_policy(struct jv_wr *wr, const struct jv_policy *policy);
void jv_part_get_policy(struct jv_rd *rd, struct jv_policy *out);
/* JV_SPARE_MAX locators, zero where unused. */
void jv_part_put_spares(struct jv_wr *wr, uint32_t len, const uint64_t *spares);
void jv_part_get_spares(struct jv_rd *rd, uint32_t len, uint64_t *out);
#endif /* JV_CORE_PARTS_H */
