/* random.h: secrets and names that nobody can guess. getrandom(2). Any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

void random_bytes(void *out, size_t n);

#define RANDOM_ID_LEN 20
/* 20 characters of [A-Za-z0-9_-]: base64url (RFC 4648 5) of 15 bytes, 12
 * random ones and a 24-bit counter, so that two never collide. */
void random_id(char out[RANDOM_ID_LEN + 1]);

#endif
