/* buf.h: a growable byte string with a ceiling.
 *
 * data is never NULL and always ends in NUL; len stays at or below max. Past
 * max the buffer turns full and appends do nothing, so a run of appends is
 * checked once, at its end. One thread at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len, cap, max;
	bool full;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);             /* frees what b holds, not b */
void buf_reset(struct buf *b);               /* empty and not full; keeps the memory */
char *buf_take(struct buf *b, size_t *len);  /* yours to free(); b is empty again; len may be NULL */

/* Room for n more bytes, to be written at the result and then counted with
 * buf_grew(); NULL (and full) past the ceiling. */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addu(struct buf *b, uint64_t n);    /* decimal */
void buf_addi(struct buf *b, int64_t n);     /* decimal */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t n);      /* removes the first n bytes */

#endif
