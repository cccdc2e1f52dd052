/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CRYPTO_AEAD_IPSECMB_H
#define JV_CRYPTO_AEAD_IPSECMB_H
/*
 * aead_ipsecmb -- the provider on libipsec-mb behind aead.h, loaded at run time; for the crypto layer alone.
 *
 * Owns     the loaded library and one job manager, until jv_ipsecmb_fini(). A context is 64-byte aligned memory of its own.
 * Gives    one packet after the other: the library has no multi-buffer code for AES-GCM or ChaCha20-Poly1305 (each of them fills
 *          the processor's vectors from one packet), so a batch saves only what stands outside its loop.
 * Threads  AES-256-GCM: one for each context. ChaCha20-Poly1305: one for the process, which shares the manager.
 */
#include "aead_provider.h"

/* Load it. NULL: `*found` is a provider that has yet to pass the self-test. Else why there is none, for people. Again does nothing. */
const char *jv_ipsecmb_init(const struct jv_aead_provider **found);
/* Every context of it must be gone. */
void jv_ipsecmb_fini(void);
#endif /* JV_CRYPTO_AEAD_IPSECMB_H */
