/* base64.h: RFC 4648, sections 4 and 5. Any thread. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

enum base64_alphabet { BASE64_STANDARD, BASE64_URL }; /* with and without padding */

#define BASE64_ENCODED_LEN(n) (((n) + 2) / 3 * 4)

/* out has room for BASE64_ENCODED_LEN(n); returns the length. No NUL. */
size_t base64_encode(char *out, const void *in, size_t n, enum base64_alphabet alphabet);

/* Either alphabet, padding optional, nothing else: false on any other byte. out has room for
 * n / 4 * 3 + 3. */
bool base64_decode(void *out, size_t *out_len, const char *in, size_t n);

#endif
