/* assets.h: the dashboard's files, embedded in the binary at build time.
 *
 * contrib/embed.mjs writes the table from build/web: every file as it is, and
 * compressed with gzip and brotli wherever that makes it smaller. The table is
 * constant, sorted by path (strcmp order, so bsearch finds a file), and may be
 * read from any thread. Without a dashboard it is empty. */
#ifndef HTTP_ASSETS_H
#define HTTP_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
	const char *path;          /* as in a URL: "/index.html", "/socket.io/socket.io.js" */
	const char *type;          /* Content-Type, charset included */
	const char *etag;          /* quoted; weak, for the three encodings share it (RFC 9110 8.8.3) */
	bool immutable;            /* its name carries a hash of its content: cache it for ever */
	const unsigned char *raw;  /* not NUL-terminated */
	const unsigned char *gz;   /* NULL when gzip does not make it smaller */
	const unsigned char *br;   /* NULL when brotli does not make it smaller */
	size_t raw_len, gz_len, br_len;
};

extern const struct asset assets[]; /* one empty row follows the last */
extern const size_t assets_len;

#endif
