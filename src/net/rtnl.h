/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_NET_RTNL_H
#define JV_NET_RTNL_H
/*
 * rtnl -- reading the attributes of one rtnetlink message, for netcfg and netwatch.
 *
 * Bounds   attributes up to JV_RTNL_ATTR_MAX are kept; an attribute of an unexpected size counts as absent.
 */
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "endpoint.h"

#define JV_RTNL_ATTR_MAX 31U /* IFLA_MTU, IFLA_OPERSTATE, RTA_TABLE, IFA_FLAGS all lie below */

struct jv_rtnl_attrs {
    const struct nlattr *at[JV_RTNL_ATTR_MAX + 1U];
};

/* mnl_nlmsg_ok() compares the length as a signed number, so that one above INT_MAX passes it. */
static inline bool jv_rtnl_ok(const struct nlmsghdr *msg, int left)
{
    return mnl_nlmsg_ok(msg, left) && msg->nlmsg_len <= (uint32_t)left;
}

static inline int jv_rtnl_keep(const struct nlattr *attr, void *arg)
{
    struct jv_rtnl_attrs *attrs = arg;
    uint16_t type = mnl_attr_get_type(attr);
    if (type <= JV_RTNL_ATTR_MAX) {
        attrs->at[type] = attr;
    }
    return MNL_CB_OK;
}

/* False: the message is shorter than its fixed part of `fixed_bytes`. */
static inline bool jv_rtnl_parse(const struct nlmsghdr *msg, size_t fixed_bytes,
                                 struct jv_rtnl_attrs *out)
{
    memset(out, 0, sizeof(*out));
    return mnl_nlmsg_get_payload_len(msg) >= fixed_bytes &&
           mnl_attr_parse(msg, (unsigned)fixed_bytes, jv_rtnl_keep, out) >= 0;
}

/* The attributes within one. False: it is not there. */
static inline bool jv_rtnl_nested(const struct jv_rtnl_attrs *attrs, unsigned type,
                                  struct jv_rtnl_attrs *out)
{
    memset(out, 0, sizeof(*out));
    return attrs->at[type] != NULL &&
           mnl_attr_parse_nested(attrs->at[type], jv_rtnl_keep, out) >= 0;
}

static inline uint32_t jv_rtnl_u32(const struct jv_rtnl_attrs *attrs, unsigned type,
                                   uint32_t otherwise)
{
    const struct nlattr *attr = attrs->at[type];
    return attr != NULL && mnl_attr_get_payload_len(attr) == sizeof(uint32_t)
               ? mnl_attr_get_u32(attr)
               : otherwise;
}

/* False, and family NONE, where there is no address of the family (AF_INET, AF_INET6) in this attribute. */
static inline bool jv_rtnl_ip(const struct jv_rtnl_attrs *attrs, unsigned type, bool is_v6,
                              struct jv_ip *out)
{
    const struct nlattr *attr = attrs->at[type];
    size_t bytes = is_v6 ? 16U : 4U;
    *out = (struct jv_ip){0};
    if (attr == NULL || mnl_attr_get_payload_len(attr) != bytes) {
        return false;
    }
    memcpy(out->b, mnl_attr_get_payload(attr), bytes);
    out->family = is_v6 ? JV_AF_6 : JV_AF_4;
    return true;
}
#endif /* JV_NET_RTNL_H */
