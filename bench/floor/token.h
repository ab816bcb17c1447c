/* Access tokens: JWTs with HMAC-SHA-256, as the program signs them. */
#ifndef TOKEN_H
#define TOKEN_H

#include "json.h"

#include <openssl/evp.h>

/* A keyed MAC for one thread. */
EVP_MAC_CTX *token_key(const char *secret);

/* The claims of a token that was signed with the key and holds now, or NULL. They live as long as `payload` does. */
const struct json *token_claims(EVP_MAC_CTX *key, const char *token, struct arena *arena, struct text *payload);

#endif
