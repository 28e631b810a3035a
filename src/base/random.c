/* random.c: secrets and names that nobody can guess. */
#include "base/random.h"

#include "base/base64.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n)
{
	char *at = out;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			abort(); /* getrandom(2) with these arguments cannot fail */
		at += got;
		n -= (size_t)got;
	}
}

void random_id(char out[RANDOM_ID_LEN + 1])
{
	static atomic_uint counter;
	unsigned n = atomic_fetch_add(&counter, 1);
	unsigned char bytes[15];

	random_bytes(bytes, 12);
	bytes[12] = (unsigned char)(n >> 16);
	bytes[13] = (unsigned char)(n >> 8);
	bytes[14] = (unsigned char)n;
	base64_encode(out, bytes, sizeof bytes, BASE64_URL);
	out[RANDOM_ID_LEN] = '\0';
}
