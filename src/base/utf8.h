/* utf8.h: RFC 3629. Pure, any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const void *p, size_t n);

/* Bytes that p starts with and that belong to no valid character are 0; else
 * the length of the first character, 1…4. */
size_t utf8_char_len(const unsigned char *p, size_t n);

size_t utf8_put(char out[4], uint32_t code_point); /* bytes written, 1…4 */

/* How many UTF-16 units a valid text has: Engine.IO 3 counts in them. */
size_t utf8_utf16_len(const char *p, size_t n);

#endif
