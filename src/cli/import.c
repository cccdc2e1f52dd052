/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "config.h"
#include "textfile.h"
#include "wgfile.h"

#define PATH_BYTES JV_CONF_PATH_BYTES /* the profile itself names the key files */
#define TEMP_BYTES (PATH_BYTES + 16U)
#define FILES_MAX 3U

/* One file on its way: written beside its place, then moved there in one step. */
struct target {
    char path[PATH_BYTES], old[TEMP_BYTES], temp[TEMP_BYTES];
    bool is_written, is_placed, has_old;
};

struct import {
    const struct jv_cli *cli;
    const char *file, *name; /* name NULL: to standard output */
    bool does_force;
    struct jv_wgfile wg;
    struct target targets[FILES_MAX]; /* the keys, and last the profile, which names them */
    uint32_t targets_len;
};

static void print_lines(const struct jv_diag *diag)
{
    for (uint32_t i = 0; i < diag->len; i++) {
        (void)fprintf(stderr, "%s\n", diag->lines[i]);
    }
    if (diag->dropped > 0) {
        (void)fprintf(stderr, "and %u more\n", diag->dropped);
    }
}

/* What is written must be what `jv check` takes. */
static bool is_accepted(const struct import *import, const char *text, size_t len)
{
    char name[PATH_BYTES];
    struct jv_config *config = NULL;
    struct jv_diag diag = {0};
    (void)snprintf(name, sizeof(name), "%s.conf", import->name == NULL ? "wg" : import->name);
    struct jv_config_input input = {text, len, name, true, false};
    bool is_ok = jv_config_parse(&input, &config, &diag) == JV_E_OK;
    print_lines(&diag);
    jv_config_free(config);
    jv_diag_fini(&diag);
    return is_ok;
}

static int print_profile(const struct import *import, const char *text, size_t len)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
        (void)fprintf(
            stderr,
            "%s: warning: others can read this file, which holds a key; use \"umask 077\" "
            "before, or chmod 600 after\n",
            import->cli->program);
    }
    bool is_out = fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0;
    return is_out ? JV_EXIT_OK : JV_EXIT_FAILED;
}

/* ---- files ---- */

/* "PATH.old", "PATH.XXXXXX": TEMP_BYTES has room. */
static void append(const char *path, const char *tail, char out[TEMP_BYTES])
{
    size_t len = strlen(path);
    memcpy(out, path, len);
    memcpy(out + len, tail, strlen(tail) + 1U);
}

static bool add_target(struct import *import, const char *suffix)
{
    struct target *t = &import->targets[import->targets_len];
    const char *dir = import->cli->conf_dir;
    int len = snprintf(t->path, sizeof(t->path), "%s/%s%s", dir, import->name, suffix);
    if (len < 0 || (size_t)len >= sizeof(t->path) || dir[0] != '/') {
        (void)fprintf(stderr, "%s: %s/%s%s must be an absolute path of at most %u characters\n",
                      import->cli->program, dir, import->name, suffix, PATH_BYTES - 1U);
        return false;
    }
    append(t->path, ".old", t->old);
    append(t->path, ".XXXXXX", t->temp);
    import->targets_len++;
    return true;
}

static int tell(const struct import *import, const char *path)
{
    int code = errno;
    (void)fprintf(stderr, "%s: %s: %s\n", import->cli->program, path, strerror(code));
    return code == EACCES || code == EPERM ? JV_EXIT_NO_PERMISSION : JV_EXIT_FAILED;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        text += put;
        len -= (size_t)put;
    }
    return true;
}

static int write_beside(const struct import *import, struct target *t, const char *text, size_t len)
{
    int fd = mkostemp(t->temp, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        return tell(import, t->path);
    }
    t->is_written = true;
    bool is_ok = write_all(fd, text, len) && fsync(fd) == 0;
    if (close(fd) != 0 || !is_ok) {
        return tell(import, t->temp);
    }
    return JV_EXIT_OK;
}

static int write_key(const struct import *import, struct target *t, const struct jv_key *key)
{
    char text[JV_KEY_TEXT_BYTES + 1U];
    jv_key_format(key, text);
    size_t len = strlen(text);
    text[len++] = '\n';
    int code = write_beside(import, t, text, len);
    jv_wipe(text, sizeof(text));
    return code;
}

/* Without --force a file that came meanwhile is not replaced; with it, the file that was there has a second name before. */
static int place(const struct import *import, struct target *t)
{
    if (!import->does_force) {
        if (renameat2(AT_FDCWD, t->temp, AT_FDCWD, t->path, RENAME_NOREPLACE) != 0) {
            return tell(import, t->path);
        }
    } else {
        if (unlink(t->old) != 0 && errno != ENOENT) {
            return tell(import, t->old);
        }
        t->has_old = link(t->path, t->old) == 0;
        if ((!t->has_old && errno != ENOENT) || rename(t->temp, t->path) != 0) {
            return tell(import, t->path);
        }
    }
    t->is_placed = true;
    return JV_EXIT_OK;
}

