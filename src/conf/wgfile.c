/* SPDX-License-Identifier: Apache-2.0 */
#include "wgfile.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "units.h"
#include "value.h"

#define SHOWN_MAX 80          /* characters of a value that a message repeats */
#define KEEPALIVE_MAX 65535U  /* of wg(8) */
#define HEARTBEAT_MAX_S 600U  /* of HeartbeatIdle, which takes PersistentKeepalive's place */
#define LINE_MAX_BYTES 16384U /* as of our own files */

enum key_id {
    ON_PrivateKey,
    ON_ListenPort,
    ON_FwMark,
    ON_Address,
    ON_DNS,
    ON_MTU,
    ON_Table,
    ON_SaveConfig,
    ON_PreUp,
    ON_PostUp,
    ON_PreDown,
    ON_PostDown,
    ON_PublicKey,
    ON_PresharedKey,
    ON_Endpoint,
    ON_AllowedIPs,
    ON_PersistentKeepalive,
    KEYS
};

/* One pass over one text. */
struct reader {
    const char *file;
    struct jv_diag *diag;
    struct jv_wgfile *wg;
    uint32_t line;
    uint32_t errors_before;
    bool is_interface, is_peer;         /* the section that is being read */
    uint32_t interface_line, peer_line; /* of the first header; 0: none */
    uint32_t lines[KEYS];               /* of the first of each key; 0: absent */
    const char *key;                    /* as the table spells it */
    enum key_id id;
};

typedef void read_fn(struct reader *r, struct jv_text value);

static int shown(struct jv_text text)
{
    return (int)JV_MIN(text.len, (size_t)SHOWN_MAX);
}

