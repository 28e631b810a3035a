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

bool encode_gzip(const struct eio_request *head, size_t least, char **body, size_t *n)
{
	const char *accepted = eio_request_header(head, "accept-encoding");
	static _Thread_local z_stream z;
	static _Thread_local bool ready;
	char *out;
	size_t room;

	if (*n < least || !encode_accepts(accepted, "gzip"))
		return false;
	/* 16: a gzip head; level 4: most of what 6 saves, for half of its time on the loop. */
	if (!ready)
		ready = deflateInit2(&z, 4, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
	else
		deflateReset(&z);
	if (!ready)
		return false;
	room = deflateBound(&z, *n);
	out = xmalloc(room);
	z.next_in = (unsigned char *)*body;
	z.avail_in = (uInt)*n;
	z.next_out = (unsigned char *)out;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END || room - z.avail_out >= *n) {
		free(out);
		return false;
	}
	free(*body);
	*body = out;
	*n = room - z.avail_out;
	return true;
}
