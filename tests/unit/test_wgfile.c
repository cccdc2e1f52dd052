/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wgfile.h"

#define PRIVATE "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PUBLIC "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define PEER "[Peer]\nPublicKey = " PUBLIC "\nEndpoint = vpn.example.net:51820\n"
#define TOP "[Interface]\nPrivateKey = " PRIVATE "\n"
#define ALLOWED "AllowedIPs = 10.0.0.0/8\n"

static enum jv_err parse(const char *text, struct jv_wgfile *wg, struct jv_diag *diag)
{
    *diag = (struct jv_diag){0};
    return jv_wgfile_parse(text, strlen(text), "wg0.conf", wg, diag);
}

/* The profile as text, checked by our own reader; the caller frees it. */
static char *written(const struct jv_wgfile *wg, const char *private_path, const char *psk_path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    assert_int_equal(jv_wgfile_write(wg, private_path, psk_path, file), JV_E_OK);
    assert_int_equal(fclose(file), 0);
    struct jv_config_input input = {text, len, "wg0.conf", true, false};
    struct jv_config *config = NULL;
    struct jv_diag diag = {0};
    assert_int_equal(jv_config_parse(&input, &config, &diag), JV_E_OK);
    if (diag.errors > 0) {
        fail_msg("%s", diag.lines[0]);
    }
    jv_diag_fini(&diag);
    jv_config_free(config);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static void wgfile_carries_over_what_a_laptop_has(void **state)
{
    struct jv_wgfile wg;
    struct jv_diag diag;
    (void)state;
    assert_int_equal(
        parse(TOP
              "Address = 10.8.0.2/24\nDNS = 10.8.0.1, fd00::1\nMTU = 1400\nFwMark = 0xca6c\n" PEER
              "PresharedKey = /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=\n"
              "AllowedIPs = 0.0.0.0/0, ::/0\nPersistentKeepalive = 15\n",
              &wg, &diag),
        JV_E_OK);
    char *text = written(&wg, "/etc/jv/wg0.key", "/etc/jv/wg0.psk");
    assert_has(text, "PrivateKey = /etc/jv/wg0.key\n");
    assert_has(text, "PresharedKey = /etc/jv/wg0.psk\n");
    assert_has(text, "Gateway = vpn.example.net:51820\n");
    assert_has(text, "GatewayKey = " PUBLIC "\n");
    assert_has(text, "DNS = 10.8.0.1, fd00::1\n");
    assert_has(text, "AllowedIPs = 0.0.0.0/0, ::/0\n");
    assert_has(text, "MTU = 1400\n");
    assert_has(text, "FwMark = 0xca6c\n");
    assert_has(text, "HeartbeatIdle = 15s");
    assert_null(strstr(text, PRIVATE));
    free(text);
    text = written(&wg, NULL, NULL);
    assert_has(text, "PrivateKey = " PRIVATE "\n");
    assert_has(text, "mode 0600");
    free(text);
    jv_wgfile_fini(&wg);
    jv_diag_fini(&diag);
}

static void wgfile_says_what_it_leaves_behind(void **state)
{
    struct jv_wgfile wg;
    struct jv_diag diag;
    (void)state;
    assert_int_equal(parse(TOP "Address = 10.8.0.2/24\nDNS = corp.example\nListenPort = "
                               "51820\nTable = 51820\nMTU = 576\n"
                               "SaveConfig = true\nPreUp = a %i\n" PEER ALLOWED
                               "PersistentKeepalive = 0\n",
                           &wg, &diag),
                     JV_E_OK);
    assert_int_equal(wg.notes.len, 8);
    assert_string_equal(wg.notes.lines[0],
                        "wg0.conf:3: warning: Address = 10.8.0.2/24 is not carried over: the "
                        "gateway gives the address; to keep it, "
                        "say Address = 10.8.0.2 in [User NAME] there");
    char *text = written(&wg, NULL, NULL);
    for (uint32_t i = 0; i < wg.notes.len; i++) {
        assert_has(text, wg.notes.lines[i]);
    }
    assert_has(text, "PreUp = a %i\n");
    free(text);
    jv_wgfile_fini(&wg);
    jv_diag_fini(&diag);
}

static void wgfile_masks_and_merges_networks(void **state)
{
    struct jv_wgfile wg;
    struct jv_diag diag;
    (void)state;
    assert_int_equal(parse("[interface]\nprivatekey=" PRIVATE "#x\n[PEER]\nPublicKey=" PUBLIC
                           "\nEndpoint=[2001:db8::1]:7\nAllowedIPs=10.1.2.3/8,10.0.0.0/"
                           "8\nallowedips=\nAllowedIPs=192.168.7.9\n",
                           &wg, &diag),
                     JV_E_OK);
    char *text = written(&wg, NULL, NULL);
    assert_has(text, "AllowedIPs = 10.0.0.0/8, 192.168.7.9/32\n");
    assert_has(text, "Gateway = [2001:db8::1]:7\n");
    free(text);
    jv_wgfile_fini(&wg);
    jv_diag_fini(&diag);
}

static void wgfile_joins_commands_of_one_kind(void **state)
{
    struct jv_wgfile wg;
    struct jv_diag diag;
    (void)state;
    assert_int_equal(parse(TOP
                           "PostUp = a; b\nPostUp = c\nPostUp = d &\nPostDown = e\n" PEER ALLOWED,
                           &wg, &diag),
                     JV_E_OK);
    assert_string_equal(wg.hooks[JV_WGFILE_POST_UP], "(a; b) && (c) && (d &)");
    assert_string_equal(wg.hooks[JV_WGFILE_POST_DOWN], "e");
    char *profile = written(&wg, NULL, NULL);
    assert_has(profile, "[Hooks]\nPostUp = (a; b) && (c) && (d &)\nPostDown = e\n");
    free(profile);
    jv_wgfile_fini(&wg);
    jv_diag_fini(&diag);
}

struct bad_case {
    const char *text, *message;
};

static void wgfile_names_line_value_and_range(void **state)
{
    static const struct bad_case cases[] = {
        {TOP "MTU = big\n" PEER ALLOWED, "wg0.conf:3: MTU is big; it must be 68 to 65535"},
        {TOP "Address = 10.8.0.300/24\n" PEER ALLOWED,
         "wg0.conf:3: Address is 10.8.0.300/24; it must be ADDRESS or ADDRESS/BITS, separated by "
         "commas"},
        {TOP "Nonsense = 1\n" PEER ALLOWED, "wg0.conf:3: Nonsense is not a key of [Interface]"},
        {TOP "Endpoint = a:1\n" PEER ALLOWED, "wg0.conf:3: Endpoint is not a key of [Interface]"},
        {TOP "ListenPort = 70000\n" PEER ALLOWED,
         "wg0.conf:3: ListenPort is 70000; it must be 0 to 65535"},
        {TOP "FwMark = 0x\n" PEER ALLOWED,
         "wg0.conf:3: FwMark is 0x; it must be off or 0 to 0xffffffff"},
        {TOP "Table = here\n" PEER ALLOWED,
         "wg0.conf:3: Table is here; it must be auto, off or the number of a table"},
        {TOP "DNS = 10.0.0.1,,\n" PEER ALLOWED,
         "wg0.conf:3: DNS is ; it must be addresses and search domains, separated by commas"},
        {TOP "PrivateKey = " PRIVATE "\n" PEER ALLOWED,
         "wg0.conf:3: PrivateKey is set twice; the first is in line 2"},
        {TOP "PostUp =\n" PEER ALLOWED, "wg0.conf:3: PostUp has no value"},
        {TOP "words\n" PEER ALLOWED, "wg0.conf:3: the line is not of the form Key = value"},
        {TOP PEER ALLOWED PEER ALLOWED, "wg0.conf:7: [Peer] is there already, in line 3; it must "
                                        "be the only one: a session has one gateway"},
        {TOP PEER "AllowedIPs = 10.0.0.0/33\n",
         "wg0.conf:6: AllowedIPs is 10.0.0.0/33; it must be ADDRESS/BITS, separated by commas"},
        {TOP PEER "AllowedIPs =\n",
         "wg0.conf:6: AllowedIPs is empty; it must name what goes into the tunnel"},
        {TOP PEER ALLOWED "PersistentKeepalive = 70000\n",
         "wg0.conf:7: PersistentKeepalive is 70000; it must be off or 0 to 65535"},
        {TOP "[Peer]\nPublicKey = " PUBLIC "\n" ALLOWED,
         "wg0.conf:3: Endpoint is missing in [Peer]: a client must know where its gateway is"},
        {TOP "[Peer]\nPublicKey = " PUBLIC "\nEndpoint = vpn.example.net\n" ALLOWED,
         "wg0.conf:5: Endpoint is vpn.example.net; it must be HOST:PORT, an IPv6 address in "
         "brackets"},
        {TOP "[Peer]\nPublicKey = " PUBLIC "\nEndpoint = 2001:db8::1\n" ALLOWED,
         "wg0.conf:5: Endpoint is 2001:db8::1; it must be HOST:PORT, an IPv6 address in brackets"},
        {TOP "[Peer]\nPublicKey = xTIB\nEndpoint = a:1\n" ALLOWED,
         "wg0.conf:4: PublicKey is not shown here; it must be a key: 44 characters of base64"},
        {"[WireGuard]\n" TOP PEER ALLOWED,
         "wg0.conf:1: [WireGuard] is not a section; it must be [Interface] or [Peer]"},
        {"MTU = 1400\n" TOP PEER ALLOWED, "wg0.conf:1: the line stands before the first section"},
        {TOP "PostUp = \033\n" PEER ALLOWED, "wg0.conf:3: the line has a control character"},
        {PEER ALLOWED, "wg0.conf: there must be an [Interface] and a [Peer]"},
    };
    (void)state;
    for (size_t i = 0; i < JV_ARRAY_LEN(cases); i++) {
        struct jv_wgfile wg;
        struct jv_diag diag;
        if (parse(cases[i].text, &wg, &diag) != JV_E_SYNTAX) {
            fail_msg("accepted: %s", cases[i].text);
        }
        assert_string_equal(diag.lines[0], cases[i].message);
        if (diag.errors != 1) {
            fail_msg("beside it: %s", diag.lines[1]);
        }
        jv_diag_fini(&diag);
    }
}

static void wgfile_refuses_more_notes_than_it_can_tell(void **state)
{
    char text[JV_DIAG_MAX * 32U + 512U] = TOP;
    struct jv_wgfile wg;
    struct jv_diag diag;
    (void)state;
    for (uint32_t i = 0; i <= JV_DIAG_MAX; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "Address = 10.8.0.%u\n",
                       i);
    }
    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", PEER ALLOWED);
    assert_int_equal(parse(text, &wg, &diag), JV_E_SYNTAX);
    assert_string_equal(
        diag.lines[0],
        "wg0.conf: has more than 50 values that cannot be carried over; it must have fewer");
    jv_diag_fini(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wgfile_carries_over_what_a_laptop_has),
        cmocka_unit_test(wgfile_says_what_it_leaves_behind),
        cmocka_unit_test(wgfile_masks_and_merges_networks),
        cmocka_unit_test(wgfile_joins_commands_of_one_kind),
        cmocka_unit_test(wgfile_names_line_value_and_range),
        cmocka_unit_test(wgfile_refuses_more_notes_than_it_can_tell),
    };
    return jv_crypto_init() == JV_E_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
