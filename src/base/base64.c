/* base64.c: RFC 4648. */
#include "base/base64.h"

#include <stdint.h>

static const char alphabets[2][65] = {
	[BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	[BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t base64_encode(char *out, const void *in, size_t n, enum base64_alphabet alphabet)
{
	const char *abc = alphabets[alphabet];
	const unsigned char *p = in;
	char *o = out;

	for (; n >= 3; p += 3, n -= 3) {
		*o++ = abc[p[0] >> 2];
		*o++ = abc[(p[0] & 3) << 4 | p[1] >> 4];
		*o++ = abc[(p[1] & 15) << 2 | p[2] >> 6];
		*o++ = abc[p[2] & 63];
	}
	if (n) {
		*o++ = abc[p[0] >> 2];
		*o++ = abc[(p[0] & 3) << 4 | (n > 1 ? p[1] >> 4 : 0)];
		if (n > 1)
			*o++ = abc[(p[1] & 15) << 2];
		else if (alphabet == BASE64_STANDARD)
			*o++ = '=';
		if (alphabet == BASE64_STANDARD)
			*o++ = '=';
	}
	return (size_t)(o - out);
}

static int value_of(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(void *out, size_t *out_len, const char *in, size_t n)
{
	unsigned char *o = out;
	uint32_t bits = 0;
	unsigned have = 0;

	/* At most two signs of padding, and only where they fill the last four. */
	if (n && n % 4 == 0 && in[n - 1] == '=')
		n -= in[n - 2] == '=' ? 2 : 1;
	if (n % 4 == 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		int v = value_of((unsigned char)in[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*o++ = (unsigned char)(bits >> have);
		}
	}
	*out_len = (size_t)(o - (unsigned char *)out);
	return true;
}
