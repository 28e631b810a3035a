/* buf.c: a growable byte string with a ceiling. */
#include "base/buf.h"

#include "base/xmalloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What data points at before the first append: nobody ever writes to it. */
static char nothing[1];

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.data = nothing, .max = max};
}

void buf_release(struct buf *b)
{
	if (b->data != nothing)
		free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->data != nothing)
		b->data[0] = '\0';
}

char *buf_take(struct buf *b, size_t *len)
{
	char *data = b->data == nothing ? xstrdup("") : b->data;

	if (len)
		*len = b->len;
	buf_init(b, b->max);
	return data;
}

char *buf_room(struct buf *b, size_t n)
{
	if (b->full || n > b->max - b->len) {
		b->full = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap < 32 ? 64 : b->cap + b->cap / 2;

		if (cap < b->len + n + 1)
			cap = b->len + n + 1;
		b->data = xrealloc(b->data == nothing ? NULL : b->data, cap);
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_grew(struct buf *b, size_t n)
{
	assert(b->len + n < b->cap || n == 0);
	b->len += n;
	if (b->data != nothing)
		b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *at = buf_room(b, n);

	if (!at)
		return;
	if (n)
		memcpy(at, p, n);
	buf_grew(b, n);
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addu(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_add(b, digits + at, sizeof digits - at);
}

void buf_addi(struct buf *b, int64_t n)
{
	if (n < 0)
		buf_addc(b, '-');
	buf_addu(b, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		char *at = buf_room(b, (size_t)n);

		if (at) {
			vsnprintf(at, (size_t)n + 1, fmt, again);
			buf_grew(b, (size_t)n);
		}
	}
	va_end(again);
}

void buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (!n)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}
