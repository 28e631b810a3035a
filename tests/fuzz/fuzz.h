/* fuzz.h: what every target here starts from. A target is a program of libFuzzer's: it must neither crash nor leak,
 * and the assertions in it must hold, whatever the bytes. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A copy that ends where it ends: ASan sees a look behind it. To be freed. */
static inline char *exact_copy(const uint8_t *data, size_t n)
{
	char *copy = malloc(n ? n : 1);

	if (n)
		memcpy(copy, data, n);
	return copy;
}

#endif
