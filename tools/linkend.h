/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TOOLS_LINKEND_H
#define JV_TOOLS_LINKEND_H
/*
 * linkend -- one end of an emulated link: a TUN device in a network namespace.
 */
struct linkend {
    const char *ns, *dev, *cidr; /* `cidr` may be NULL: no address */
};

/* Print the text, and what errno says if it is set, and leave with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/*
 * Make the device, set its MTU and address, raise it. Gives its descriptor, non-blocking; the device lives as long as that.
 * Leaves the process in the namespace of the end. Any failure ends the process.
 */
int linkend_open(const struct linkend *end, unsigned long mtu);
#endif /* JV_TOOLS_LINKEND_H */