/* All of it or nothing: what was placed goes, what was there comes back. */
static void undo(const struct import *import)
{
    for (uint32_t i = 0; i < import->targets_len; i++) {
        const struct target *t = &import->targets[i];
        int failed = 0;
        if (t->is_placed) {
            failed = t->has_old ? rename(t->old, t->path) : unlink(t->path);
        } else if (t->is_written) {
            failed = unlink(t->temp);
        }
        if (failed != 0) {
            (void)tell(import, t->path);
        }
    }
}

static int sync_folder(const struct import *import)
{
    int fd = open(import->cli->conf_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd); /* nothing was written through it */
    }
    return is_ok ? JV_EXIT_OK : tell(import, import->cli->conf_dir);
}

static int check_free(const struct import *import)
{
    for (uint32_t i = 0; i < import->targets_len && !import->does_force; i++) {
        struct stat st;
        if (lstat(import->targets[i].path, &st) == 0) {
            (void)fprintf(stderr,
                          "%s: %s is there already; --force replaces it and keeps it as %s\n",
                          import->cli->program, import->targets[i].path, import->targets[i].old);
            return JV_EXIT_FAILED;
        }
    }
    return JV_EXIT_OK;
}

static int write_files(struct import *import, const char *text, size_t len)
{
    struct target *t = import->targets;
    uint32_t n = 0;
    int code = write_key(import, &t[n++], &import->wg.private_key);
    if (code == JV_EXIT_OK && import->wg.has_preshared) {
        code = write_key(import, &t[n++], &import->wg.preshared);
    }
    if (code == JV_EXIT_OK) {
        code = write_beside(import, &t[n++], text, len);
    }
    for (uint32_t i = 0; i < n && code == JV_EXIT_OK; i++) {
        code = place(import, &t[i]);
    }
    if (code == JV_EXIT_OK) {
        code = sync_folder(import);
    }
    if (code != JV_EXIT_OK) {
        undo(import);
    }
    return code;
}

/* ---- the command ---- */

static int name_files(struct import *import)
{
    if (import->name == NULL) {
        return JV_EXIT_OK;
    }
    if (strchr(import->name, '/') != NULL) {
        (void)fprintf(stderr, "%s: -o is %s; it must be the name of a profile, not a path\n",
                      import->cli->program, import->name);
        return JV_EXIT_USAGE;
    }
    bool is_named = add_target(import, ".key") &&
                    (!import->wg.has_preshared || add_target(import, ".psk")) &&
                    add_target(import, ".conf");
    return is_named ? check_free(import) : JV_EXIT_FAILED;
}

static int convert(struct import *import)
{
    char *text = NULL;
    size_t len = 0;
    int code = name_files(import);
    if (code != JV_EXIT_OK) {
        return code;
    }
    const struct target *t = import->targets;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return tell(import, import->file);
    }
    enum jv_err err =
        jv_wgfile_write(&import->wg, import->name == NULL ? NULL : t[0].path,
                        import->name == NULL || !import->wg.has_preshared ? NULL : t[1].path, out);
    if (fclose(out) != 0 || err != JV_E_OK) {
        code = tell(import, import->file);
    } else if (!is_accepted(import, text, len)) {
        code = JV_EXIT_BAD_CONFIG;
    } else {
        print_lines(&import->wg.notes);
        code = import->name == NULL ? print_profile(import, text, len)
                                    : write_files(import, text, len);
    }
    if (text != NULL) {
        jv_wipe(text, len);
    }
    free(text);
    return code;
}

static int import_file(struct import *import)
{
    struct jv_diag diag = {0};
    struct jv_textfile file = {0};
    const char *name = jv_textfile_name(import->file);
    int code = JV_EXIT_BAD_CONFIG;
    enum jv_err err = jv_textfile_load(import->file, JV_WGFILE_BYTES, name, &file, &diag);
    if (err == JV_E_OK) {
        err = jv_wgfile_parse(file.text, file.len, name, &import->wg, &diag);
    }
    print_lines(&diag);
    jv_diag_fini(&diag);
    jv_textfile_free(&file);
    if (err == JV_E_OK) {
        code = convert(import);
        jv_wgfile_fini(&import->wg);
    }
    return code;
}

int jv_cli_import(int argc, char **argv, const struct jv_cli *cli)
{
    static const struct option table[] = {{"output", required_argument, NULL, 'o'},
                                          {"force", no_argument, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
    static struct import import; /* too much for a stack */
    import = (struct import){.cli = cli};
    for (int opt; (opt = getopt_long(argc, argv, "o:", table, NULL)) != -1;) {
        switch (opt) {
        case 'o':
            import.name = optarg;
            break;
        case 'f':
            import.does_force = true;
            break;
        default: /* getopt has said what is wrong */
            return JV_EXIT_USAGE;
        }
    }
    if (argc - optind != 2 || strcmp(argv[optind], "wg") != 0 ||
        (import.does_force && import.name == NULL)) {
        return JV_EXIT_USAGE;
    }
    if (jv_crypto_init() != JV_E_OK) {
        (void)fprintf(stderr, "%s: the cryptographic library does not start\n", cli->program);
        return JV_EXIT_FAILED;
    }
    import.file = argv[optind + 1];
    return import_file(&import);
}
