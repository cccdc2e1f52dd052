/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_POISON_H
#define JV_TESTS_POISON_H
/*
 * poison -- secrets that valgrind's memcheck takes for uninitialised memory: whatever branches on them, or uses them as an index, is
 * an error of the run (the method of Langley's ctgrind).
 *
 * The code under test is what is shipped, unchanged. What it must be allowed to look at is declared defined again at the edges of
 * the crypto facade, by functions that the linker puts in front of it (--wrap). Each such place is one of enum declassified, with its
 * reason. libcrypto runs on the poisoned bytes like everything else; what it is forgiven stands in libcrypto.supp.
 * Threads  one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the protocol publishes, in one way or another. */
enum declassified {
    SAFE_SEALED, /* ciphertext and tag: they go out on the wire */
    SAFE_PUBLIC, /* a public key: it goes out on the wire, or stands in the peer's configuration */
    SAFE_VERDICT, /* whether a proof held, not where it failed: the datagram is answered or it is not */
    SAFE_SET,     /* whether there is a second pre-shared key at all: a matter of configuration */
    SAFE_TEXT, /* opened text whose tag has verified: what the peer says steers the protocol, and is no key */
    SAFE_END
};

void poison(const void *bytes, size_t len);
void declassify(const void *bytes, size_t len, enum declassified reason);
/* Are these bytes still secret to valgrind? One that is not was declassified, or never poisoned: the test would see nothing. */
bool is_poisoned(const void *bytes, size_t len);
/* How often something was declassified so. */
uint64_t declassified(enum declassified reason);

/* A case: what ran since the last one must have made `errors` errors, or at least one where `errors` is CT_SOME. In TAP. */
#define CT_SOME UINT32_MAX
void ct_begin(void);
void ct_case(const char *name, uint32_t errors);
/* Something beside the errors that must hold, so that the case did what it says. */
void ct_check(const char *name, bool holds);
/* The plan, and the exit status. */
int ct_end(void);
#endif /* JV_TESTS_POISON_H */
