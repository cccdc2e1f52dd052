/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_AEAD_IPSECMB_H
#define JV_CRYPTO_AEAD_IPSECMB_H
/*
 * aead_ipsecmb -- the provider on libipsec-mb behind aead.h, loaded at run time; for the crypto layer alone.
 *
 * Owns     the loaded library, until jv_ipsecmb_fini(), and a job manager a thread. A context is 64-byte aligned memory of its own.
 * Gives    one packet after the other: the library has no multi-buffer code for AES-GCM or ChaCha20-Poly1305 (each of them fills
 *          the processor's vectors from one packet), so a batch saves only what stands outside its loop.
 * Threads  one at a time for each context; ChaCha20-Poly1305 is a job of the thread's manager.
 */
#include <stdbool.h>

#include "aead_provider.h"

/* Load it. NULL: `*found` is a provider that has yet to pass the self-test. Else why there is none, for people. Again does nothing. */
const char *jv_ipsecmb_init(const struct jv_aead_provider **found);
/* A manager for the calling thread, where the library is loaded and it has none. False: no memory. */
bool jv_ipsecmb_thread_init(void);
void jv_ipsecmb_thread_fini(void);
/* Every context of it must be gone, and every other thread's manager. */
void jv_ipsecmb_fini(void);
#endif /* JV_CRYPTO_AEAD_IPSECMB_H */
