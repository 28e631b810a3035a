/* xmalloc.h: allocation that succeeds or ends the process.
 *
 * Honest only because everything that a peer can grow has a ceiling in
 * base/limits.h: what is left to fail is the host itself. Any thread. */
#ifndef BASE_XMALLOC_H
#define BASE_XMALLOC_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xzalloc(size_t size);                 /* zeroed */
void *xcalloc(size_t n, size_t size);       /* zeroed; n * size is checked */
void *xrealloc(void *p, size_t size);
void *xreallocarray(void *p, size_t n, size_t size); /* n * size is checked */
void *xmemdup(const void *p, size_t len);   /* a NUL follows the copy */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);  /* exactly len bytes, then NUL */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
