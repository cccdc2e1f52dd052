/* SPDX-License-Identifier: Apache-2.0 */
#include "noise.h"

#include <string.h>

#include "aead.h"

static const char protocol_name[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

#define SEALED_STATIC_BYTES (JV_KEY_BYTES + JV_TAG_BYTES)

/* Noise §5.2, MixHash. */
static void mix_hash(struct jv_noise_symmetric *sym, const void *bytes, size_t len)
{
    struct jv_bytes parts[] = {{sym->h, sizeof sym->h}, {bytes, len}};
    jv_hash(parts, JV_ARRAY_LEN(parts), sym->h);
}

/* Noise §5.2, MixKey. */
static void mix_key(struct jv_noise_symmetric *sym, const struct jv_key *input)
{
    jv_hkdf(&sym->ck, input->b, sizeof input->b, &sym->ck, &sym->k, NULL);
    sym->n = 0;
}

/* Noise §5.2, MixKeyAndHash. */
static void mix_psk(struct jv_noise_symmetric *sym, const struct jv_key *psk)
{
    struct jv_key temp;
    jv_hkdf(&sym->ck, psk->b, sizeof psk->b, &sym->ck, &temp, &sym->k);
    mix_hash(sym, temp.b, sizeof temp.b);
    sym->n = 0;
    jv_wipe(&temp, sizeof temp);
}

/* Noise §9.2: in a handshake with a PSK an ephemeral key also goes into the chaining key. */
static void mix_ephemeral(struct jv_noise_symmetric *sym, const struct jv_key *ephemeral_public)
{
    mix_hash(sym, ephemeral_public->b, sizeof ephemeral_public->b);
    mix_key(sym, ephemeral_public);
}

static enum jv_err mix_dh(struct jv_noise_symmetric *sym, const struct jv_key *private_key,
                          const struct jv_key *peer_public)
{
    struct jv_key shared = {{0}};
    enum jv_err err = jv_dh(private_key, peer_public, &shared);
    if (err == JV_E_OK) {
        mix_key(sym, &shared);
    }
    jv_wipe(&shared, sizeof shared);
    return err;
}

/* Noise §12.3: 32 zero bits, then the counter, little-endian. */
static void next_nonce(struct jv_noise_symmetric *sym, uint8_t nonce[12])
{
    memset(nonce, 0, 12);
    for (size_t i = 0; i < 8; i++) {
        nonce[4 + i] = (uint8_t)(sym->n >> (8 * i));
    }
    sym->n++;
}

/* Noise §5.2, EncryptAndHash. */
static void seal_and_hash(struct jv_noise_symmetric *sym, const uint8_t *text, size_t len,
                          uint8_t *out)
{
    uint8_t nonce[12];
    next_nonce(sym, nonce);
    jv_chacha_seal(&sym->k, nonce, sym->h, sizeof sym->h, text, len, out);
    mix_hash(sym, out, len + JV_TAG_BYTES);
}

/* Noise §5.2, DecryptAndHash; `len` is that of the plaintext. */
static enum jv_err open_and_hash(struct jv_noise_symmetric *sym, const uint8_t *sealed, size_t len,
                                 uint8_t *out)
{
    uint8_t nonce[12];
    next_nonce(sym, nonce);
    enum jv_err err = jv_chacha_open(&sym->k, nonce, sym->h, sizeof sym->h, sealed, len, out);
    if (err == JV_E_OK) {
        mix_hash(sym, sealed, len + JV_TAG_BYTES);
    }
    return err;
}

enum jv_err jv_noise_init(struct jv_noise *noise, enum jv_noise_role role, struct jv_bytes prologue,
                          const struct jv_keypair *own, const struct jv_key *peer_static_public,
                          const struct jv_key *own_ephemeral_private)
{
    JV_ASSERT((role == JV_NOISE_INITIATOR) == (peer_static_public != NULL));
    memset(noise, 0, sizeof *noise);
    enum jv_err err = jv_dh_public(own_ephemeral_private, &noise->own_ephemeral.public_key);
    if (err != JV_E_OK) {
        return err;
    }
    noise->own_ephemeral.private_key = *own_ephemeral_private;
    noise->own_static = *own;
    noise->role = (uint8_t)role;
    noise->stage = JV_NOISE_MSG1;
    /* The name is longer than a hash, so h begins as its hash (Noise §5.2, InitializeSymmetric). */
    struct jv_bytes name = {protocol_name, sizeof protocol_name - 1};
    jv_hash(&name, 1, noise->sym.h);
    memcpy(noise->sym.ck.b, noise->sym.h, sizeof noise->sym.h);
    mix_hash(&noise->sym, prologue.at, prologue.len);
    const struct jv_key *responder = &own->public_key;
    if (peer_static_public != NULL) {
        noise->peer_static_public = *peer_static_public;
        responder = peer_static_public;
    }
    mix_hash(&noise->sym, responder->b, sizeof responder->b);
    return JV_E_OK;
}

/* Is it this side's turn to do `stage`, and does a message of `overhead` more than `len` fit? */
static enum jv_err may_write(const struct jv_noise *noise, enum jv_noise_role role,
                             enum jv_noise_stage stage, size_t len, size_t overhead)
{
    if (noise->role != role || noise->stage != stage) {
        return JV_E_STATE;
    }
    return len > JV_NOISE_MSG_MAX - overhead ? JV_E_RANGE : JV_E_OK;
}

static enum jv_err may_read(const struct jv_noise *noise, enum jv_noise_role role,
                            enum jv_noise_stage stage, size_t msg_len, size_t overhead)
{
    if (noise->role != role || noise->stage != stage) {
        return JV_E_STATE;
    }
    if (msg_len < overhead) {
        return JV_E_SHORT;
    }
    return msg_len > JV_NOISE_MSG_MAX ? JV_E_RANGE : JV_E_OK;
}

enum jv_err jv_noise_write1(struct jv_noise *noise, const uint8_t *payload, size_t payload_len,
                            uint8_t *out)
{
    enum jv_err err =
        may_write(noise, JV_NOISE_INITIATOR, JV_NOISE_MSG1, payload_len, JV_NOISE_MSG1_OVERHEAD);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_noise_symmetric sym = noise->sym;
    const struct jv_keypair *own = &noise->own_static;
    const struct jv_keypair *ephemeral = &noise->own_ephemeral;
    uint8_t sealed_static[SEALED_STATIC_BYTES];
    mix_ephemeral(&sym, &ephemeral->public_key);
    err = mix_dh(&sym, &ephemeral->private_key, &noise->peer_static_public);
    if (err != JV_E_OK) {
        goto done;
    }
    seal_and_hash(&sym, own->public_key.b, JV_KEY_BYTES, sealed_static);
    err = mix_dh(&sym, &own->private_key, &noise->peer_static_public);
    if (err != JV_E_OK) {
        goto done;
    }
    seal_and_hash(&sym, payload, payload_len, out + JV_NOISE_PAYLOAD1_AT);
    memcpy(out, ephemeral->public_key.b, JV_KEY_BYTES);
    memcpy(out + JV_KEY_BYTES, sealed_static, sizeof sealed_static);
    noise->sym = sym;
    noise->stage = JV_NOISE_MSG2;
done:
    jv_wipe(&sym, sizeof sym);
    return err;
}

enum jv_err jv_noise_read1(struct jv_noise *noise, const uint8_t *msg, size_t msg_len,
                           uint8_t *payload_out)
{
    enum jv_err err =
        may_read(noise, JV_NOISE_RESPONDER, JV_NOISE_MSG1, msg_len, JV_NOISE_MSG1_OVERHEAD);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_noise_symmetric sym = noise->sym;
    const struct jv_key *own_private = &noise->own_static.private_key;
    struct jv_key unverified_ephemeral;
    struct jv_key unverified_static;
    memcpy(unverified_ephemeral.b, msg, JV_KEY_BYTES);
    mix_ephemeral(&sym, &unverified_ephemeral);
    err = mix_dh(&sym, own_private, &unverified_ephemeral);
    if (err != JV_E_OK) {
        goto done;
    }
    err = open_and_hash(&sym, msg + JV_KEY_BYTES, JV_KEY_BYTES, unverified_static.b);
    if (err != JV_E_OK) {
        goto done;
    }
    err = mix_dh(&sym, own_private, &unverified_static);
    if (err != JV_E_OK) {
        goto done;
    }
    err = open_and_hash(&sym, msg + JV_NOISE_PAYLOAD1_AT, msg_len - JV_NOISE_MSG1_OVERHEAD,
                        payload_out);
    if (err != JV_E_OK) {
        goto done;
    }
    noise->sym = sym;
    noise->peer_ephemeral_public = unverified_ephemeral;
    noise->peer_static_public = unverified_static;
    noise->stage = JV_NOISE_MSG2;
done:
    jv_wipe(&sym, sizeof sym);
    return err;
}

const struct jv_key *jv_noise_peer(const struct jv_noise *noise)
{
    bool known = noise->role == JV_NOISE_INITIATOR || noise->stage > JV_NOISE_MSG1;
    return known ? &noise->peer_static_public : NULL;
}

/* The private keys and the peer's ephemeral have done their work once message 2 is through. */
static void finish(struct jv_noise *noise, const struct jv_noise_symmetric *sym)
{
    noise->sym = *sym;
    noise->stage = JV_NOISE_DONE;
    jv_wipe(&noise->own_static, sizeof noise->own_static);
    jv_wipe(&noise->own_ephemeral, sizeof noise->own_ephemeral);
    jv_wipe(&noise->peer_ephemeral_public, sizeof noise->peer_ephemeral_public);
}

enum jv_err jv_noise_write2(struct jv_noise *noise, const struct jv_key *psk,
                            const uint8_t *payload, size_t payload_len, uint8_t *out)
{
    enum jv_err err =
        may_write(noise, JV_NOISE_RESPONDER, JV_NOISE_MSG2, payload_len, JV_NOISE_MSG2_OVERHEAD);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_noise_symmetric sym = noise->sym;
    const struct jv_keypair *ephemeral = &noise->own_ephemeral;
    mix_ephemeral(&sym, &ephemeral->public_key);
    err = mix_dh(&sym, &ephemeral->private_key, &noise->peer_ephemeral_public);
    if (err != JV_E_OK) {
        goto done;
    }
    err = mix_dh(&sym, &ephemeral->private_key, &noise->peer_static_public);
    if (err != JV_E_OK) {
        goto done;
    }
    mix_psk(&sym, psk);
    seal_and_hash(&sym, payload, payload_len, out + JV_NOISE_PAYLOAD2_AT);
    memcpy(out, ephemeral->public_key.b, JV_KEY_BYTES);
    finish(noise, &sym);
done:
    jv_wipe(&sym, sizeof sym);
    return err;
}

enum jv_err jv_noise_read2(struct jv_noise *noise, const struct jv_key *psk, const uint8_t *msg,
                           size_t msg_len, uint8_t *payload_out)
{
    enum jv_err err =
        may_read(noise, JV_NOISE_INITIATOR, JV_NOISE_MSG2, msg_len, JV_NOISE_MSG2_OVERHEAD);
    if (err != JV_E_OK) {
        return err;
    }
    struct jv_noise_symmetric sym = noise->sym;
    struct jv_key unverified_ephemeral;
    memcpy(unverified_ephemeral.b, msg, JV_KEY_BYTES);
    mix_ephemeral(&sym, &unverified_ephemeral);
    err = mix_dh(&sym, &noise->own_ephemeral.private_key, &unverified_ephemeral);
    if (err != JV_E_OK) {
        goto done;
    }
    err = mix_dh(&sym, &noise->own_static.private_key, &unverified_ephemeral);
    if (err != JV_E_OK) {
        goto done;
    }
    mix_psk(&sym, psk);
    err = open_and_hash(&sym, msg + JV_NOISE_PAYLOAD2_AT, msg_len - JV_NOISE_MSG2_OVERHEAD,
                        payload_out);
    if (err != JV_E_OK) {
        goto done;
    }
    finish(noise, &sym);
done:
    jv_wipe(&sym, sizeof sym);
    return err;
}

enum jv_err jv_noise_split(struct jv_noise *noise, struct jv_noise_keys *keys_out)
{
    if (noise->stage != JV_NOISE_DONE) {
        return JV_E_STATE;
    }
    jv_hkdf(&noise->sym.ck, NULL, 0, &keys_out->to_responder, &keys_out->to_initiator, NULL);
    memcpy(keys_out->h, noise->sym.h, sizeof keys_out->h);
    jv_noise_wipe(noise);
    return JV_E_OK;
}

void jv_noise_wipe(struct jv_noise *noise)
{
    jv_wipe(noise, sizeof *noise);
}
