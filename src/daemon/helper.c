/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

const char *jv_helper_enter(const char *name, int *fd)
{
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)prctl(PR_SET_NAME, (unsigned long)name, 0L, 0L, 0L); /* for ps, no more */
    if (chdir("/") != 0) {
        return "chdir";
    }
    int null_fd = open("/dev/null", O_RDWR);
    for (int i = 0; i <= 2; i++) {
        if (null_fd < 0 || dup2(null_fd, i) < 0) {
            return "/dev/null";
        }
    }
    if (*fd != JV_HELPER_FD) {
        if (dup2(*fd, JV_HELPER_FD) < 0) {
            return "dup2";
        }
        *fd = JV_HELPER_FD;
    }
    return close_range(JV_HELPER_FD + 1U, ~0U, 0) == 0 ? NULL : "close_range";
}
