#include "token.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIGEST_LENGTH = 32, CLOCK_LEEWAY = 30 /* seconds */ };

EVP_MAC_CTX *token_key(const char *secret) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *key = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (!EVP_MAC_init(key, (const unsigned char *)secret, strlen(secret), parameters)) abort();
    return key;
}

static int base64url_digit(char character) {
    if (character >= 'A' && character <= 'Z') return character - 'A';
    if (character >= 'a' && character <= 'z') return character - 'a' + 26;
    if (character >= '0' && character <= '9') return character - '0' + 52;
    return character == '-' ? 62 : character == '_' ? 63 : -1;
}

/* Appends what the text stands for (RFC 4648, section 5, without padding). */
static bool decode(const char *from, size_t length, struct text *to) {
    unsigned bits = 0, count = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = base64url_digit(from[i]);
        if (digit < 0) return false;
        bits = bits << 6 | (unsigned)digit;
        if ((count += 6) >= 8) {
            char byte = (char)(bits >> (count -= 8));
            text_add(to, &byte, 1);
        }
    }
    return true;
}

static bool is_signed(EVP_MAC_CTX *key, const char *token, const char *signature, struct text *scratch) {
    unsigned char digest[DIGEST_LENGTH];
    size_t length;
    text_clear(scratch);
    return EVP_MAC_init(key, NULL, 0, NULL)
        && EVP_MAC_update(key, (const unsigned char *)token, (size_t)(signature - 1 - token))
        && EVP_MAC_final(key, digest, &length, sizeof digest)
        && decode(signature, strlen(signature), scratch) && scratch->length == length
        && !CRYPTO_memcmp(scratch->bytes, digest, length);
}

const struct json *token_claims(EVP_MAC_CTX *key, const char *token, struct arena *arena, struct text *payload) {
    const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
    if (!dot || last == dot || !is_signed(key, token, last + 1, payload)) return NULL;
    text_clear(payload);
    if (!decode(dot + 1, (size_t)(last - dot - 1), payload)) return NULL;

    const struct json *claims = json_parse(arena, payload->bytes);
    const struct json *expiry = json_member(claims, "exp");
    if (!json_is_string(json_member(claims, "iss"), "flow-manager")
        || !json_is_string(json_member(claims, "aud"), "flow-manager")
        || !expiry || strtod(expiry->text.start, NULL) <= (double)(time(NULL) - CLOCK_LEEWAY)) return NULL;
    return claims;
}