static bool is_word(struct jv_text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static bool copy(struct jv_text text, char *out, size_t cap)
{
    if (text.len >= cap || memchr(text.at, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return true;
}

static void bad(struct reader *r, struct jv_text value, const char *must)
{
    jv_diag_error(r->diag, r->file, r->line, "%s is %.*s; it must be %s", r->key, shown(value),
                  value.at, must);
}

/* ---- the values ---- */

/* What looks like no key may be one with a typing error: it is not repeated. */
static void read_key(struct reader *r, struct jv_text value, struct jv_key *out)
{
    if (jv_key_parse(value.at, value.len, out) != JV_E_OK || jv_is_zero(out, sizeof(*out))) {
        jv_diag_error(r->diag, r->file, r->line,
                      "%s is not shown here; it must be a key: 44 characters of base64", r->key);
    }
}

static void read_private(struct reader *r, struct jv_text value)
{
    read_key(r, value, &r->wg->private_key);
}

static void read_public(struct reader *r, struct jv_text value)
{
    read_key(r, value, &r->wg->public_key);
}

/* All zeroes stand for "none" in wg(8). */
static void read_preshared(struct reader *r, struct jv_text value)
{
    struct jv_key *key = &r->wg->preshared;
    if (jv_key_parse(value.at, value.len, key) != JV_E_OK) {
        read_key(r, value, key);
        return;
    }
    r->wg->has_preshared = !jv_is_zero(key, sizeof(*key));
}

static bool is_number(struct jv_text value, uint64_t max, uint64_t *out)
{
    return jv_units_parse_count(value, out) && *out <= max;
}

static void read_listen_port(struct reader *r, struct jv_text value)
{
    uint64_t port = 0;
    if (!is_number(value, UINT16_MAX, &port)) {
        bad(r, value, "0 to 65535");
        return;
    }
    jv_diag_warn(&r->wg->notes, r->file, r->line,
                 "ListenPort = %" PRIu64
                 " is not carried over: the system chooses the port of each "
                 "path",
                 port);
}

static bool parse_mark(struct jv_text value, uint64_t *out)
{
    return jv_units_parse_hex(value, out) || is_number(value, UINT32_MAX, out);
}

static void read_mark(struct reader *r, struct jv_text value)
{
    uint64_t mark = 0;
    if (!is_word(value, "off") && !parse_mark(value, &mark)) {
        bad(r, value, "off or 0 to 0xffffffff");
        return;
    }
    r->wg->fwmark = (uint32_t)mark;
    if (mark == 0) {
        jv_diag_warn(&r->wg->notes, r->file, r->line,
                     "FwMark = off is not carried over: the marked packets are those that stay out "
                     "of the tunnel");
    }
}

static bool parse_prefix(struct jv_text entry, struct jv_prefix *out)
{
    char text[JV_ADDR_TEXT_BYTES];
    if (!copy(entry, text, sizeof(text))) {
        return false;
    }
    if (strchr(text, '/') != NULL) {
        return jv_prefix_parse(text, true, out) == JV_E_OK;
    }
    if (jv_ip_parse(text, &out->ip) != JV_E_OK) {
        return false;
    }
    out->bits = out->ip.family == JV_AF_4 ? 32U : 128U;
    return true;
}

static void read_address(struct reader *r, struct jv_text value)
{
    struct jv_text rest = value;
    struct jv_text entry;
    while (jv_text_next(&rest, &entry)) {
        struct jv_prefix prefix;
        char text[JV_ADDR_TEXT_BYTES];
        if (!parse_prefix(entry, &prefix)) {
            bad(r, entry, "ADDRESS or ADDRESS/BITS, separated by commas");
            return;
        }
        (void)jv_ip_format(&prefix.ip, text, sizeof(text));
        jv_diag_warn(&r->wg->notes, r->file, r->line,
                     "Address = %.*s is not carried over: the gateway gives the address; to keep "
                     "it, say Address = %s in [User NAME] there",
                     shown(entry), entry.at, text);
    }
}

static bool is_search_domain(struct jv_text entry)
{
    for (size_t i = 0; i < entry.len; i++) {
        char c = entry.at[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && c != '-' && c != '.' && c != '_' && c != '~') {
            return false;
        }
    }
    return entry.len > 0 && entry.len < JV_CONF_HOST_BYTES;
}

static void add_resolver(struct reader *r, const struct jv_ip *ip, struct jv_text entry)
{
    struct jv_wgfile *wg = r->wg;
    for (uint32_t i = 0; i < wg->dns_len; i++) {
        if (jv_ip_is_equal(&wg->dns[i], ip)) {
            return;
        }
    }
    if (wg->dns_len < JV_CONF_DNS_MAX) {
        wg->dns[wg->dns_len++] = *ip;
        return;
    }
    jv_diag_warn(&wg->notes, r->file, r->line,
                 "DNS = %.*s is not carried over: a session has %u name servers at most",
                 shown(entry), entry.at, JV_CONF_DNS_MAX);
}

static void read_dns(struct reader *r, struct jv_text value)
{
    struct jv_text rest = value;
    struct jv_text entry;
    while (jv_text_next(&rest, &entry)) {
        char text[JV_ADDR_TEXT_BYTES];
        struct jv_ip ip;
        if (copy(entry, text, sizeof(text)) && jv_ip_parse(text, &ip) == JV_E_OK) {
            add_resolver(r, &ip, entry);
        } else if (is_search_domain(entry)) {
            jv_diag_warn(&r->wg->notes, r->file, r->line,
                         "DNS = %.*s is not carried over: a session has no search domains",
                         shown(entry), entry.at);
        } else {
            bad(r, entry, "addresses and search domains, separated by commas");
            return;
        }
    }
}

static void read_mtu(struct reader *r, struct jv_text value)
{
    uint64_t mtu = 0;
    if (!is_number(value, UINT16_MAX, &mtu) || mtu < 68) {
        bad(r, value, "68 to 65535");
    } else if (mtu < JV_MTU_MIN || mtu > JV_MTU_MAX) {
        jv_diag_warn(&r->wg->notes, r->file, r->line,
                     "MTU = %" PRIu64 " is not carried over: a session has %u to %u; the gateway's "
                     "is taken",
                     mtu, JV_MTU_MIN, JV_MTU_MAX);
    } else {
        r->wg->mtu = (uint32_t)mtu;
    }
}

static void read_table(struct reader *r, struct jv_text value)
{
    uint64_t table = 0;
    if (is_word(value, "auto")) {
        return; /* what we do as well */
    }
    if (!is_word(value, "off") && !parse_mark(value, &table)) {
        bad(r, value, "auto, off or the number of a table");
        return;
    }
    jv_diag_warn(&r->wg->notes, r->file, r->line,
                 "Table = %.*s is not carried over: the routes of AllowedIPs stand in the main "
                 "table",
                 shown(value), value.at);
}

static void read_save_config(struct reader *r, struct jv_text value)
{
    if (!is_word(value, "true") && !is_word(value, "false")) {
        bad(r, value, "true or false");
    } else if (is_word(value, "true")) {
        jv_diag_warn(&r->wg->notes, r->file, r->line,
                     "SaveConfig = true is not carried over: a profile is written by people only");
    }
}

/* The keys of hooks stand in the order of enum jv_wgfile_hook. */
static void read_hook(struct reader *r, struct jv_text value)
{
    /* Each runs in a shell of its own and the first that fails ends them, as in wg-quick. */
    enum jv_wgfile_hook kind = (enum jv_wgfile_hook)(r->id - ON_PreUp);
    char *out = r->wg->hooks[kind];
    size_t used = strlen(out);
    int len;
    if (memchr(value.at, '\0', value.len) != NULL) {
        bad(r, value, "a command line");
        return;
    }
    if (used == 0) {
        len = snprintf(out, JV_CONF_HOOK_BYTES, "%.*s", (int)value.len, value.at);
    } else {
        char first[JV_CONF_HOOK_BYTES];
        memcpy(first, out, used + 1U);
        bool is_joined = first[0] == '(' && strstr(first, ") && (") != NULL;
        len = is_joined ? snprintf(out, JV_CONF_HOOK_BYTES, "%s && (%.*s)", first, (int)value.len,
                                   value.at)
                        : snprintf(out, JV_CONF_HOOK_BYTES, "(%s) && (%.*s)", first, (int)value.len,
                                   value.at);
    }
    if (kind == JV_WGFILE_PRE_UP) {
        jv_diag_warn(
            &r->wg->notes, r->file, r->line,
            "PreUp = %.*s is not carried over: there is no hook before the device is there",
            shown(value), value.at);
    }
    if (len < 0 || (size_t)len >= JV_CONF_HOOK_BYTES) {
        jv_diag_error(r->diag, r->file, r->line,
                      "%s has too many characters; all of one kind together must be %u at most",
                      r->key, JV_CONF_HOOK_BYTES - 1U);
        out[used] = '\0';
    }
}

static void read_endpoint(struct reader *r, struct jv_text value)
{
    const struct jv_value_row row = {.row = {.max = 1}, .type = JV_VALUE_GATEWAYS};
    struct jv_text wrong;
    /* Ours has a default port; wg(8) has none, so a missing one is an error of the file. */
    const char *colon = value.len > 0 ? memrchr(value.at, ':', value.len) : NULL;
    bool has_port =
        colon != NULL &&
        (value.at[0] == '[' ? colon[-1] == ']' : memchr(value.at, ':', value.len) == colon);
    if (!has_port || memchr(value.at, ',', value.len) != NULL ||
        jv_value_parse(&row, value, &r->wg->gateway, &wrong) != JV_VALUE_OK) {
        bad(r, value, "HOST:PORT, an IPv6 address in brackets");
    }
}

static void add_prefix(struct reader *r, struct jv_text entry, struct jv_prefix prefix)
{
    struct jv_config_prefixes *list = &r->wg->allowed_ips;
    char text[JV_ADDR_TEXT_BYTES];
    /* wg(8) masks the host bits; ours refuses them. */
    uint32_t bytes = prefix.ip.family == JV_AF_4 ? 4U : 16U;
    for (uint32_t bit = prefix.bits; bit < bytes * 8U; bit++) {
        prefix.ip.b[bit / 8U] &= (uint8_t) ~(0x80U >> bit % 8U);
    }
    for (uint32_t i = 0; i < list->len; i++) {
        if (list->at[i].bits == prefix.bits && jv_ip_is_equal(&list->at[i].ip, &prefix.ip)) {
            return;
        }
    }
    if (list->len == JV_CONF_PREFIXES_MAX) {
        (void)jv_prefix_format(&prefix, text, sizeof(text));
        jv_diag_error(r->diag, r->file, r->line,
                      "AllowedIPs is one too many with %.*s; it must be %u at most", shown(entry),
                      entry.at, JV_CONF_PREFIXES_MAX);
        return;
    }
    list->at[list->len++] = prefix;
}

static void read_allowed(struct reader *r, struct jv_text value)
{
    struct jv_text rest = value;
    struct jv_text entry;
    while (value.len > 0 && jv_text_next(&rest, &entry)) {
        struct jv_prefix prefix;
        if (!parse_prefix(entry, &prefix)) {
            bad(r, entry, "ADDRESS/BITS, separated by commas");
            return;
        }
        add_prefix(r, entry, prefix);
    }
}

static void read_keepalive(struct reader *r, struct jv_text value)
{
    uint64_t seconds = 0;
    if (!is_word(value, "off") && !is_number(value, KEEPALIVE_MAX, &seconds)) {
        bad(r, value, "off or 0 to 65535");
    } else if (seconds > HEARTBEAT_MAX_S || seconds == 0) {
        jv_diag_warn(&r->wg->notes, r->file, r->line,
                     "PersistentKeepalive = %.*s is not carried over: HeartbeatIdle does its work, "
                     "25s unless set, at most 10min",
                     shown(value), value.at);
    } else {
        r->wg->keepalive_s = (uint32_t)seconds;
    }
}

static const struct {
    const char *name;
    read_fn *read;
    bool is_of_peer, is_list, may_be_empty;
} keys[KEYS] = {
    [ON_PrivateKey] = {"PrivateKey", read_private, false, false, false},
    [ON_ListenPort] = {"ListenPort", read_listen_port, false, false, false},
    [ON_FwMark] = {"FwMark", read_mark, false, false, false},
    [ON_Address] = {"Address", read_address, false, true, false},
    [ON_DNS] = {"DNS", read_dns, false, true, false},
    [ON_MTU] = {"MTU", read_mtu, false, false, false},
    [ON_Table] = {"Table", read_table, false, false, false},
    [ON_SaveConfig] = {"SaveConfig", read_save_config, false, false, false},
    [ON_PreUp] = {"PreUp", read_hook, false, true, false},
    [ON_PostUp] = {"PostUp", read_hook, false, true, false},
    [ON_PreDown] = {"PreDown", read_hook, false, true, false},
    [ON_PostDown] = {"PostDown", read_hook, false, true, false},
    [ON_PublicKey] = {"PublicKey", read_public, true, false, false},
    [ON_PresharedKey] = {"PresharedKey", read_preshared, true, false, false},
    [ON_Endpoint] = {"Endpoint", read_endpoint, true, false, false},
    [ON_AllowedIPs] = {"AllowedIPs", read_allowed, true, true, true},
    [ON_PersistentKeepalive] = {"PersistentKeepalive", read_keepalive, true, false, false},
};

/* ---- the lines ---- */

static void open_section(struct reader *r, struct jv_text text)
{
    r->is_interface = is_word(text, "[Interface]");
    r->is_peer = is_word(text, "[Peer]");
    if (!r->is_interface && !r->is_peer) {
        jv_diag_error(r->diag, r->file, r->line,
                      "%.*s is not a section; it must be [Interface] or [Peer]", shown(text),
                      text.at);
        return;
    }
    uint32_t *first = r->is_interface ? &r->interface_line : &r->peer_line;
    if (*first == 0) {
        *first = r->line;
        return;
    }
    jv_diag_error(r->diag, r->file, r->line,
                  r->is_peer ? "[Peer] is there already, in line %u; it must be the only one: a "
                               "session has one gateway"
                             : "[Interface] is there already, in line %u",
                  *first);
    r->is_interface = r->is_peer = false;
}

static void read_line(struct reader *r, struct jv_text text)
{
    const char *equals = memchr(text.at, '=', text.len);
    if (equals == NULL) {
        jv_diag_error(r->diag, r->file, r->line, "the line is not of the form Key = value");
        return;
    }
    if (!r->is_interface && !r->is_peer) {
        if (r->interface_line == 0 && r->peer_line == 0) {
            jv_diag_error(r->diag, r->file, r->line, "the line stands before the first section");
        }
        return; /* else the section itself was refused */
    }
    struct jv_text name = jv_text_trim(text.at, equals);
    struct jv_text value = jv_text_trim(equals + 1, text.at + text.len);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (!is_word(name, keys[i].name) || keys[i].is_of_peer != r->is_peer) {
            continue;
        }
        r->id = (enum key_id)i;
        r->key = keys[i].name;
        if (r->lines[i] != 0 && !keys[i].is_list) {
            jv_diag_error(r->diag, r->file, r->line, "%s is set twice; the first is in line %u",
                          r->key, r->lines[i]);
            return;
        }
        r->lines[i] = r->lines[i] == 0 ? r->line : r->lines[i];
        if (value.len == 0 && !keys[i].may_be_empty) {
            jv_diag_error(r->diag, r->file, r->line, "%s has no value", r->key);
            return;
        }
        keys[i].read(r, value);
        return;
    }
    jv_diag_error(r->diag, r->file, r->line, "%.*s is not a key of [%s]", shown(name), name.at,
                  r->is_peer ? "Peer" : "Interface");
}

static bool has_control(struct jv_text line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static void read_text(struct reader *r, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end != NULL ? (size_t)(end - (text + at)) : len - at;
        struct jv_text line = {text + at, line_len};
        at += line_len + 1U;
        r->line++;
        line.len -= line_len > 0 && line.at[line_len - 1U] == '\r' ? 1U : 0U;
        if (line.len > LINE_MAX_BYTES) {
            jv_diag_error(r->diag, r->file, r->line, "the line is longer than %u characters",
                          LINE_MAX_BYTES);
            continue;
        }
        if (has_control(line)) {
            jv_diag_error(r->diag, r->file, r->line, "the line has a control character");
            continue;
        }
        const char *hash = line.len > 0 ? memchr(line.at, '#', line.len) : NULL;
        struct jv_text body = jv_text_trim(line.at, hash != NULL ? hash : line.at + line.len);
        if (body.len > 0 && body.at[0] == '[') {
            open_section(r, body);
        } else if (body.len > 0) {
            read_line(r, body);
        }
    }
}

static void miss(struct reader *r, enum key_id key, const char *why)
{
    if (r->lines[key] == 0) {
        jv_diag_error(r->diag, r->file, keys[key].is_of_peer ? r->peer_line : r->interface_line,
                      "%s is missing in [%s]%s", keys[key].name,
                      keys[key].is_of_peer ? "Peer" : "Interface", why);
    }
}

static void settle(struct reader *r)
{
    if (r->interface_line == 0 || r->peer_line == 0) {
        jv_diag_error(r->diag, r->file, 0, "there must be an [Interface] and a [Peer]");
        return;
    }
    miss(r, ON_PrivateKey, "");
    miss(r, ON_PublicKey, "");
    miss(r, ON_Endpoint, ": a client must know where its gateway is");
    miss(r, ON_AllowedIPs, "");
    if (r->diag->errors == r->errors_before && r->wg->allowed_ips.len == 0) {
        jv_diag_error(r->diag, r->file, r->lines[ON_AllowedIPs],
                      "AllowedIPs is empty; it must name what goes into the tunnel");
    }
    if (r->wg->notes.dropped > 0) {
        jv_diag_error(r->diag, r->file, 0,
                      "has more than %u values that cannot be carried over; it must have fewer",
                      JV_DIAG_MAX);
    }
}

enum jv_err jv_wgfile_parse(const char *text, size_t len, const char *file, struct jv_wgfile *out,
                            struct jv_diag *diag)
{
    struct reader r = {.file = file, .diag = diag, .wg = out, .errors_before = diag->errors};
    *out = (struct jv_wgfile){0};
    if (len > JV_WGFILE_BYTES) {
        jv_diag_error(diag, file, 0, "has %zu bytes; it must have at most %u", len,
                      JV_WGFILE_BYTES);
    } else {
        read_text(&r, text, len);
        settle(&r);
    }
    if (diag->errors != r.errors_before) {
        jv_wgfile_fini(out);
        return JV_E_SYNTAX;
    }
    return JV_E_OK;
}

void jv_wgfile_fini(struct jv_wgfile *wg)
{
    jv_diag_fini(&wg->notes);
    jv_wipe(wg, sizeof(*wg));
}
