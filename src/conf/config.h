/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CONF_CONFIG_H
#define JV_CONF_CONFIG_H
/*
 * config -- one configuration file, /etc/jv/NAME.conf, read, checked and printed by the table in
 * config.def.
 *
 * Owns     a struct jv_config is one allocation of the loader plus its users; jv_config_free()
 *          wipes its keys.
 * Takes    the INI form of jv.conf(5), after jv_crypto_init(). Unknown sections and keys,
 *          duplicates and values out of range are errors, never ignored; what this version lacks is
 *          refused with the words "not in this version".
 * Gives    every finding at once (diag.h), or a whole configuration; never a half.
 * Limits   the JV_CONF_ numbers below; a file of more than JV_CONF_FILE_BYTES is refused.
 * Threads  one at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base.h"
#include "bounds.h"
#include "crypto.h"
#include "diag.h"
#include "endpoint.h"
#include "errors.h"
#include "policy.h"

#define JV_CONF_PORT 4433U /* of a gateway that names none */
#define JV_CONF_FILE_BYTES (16U << 20)
#define JV_CONF_NAME_BYTES 16U /* names of interfaces and transports, with their NUL (IFNAMSIZ) */
#define JV_CONF_USER_BYTES                                                                         \
    JV_NAME_BYTES               /* [User NAME], profile and unprivileged user, with their NUL */
#define JV_CONF_HOST_BYTES 254U /* a DNS name with its NUL */
#define JV_CONF_PATH_BYTES 256U
#define JV_CONF_HOOK_BYTES 1024U /* a command line of [Hooks] with its NUL */
#define JV_CONF_GATEWAYS_MAX 8U
#define JV_CONF_TRANSPORTS_MAX JV_PATH_MAX
#define JV_CONF_PREFIXES_MAX JV_ALLOWED_MAX
#define JV_CONF_LAN_MAX 16U
#define JV_CONF_USER_PREFIXES_MAX JV_USER_NETS_MAX
#define JV_CONF_ENDPOINTS_MAX JV_ENDPOINT_MAX
#define JV_CONF_DNS_MAX JV_DNS_MAX
#define JV_CONF_USERS_MAX 65536U

enum jv_config_role { JV_CONFIG_CLIENT = 1, JV_CONFIG_GATEWAY = 2 };
enum jv_config_standby { JV_CONFIG_WARM, JV_CONFIG_COLD };
enum jv_config_terminated { JV_CONFIG_STOP, JV_CONFIG_REBIRTH }; /* OnTerminated */
enum jv_config_kill { JV_CONFIG_KILL_NO, JV_CONFIG_KILL_YES };   /* KillSwitch */
enum jv_config_dns { JV_CONFIG_DNS_AUTO, JV_CONFIG_DNS_NONE, JV_CONFIG_DNS_LIST };

/* A private or pre-shared key. */
struct jv_config_secret {
    struct jv_key key; /* all zero until loaded, and where no pre-shared key is configured */
    bool is_set;       /* the file names one */
    bool is_inline;    /* it stands in the configuration file itself */
    char path[JV_CONF_PATH_BYTES]; /* empty where it is inline */
};

struct jv_config_public {
    struct jv_key key;
    bool is_set;
};

struct jv_config_gateway {
    char host[JV_CONF_HOST_BYTES]; /* a DNS name or an address without brackets */
    uint16_t port;
    bool is_address; /* `endpoint` is valid and nothing has to be resolved */
    struct jv_endpoint endpoint;
};

struct jv_config_gateways {
    uint32_t len;
    struct jv_config_gateway at[JV_CONF_GATEWAYS_MAX];
};

struct jv_config_prefixes {
    uint32_t len;
    struct jv_prefix at[JV_CONF_PREFIXES_MAX];
};

struct jv_config_networks { /* behind a user; an array of these may be long, so each is short */
    uint32_t len;
    struct jv_prefix at[JV_CONF_USER_PREFIXES_MAX];
};

struct jv_config_endpoints {
    uint32_t len;
    struct jv_endpoint at[JV_CONF_ENDPOINTS_MAX];
};

struct jv_config_resolvers {
    enum jv_config_dns kind;
    uint32_t len;
    struct jv_ip at[JV_CONF_DNS_MAX];
};

/* One address a family; .family is JV_AF_NONE where there is none. */
struct jv_config_addresses {
    struct jv_ip v4, v6;
};

/* One prefix a family; .ip.family is JV_AF_NONE where there is none. */
struct jv_config_pool {
    struct jv_prefix v4, v6;
};

struct jv_config_transport {
    char name[JV_CONF_NAME_BYTES];
    char device[JV_CONF_NAME_BYTES];
    uint32_t prefer;    /* the higher the better */
    uint32_t standby;   /* enum jv_config_standby */
    uint32_t metered;   /* 1: it costs by volume */
    uint32_t cost;      /* the lower the better, at equal preference */
    uint32_t protocols; /* bits of enum jv_protocol; JV_PROTO_UDP in this version */
    uint32_t line;
};

struct jv_config_user {
    char name[JV_CONF_USER_BYTES];
    struct jv_config_public public_key;
    struct jv_config_secret preshared; /* .key all zero: none */
    struct jv_config_addresses address;
    struct jv_config_networks allowed_ips;
    uint32_t line;
};

struct jv_config_session { /* [Session]: a client */
    struct jv_config_secret private_key;
    struct jv_config_gateways gateways; /* in the order of the file */
    struct jv_config_public gateway_key;
    struct jv_config_secret preshared;
    struct jv_config_resolvers dns;
    struct jv_config_prefixes allowed_ips;
    uint32_t kill_switch; /* enum jv_config_kill */
    struct jv_config_prefixes kill_switch_lan;
    uint32_t on_terminated; /* enum jv_config_terminated */
    uint32_t fwmark;        /* on the client's own sockets; never 0 */
};

