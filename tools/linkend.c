/* SPDX-License-Identifier: Apache-2.0 */
#include "linkend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void die(const char *format, ...)
{
    int err = errno;
    va_list args;
    (void)fputs("linkemu: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "%s%s\n", err != 0 ? ": " : "", err != 0 ? strerror(err) : "");
    exit(1);
}

static void request(int fd, unsigned long what, struct ifreq *ifr, const char *text)
{
    if (ioctl(fd, what, ifr) != 0) {
        die("%s %s", text, ifr->ifr_name);
    }
}

static void set_address(int fd, struct ifreq *ifr, const char *cidr)
{
    char text[INET_ADDRSTRLEN] = "";
    unsigned bits = 33;
    struct sockaddr_in sin = {.sin_family = AF_INET};
    errno = 0;
    if (sscanf(cidr, "%15[0-9.]/%u", text, &bits) != 2 || bits > 32 ||
        inet_pton(AF_INET, text, &sin.sin_addr) != 1) {
        die("%s is not an IPv4 address with a prefix length", cidr);
    }
    memcpy(&ifr->ifr_addr, &sin, sizeof sin);
    request(fd, SIOCSIFADDR, ifr, "address of");
    sin.sin_addr.s_addr = htonl(bits == 0 ? 0 : UINT32_MAX << (32 - bits));
    memcpy(&ifr->ifr_netmask, &sin, sizeof sin);
    request(fd, SIOCSIFNETMASK, ifr, "netmask of");
}

int linkend_open(const struct linkend *end, unsigned long mtu)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/run/netns/%s", end->ns);
    int ns_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (ns_fd < 0 || setns(ns_fd, CLONE_NEWNET) != 0) {
        die("namespace %s", end->ns);
    }
    (void)close(ns_fd);
    int tun_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int ctl_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (tun_fd < 0 || ctl_fd < 0) {
        die("/dev/net/tun");
    }
    struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    (void)snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", end->dev);
    request(tun_fd, TUNSETIFF, &ifr, "cannot make");
    ifr.ifr_mtu = (int)mtu;
    request(ctl_fd, SIOCSIFMTU, &ifr, "MTU of");
    /* The default of 500 overflows before a TCP sender fills a path of 1 Gbit/s. */
    ifr.ifr_qlen = 5000;
    request(ctl_fd, SIOCSIFTXQLEN, &ifr, "queue of");
    if (end->cidr != NULL) {
        set_address(ctl_fd, &ifr, end->cidr);
    }
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    request(ctl_fd, SIOCSIFFLAGS, &ifr, "cannot raise");
    (void)close(ctl_fd);
    return tun_fd;
}
