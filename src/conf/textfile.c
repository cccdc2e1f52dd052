/* SPDX-License-Identifier: Apache-2.0 */
#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"

const char *jv_textfile_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static enum jv_err read_all(int fd, size_t cap, struct jv_textfile *out)
{
    while (out->len < cap) {
        ssize_t n = read(fd, out->text + out->len, cap - out->len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return JV_E_SYSTEM;
        }
        if (n == 0) {
            break;
        }
        out->len += (size_t)n;
    }
    return JV_E_OK;
}

static enum jv_err load_fd(int fd, size_t cap, const char *name, struct jv_textfile *out,
                           struct jv_diag *diag)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        jv_diag_error(diag, name, 0, "cannot be examined: %s", strerror(errno));
        return JV_E_SYSTEM;
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & S_IWOTH) != 0) {
        jv_diag_error(diag, name, 0, "must be a regular file that others cannot write");
        return JV_E_PERM;
    }
    if (st.st_size < 0 || (size_t)st.st_size > cap) {
        jv_diag_error(diag, name, 0, "has %lld bytes; it must have at most %zu",
                      (long long)st.st_size, cap);
        return JV_E_SYSTEM;
    }
    /*
     * One byte more than its size, so that the length is known without a second look; a file that
     * grows meanwhile is cut.
     */
    size_t room = (size_t)st.st_size + 1;
    struct jv_textfile file = {.text = malloc(room), .is_private = (st.st_mode & 077) == 0};
    if (file.text == NULL) {
        jv_diag_error(diag, name, 0, "cannot be read: out of memory");
        return JV_E_NOMEM;
    }
    enum jv_err err = read_all(fd, room, &file);
    if (err != JV_E_OK) {
        jv_diag_error(diag, name, 0, "cannot be read: %s", strerror(errno));
        jv_textfile_free(&file);
        return err;
    }
    *out = file;
    return JV_E_OK;
}

enum jv_err jv_textfile_load(const char *path, size_t cap, const char *name,
                             struct jv_textfile *out, struct jv_diag *diag)
{
    /* O_NONBLOCK: a FIFO under the name must not stop the start-up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        jv_diag_error(diag, name, 0, "cannot be opened: %s", strerror(errno));
        return JV_E_SYSTEM;
    }
    enum jv_err err = load_fd(fd, cap, name, out, diag);
    (void)close(fd); /* nothing was written */
    return err;
}

void jv_textfile_free(struct jv_textfile *textfile)
{
    if (textfile->text != NULL) {
        jv_wipe(textfile->text, textfile->len);
        free(textfile->text);
    }
    *textfile = (struct jv_textfile){0};
}