struct jv_config_server { /* [Gateway] */
    struct jv_config_secret private_key;
    struct jv_config_endpoints listen; /* UDP */
    struct jv_config_pool pool;        /* at least one family */
    char state_dir[JV_CONF_PATH_BYTES];
    struct jv_config_resolvers dns;       /* told to the clients; .kind is NONE or LIST */
    struct jv_config_endpoints endpoints; /* told to the clients; may be empty */
    uint32_t shards;                      /* 1..JV_SHARDS_MAX; 0: by the processors there are */
};

enum jv_config_on_reload { JV_CONFIG_STRICT, JV_CONFIG_GRACE };

struct jv_config_hooks { /* [Hooks]; an empty one is none */
    char post_up[JV_CONF_HOOK_BYTES], pre_down[JV_CONF_HOOK_BYTES], post_down[JV_CONF_HOOK_BYTES];
    char on_transition[JV_CONF_PATH_BYTES];
};

/* In the order of the words of the key Scheduling. */
enum jv_config_scheduling { JV_SCHEDULING_NORMAL, JV_SCHEDULING_REALTIME };

/* In the order of the words of the key Queue. */
enum jv_config_queue { JV_QUEUE_FAIR, JV_QUEUE_DEVICE };

/* In the order of the words of the key Offload. */
#define JV_OFFLOAD_CSUM 1U /* inner checksums may be partial */
#define JV_OFFLOAD_TSO 2U  /* the TUN device gives and takes TCP before it is cut */
#define JV_OFFLOAD_USO 4U  /* the same of UDP */
#define JV_OFFLOAD_GSO 8U  /* sockets: UDP_SEGMENT */
#define JV_OFFLOAD_GRO 16U /* sockets: UDP_GRO */
#define JV_OFFLOAD_ALL 31U

struct jv_config_limits { /* [Limits]: a gateway; the four bounds of a policy are in `clamp` */
    uint32_t sessions;
};

struct jv_config {
    enum jv_config_role role;
    char name[JV_CONF_USER_BYTES];      /* NAME of NAME.conf */
    char interface[JV_CONF_NAME_BYTES]; /* TUN device */
    /* To drop to; filled by jv_config_load(), empty after jv_config_parse() unless set. */
    char user[JV_CONF_USER_BYTES];
    uint32_t dscp;       /* of outer datagrams; JV_DSCP_COPY: that of the inner packet */
    uint32_t mtu;        /* inner; 0 on a client: what the gateway says */
    uint32_t scheduling; /* enum jv_config_scheduling */
    uint32_t queue;      /* enum jv_config_queue */
    uint32_t offloads;   /* set of JV_OFFLOAD_*: used where the kernel has them */
    struct jv_config_session session;
    struct jv_config_server gateway;
    struct jv_config_hooks hooks;
    struct jv_config_limits limits;
    struct jv_policy_clamp clamp; /* [Limits], and [Policy] of a gateway */
    struct jv_config_transport transports[JV_CONF_TRANSPORTS_MAX];
    uint32_t transports_len; /* 0: every interface that is up, alike */
    struct jv_config_user *users;
    uint32_t users_len;
    /* Preset or file, then the single keys; checked. What a client wants; what bounds a gateway's clients. */
    struct jv_policy policy;
    uint32_t on_reload;                   /* enum jv_config_on_reload */
    uint32_t preset;                      /* enum jv_preset; meaningless where policy_file is set */
    char policy_file[JV_CONF_PATH_BYTES]; /* empty: the preset */
    bool policy_set[JV_POLICY_FIELDS];    /* the single keys that the file itself sets */
    char audit_file[JV_CONF_PATH_BYTES];  /* empty: none */
    struct jv_endpoint metrics;           /* family JV_AF_NONE: off; else a loopback address */
};

/* How jv_config_parse() treats what is outside its text. */
struct jv_config_input {
    const char *text; /* need not end in a NUL */
    size_t len;
    const char *file; /* as messages name it; NAME is its last part without ".conf" */
    bool is_private;  /* only the owner can read the text: inline keys are allowed */
    /* Read key files, policy file and user database; without it they stay empty or at the preset. */
    bool may_read_files;
};

/*
 * Read, parse and check the file at `path`, with the key files and the policy file that it names.
 * JV_E_SYSTEM: the file cannot be read. JV_E_SYNTAX: something in it is wrong. Both are told in
 * `diag`; *out stays untouched.
 */
JV_MUST_USE enum jv_err jv_config_load(const char *path, struct jv_config **out,
                                       struct jv_diag *diag);
JV_MUST_USE enum jv_err jv_config_parse(const struct jv_config_input *input, struct jv_config **out,
                                        struct jv_diag *diag);
/* Wipes the keys; NULL is allowed. */
void jv_config_free(struct jv_config *config);

/*
 * Print a file that parses again to the same configuration: every key with its value in force, of
 * [Policy] the preset or file and the keys that the file sets. Inline secrets are not shown: their
 * place holds a comment. JV_E_SYSTEM where writing failed.
 */
JV_MUST_USE enum jv_err jv_config_print(const struct jv_config *config, FILE *file);

/* One row of the table, for the manual page, completion and tests. */
struct jv_config_row {
    const char *section, *key, *type, *fallback,
        *text; /* fallback: the default as written, "" for none */
    uint32_t min, max;
    uint32_t roles; /* bits of enum jv_config_role */
    bool is_mandatory;
};
/* The row of index `idx`, or NULL past the end. */
const struct jv_config_row *jv_config_row(size_t idx);
#endif /* JV_CONF_CONFIG_H */
