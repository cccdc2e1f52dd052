/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "crypto.h"

/* A key that others can read is no secret; the file is there already, so this can only be said. */
static void warn_if_readable(const struct jv_cli *cli)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
        (void)fprintf(stderr,
                      "%s: warning: others can read this file; use \"umask 077\" before, or chmod "
                      "600 after\n",
                      cli->program);
    }
}

static bool fill_random(struct jv_key *key)
{
    size_t done = 0;
    while (done < sizeof(key->b)) {
        ssize_t got = getrandom(key->b + done, sizeof(key->b) - done, 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static int print_key(const struct jv_key *key)
{
    char text[JV_KEY_TEXT_BYTES];
    jv_key_format(key, text);
    bool is_out = puts(text) >= 0 && fflush(stdout) == 0;
    jv_wipe(text, sizeof(text));
    return is_out ? JV_EXIT_OK : JV_EXIT_FAILED;
}

static int generate(int argc, const struct jv_cli *cli, bool is_private)
{
    struct jv_key key;
    if (argc != 1) {
        return JV_EXIT_USAGE;
    }
    warn_if_readable(cli);
    if (!fill_random(&key)) {
        (void)fprintf(stderr, "%s: no random numbers: %s\n", cli->program, strerror(errno));
        return JV_EXIT_FAILED;
    }
    if (is_private) {
        /* X25519 does this itself (RFC 7748 §5); stored clamped, the key is the one that other tools show. */
        key.b[0] &= 248U;
        key.b[31] = (uint8_t)((key.b[31] & 127U) | 64U);
    }
    int code = print_key(&key);
    jv_wipe(&key, sizeof(key));
    return code;
}

int jv_cli_genkey(int argc, char **argv, const struct jv_cli *cli)
{
    (void)argv;
    return generate(argc, cli, true);
}

int jv_cli_genpsk(int argc, char **argv, const struct jv_cli *cli)
{
    (void)argv;
    return generate(argc, cli, false);
}

int jv_cli_pubkey(int argc, char **argv, const struct jv_cli *cli)
{
    char text[JV_KEY_TEXT_BYTES + 2U];
    struct jv_key private_key;
    struct jv_key public_key;
    (void)argv;
    if (argc != 1) {
        return JV_EXIT_USAGE;
    }
    size_t len = fread(text, 1, sizeof(text), stdin);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        len--;
    }
    enum jv_err err = jv_crypto_init();
    if (err == JV_E_OK) {
        err = jv_key_parse(text, len, &private_key);
    }
    if (err == JV_E_OK) {
        err = jv_dh_public(&private_key, &public_key);
    }
    jv_wipe(text, sizeof(text));
    jv_wipe(&private_key, sizeof(private_key));
    if (err != JV_E_OK) {
        (void)fprintf(stderr, "%s: standard input holds no private key: %s\n", cli->program,
                      jv_err_text(err));
        return JV_EXIT_FAILED;
    }
    return print_key(&public_key);
}
