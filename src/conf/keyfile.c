/* SPDX-License-Identifier: Apache-2.0 */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_CHARS (JV_KEY_TEXT_BYTES - 1)

static JV_PRINTF(2, 3) void say(char *why, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, JV_KEYFILE_WHY_BYTES, fmt,
                    args); /* a path cut at the end still names the trouble */
    va_end(args);
}

/*
 * The descriptor is checked, not the name: the file cannot change between the check and the
 * reading.
 */
static enum jv_err check(int fd, const char *path, char *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        say(why, "cannot be examined: %s", strerror(errno));
        return JV_E_SYSTEM;
    }
    if (!S_ISREG(st.st_mode)) {
        say(why, "must be a regular file");
        return JV_E_PERM;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        say(why, "belongs to user %u; it must belong to root or to the user of this process",
            (unsigned)st.st_uid);
        return JV_E_PERM;
    }
    if ((st.st_mode & 077) != 0) {
        say(why, "has mode %04o; others must not have access: chmod 600 %s",
            (unsigned)(st.st_mode & 07777), path);
        return JV_E_PERM;
    }
    return JV_E_OK;
}

/* Fills `buf` as far as the file goes; -1 on an error. */
static ssize_t read_all(int fd, char *buf, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, buf + len, cap - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    return (ssize_t)len;
}

enum jv_err jv_keyfile_load(const char *path, struct jv_key *key_out,
                            char why_out[JV_KEYFILE_WHY_BYTES])
{
    /* O_NONBLOCK: a FIFO under the name must not stop the start-up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == EACCES) {
        const struct passwd *user = getpwuid(geteuid());
        say(why_out, "cannot be read: it must belong to %s, as whom this process runs",
            user == NULL ? "the user" : user->pw_name);
        return JV_E_PERM;
    }
    if (fd < 0 && errno == ENOENT) {
        say(why_out, "does not exist; jv genkey makes a private key, jv genpsk a pre-shared one");
        return JV_E_SYSTEM;
    }
    if (fd < 0) {
        say(why_out, "cannot be opened: %s", strerror(errno));
        return JV_E_SYSTEM;
    }
    char text[KEY_CHARS + 2]; /* a newline, and one byte more to notice a longer file */
    enum jv_err err = check(fd, path, why_out);
    if (err == JV_E_OK) {
        ssize_t got = read_all(fd, text, sizeof(text));
        size_t len = got < 0 ? 0 : (size_t)got;
        if (got < 0) {
            say(why_out, "cannot be read: %s", strerror(errno));
            err = JV_E_SYSTEM;
        } else {
            if (len == KEY_CHARS + 1 && text[KEY_CHARS] == '\n') {
                len--;
            }
            err = len == KEY_CHARS ? jv_key_parse(text, len, key_out) : JV_E_SYNTAX;
            if (err != JV_E_OK) {
                say(why_out, "must hold one key: 44 characters of base64 and a newline");
            }
        }
        jv_wipe(text, sizeof(text));
    }
    (void)close(fd); /* nothing was written */
    return err;
}
