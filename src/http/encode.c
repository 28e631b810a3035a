/* encode.c: Content-Encoding (RFC 9110 8.4, 12.5.3). */
#include "base/xmalloc.h"
#include "http/server.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* The weight of the list member at p, which ends at its comma: 1 if none is said. */
static double weight(const char *p, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++)
		if (tolower((unsigned char)p[i]) == 'q' && p[i + 1] == '=')
			return strtod(p + i + 2, NULL);
	return 1;
}

bool encode_accepts(const char *list, const char *coding)
{
	size_t len = strlen(coding);
	double any = 0;

	while (list && *list) {
		size_t n = strcspn(list, ",");

		while (n && (*list == ' ' || *list == '\t'))
			list++, n--;
		if (n >= len && strncasecmp(list, coding, len) == 0 && (n == len || strchr(" \t;", list[len])))
			return weight(list, n) > 0;
		if (n && *list == '*')
			any = weight(list, n);
		list += n + (list[n] == ',');
	}
	return any > 0;
}

/* What a client may take, the better first. 16: a gzip head around it (zlib.h, deflateInit2). */
static const struct coding {
	const char *name;
	int window;
} codings[] = {{"gzip", 15 + 16}, {"deflate", 15}};
#define CODINGS (sizeof codings / sizeof *codings)

/* One stream each; between answers nothing is kept in it. Level 4: most of what 6 saves, for half of its time on
 * the loop. */
static z_stream *stream_of(const struct coding *c)
{
	static _Thread_local z_stream streams[CODINGS];
	static _Thread_local bool ready[CODINGS];
	size_t i = (size_t)(c - codings);

	if (ready[i])
		return deflateReset(&streams[i]) == Z_OK ? &streams[i] : NULL;
	ready[i] = deflateInit2(&streams[i], 4, Z_DEFLATED, c->window, 8, Z_DEFAULT_STRATEGY) == Z_OK;
	return ready[i] ? &streams[i] : NULL;
}

static bool pack(z_stream *z, char **body, size_t *n)
{
	size_t room = deflateBound(z, *n);
	char *out = xmalloc(room);

	z->next_in = (unsigned char *)*body;
	z->avail_in = (uInt)*n;
	z->next_out = (unsigned char *)out;
	z->avail_out = (uInt)room;
	if (deflate(z, Z_FINISH) != Z_STREAM_END || room - z->avail_out >= *n) {
		free(out);
		return false;
	}
	free(*body);
	*body = out;
	*n = room - z->avail_out;
	return true;
}

const char *encode_body(const struct eio_request *head, size_t least, char **body, size_t *n)
{
	const char *accepted = eio_request_header(head, "accept-encoding");

	for (size_t i = 0; *n >= least && i < CODINGS; i++) {
		z_stream *z = encode_accepts(accepted, codings[i].name) ? stream_of(&codings[i]) : NULL;

		if (z)
			return pack(z, body, n) ? codings[i].name : NULL;
	}
	return NULL;
}
