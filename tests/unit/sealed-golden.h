/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A sealed part and a signature made by other hands: Python with PyNaCl's bindings, hashlib and
 * cryptography, from PROTOCOL.md alone. */

#include <sodium.h>
#include <string.h>

#include "base/base64.h"
#include "base/crypto-seal.h"
#include "base/hash.h"

#define GOLDEN_TEXT   "Nama: contoh"
#define GOLDEN_SENDER "dsk/3203"
static const Uuid golden_id = { { 0x01, 0x95, 0x7d, 0xd0, 0xf0, 0xc0, 0x78, 0xad, 0xac, 0xb4, 0xa3,
                                  0xbd, 0x22, 0x85, 0xcd, 0x54 } };
/* To "recipient one" and "recipient two": their secret keys are the BLAKE2b-256 of these words. */
static const char golden_sealed[] =
    "CAESGAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxog0NuupYexNRngijr9XdQCIolw7CzsMEJ8Bkq6pPdMhHwibAoI"
    "ekeEkRoCLHYSYLsXeN4LkcHn4bAOLL4sp/yU1hs1rEAnGe0/Rjl7anEOG5hqKa/ulGzlPkI9vVqzAhod3VEfCiPK"
    "ucHrR6IcqGHT/sAdLoI3kNsBrX+9aaDxKBESH6y+juNnBKVPHq3NUCJsCgh+/x08I6DCnxJgDM+kQ71AioBpke2i"
    "6/RyF6edpVtUFDj4bGQqdPtVcw08Y78rbnUzkaPX/72SHn2rjlNcx9FrStLrbZyK9sPklRu+g5M2VjDZJUR6jPFy"
    "0REO2HlGi3BBTRH8ZQTgRPWBKpAECrd81/PxL6l9z62M1bqkY/OjAmymTIcxxGwy8d0ED641rBqZzM3PNhOfZYRl"
    "CFWgznrOM8/7/9QvnV1FRgVOxa3wG30J3xGa4yaD/AmnNuYQnAO0BFEPbHom6vQK1o5SJvpxIkkrVzCfvtMrGybC"
    "cWTGy6IrG6TLv4lSqLCGaVpqySMR3RurJFgO/ZpI9Tr4Vs+lApj0qWBmXOmbVgMDfzvOoREwpJKyc12wroCmHqG7"
    "/titGl6D279FWNGu39xr9QnuabZSppGN83azku2h7qebyhOJX2ondrbDHR/myXhuM35FiAy0ObHCGCsgSfBlQNtV"
    "7+zcgIq9GWdMu59wPtp9KTW68qiNxRS/PeInnHLlS7HmuSxgWbxqAKc4c93vee9Ym/oxbENMDuvU7m6Pd0cANDNc"
    "ic8uTEslrVKD//nfWcKRs3LPGOJEeYH9VW0QIlu5h64rMdNGEP+TeiZhBBvMdpCQTvKVmTJvxBmKtRyt8Zgr3PF/"
    "uERZZiAfr5h7h2N4mryh4W/QPv5L4vleMMck6qSZrMbcdzTjZMxZ6idr7MPJY2oBnoZHY3jvNKP7sWkLLTdKNeuq"
    "MyI8OOeV+j5+m99Teb0Fv2mEspWRTdw9dqpTrkusb6mukhZctX85QqqC29p0aZTyoioTyUVte34trkGadtx1sdLy"
    "c15cHK46lRZRaV0hwqFJrO2ObmRf";

static inline SealBinding golden_binding(void) {
    return (SealBinding) { .message_id = golden_id, .sender = GOLDEN_SENDER };
}

/* The key pair of whoever these words name. */
static inline SealKey golden_key(const char *who) {
    SealKey k;
    hash_digest(bytes_make(who, strlen(who)), k.secret);
    if (crypto_scalarmult_base(k.public.b, k.secret) != 0)
        abort();
    return k;
}

/* Allocated; the caller frees. */
static inline Bytes golden_part(void) {
    uint8_t *p = NULL;
    size_t n = 0;
    if (base64_decode(golden_sealed, strlen(golden_sealed), &p, &n) != 0)
        abort();
    return bytes_make(p, n);
}
