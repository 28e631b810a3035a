/* deflate.c: permessage-deflate (RFC 7692), without context takeover on either side:
 * a compressed frame depends on nothing before it, so that a broadcast is compressed
 * once, and no client costs a zlib window of its own. */
#include "engineio/engine.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

static bool starts_with(const char *s, const char *word)
{
	return strncasecmp(s, word, strlen(word)) == 0;
}

/* One offer, up to its comma: the extension's name and its parameters. A window below
 * 15 bits for us is declined, because frames are shared with those who did not ask. */
static bool offer_is_good(const char *p, size_t n)
{
	bool first = true;

	for (size_t i = 0; i < n;) {
		size_t len = strcspn(p + i, ";,");

		i += strspn(p + i, " \t");
		if (first && !starts_with(p + i, "permessage-deflate"))
			return false;
		if (!first && starts_with(p + i, "server_max_window_bits") && !strstr(p + i, "=15"))
			return false;
		first = false;
		len = strcspn(p + i, ";,");
		i += len;
		if (p[i] == ';')
			i++;
	}
	return !first;
}

bool deflate_negotiate(const char *offers)
{
	while (offers && *offers) {
		size_t n = strcspn(offers, ",");

		if (offer_is_good(offers, n))
			return true;
		offers += n + (offers[n] == ',');
	}
	return false;
}

/* One stream of each kind for each thread: between messages nothing is kept in them. */
static _Thread_local struct {
	z_stream in, out;
	bool in_ready, out_ready;
} z;

static bool ready_out(void)
{
	if (z.out_ready)
		return deflateReset(&z.out) == Z_OK;
	z.out_ready = deflateInit2(&z.out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK;
	return z.out_ready;
}

struct eio_frame *deflate_frame(struct eio_frame *f)
{
	struct buf b;
	size_t room;
	char *to;

	if (f->deflated)
		return f->deflated;
	f->deflated = f;
	if (!ready_out())
		return f;
	buf_init(&b, SIZE_MAX / 2);
	room = deflateBound(&z.out, f->len) + 16;
	to = buf_room(&b, room);
	z.out.next_in = frame_payload(f);
	z.out.avail_in = f->len;
	z.out.next_out = (unsigned char *)to;
	z.out.avail_out = (uInt)room;
	if (deflate(&z.out, Z_SYNC_FLUSH) == Z_OK && !z.out.avail_in && z.out.avail_out) {
		size_t n = room - z.out.avail_out;

		/* A sync flush ends in 00 00 ff ff, which is not sent (7.2.1). */
		if (n > 4 && n - 4 < f->len) {
			f->deflated = frame_make(to, n - 4, f->binary ? 2 : 1, true);
			f->deflated->wire_ready = true;
		}
	}
	buf_release(&b);
	return f->deflated;
}

static bool ready_in(void)
{
	if (z.in_ready)
		return inflateReset(&z.in) == Z_OK;
	z.in_ready = inflateInit2(&z.in, -15) == Z_OK;
	return z.in_ready;
}

/* Feeds one piece; what comes out may not pass out's ceiling. */
static int feed(struct buf *out, const void *in, size_t n)
{
	int result = Z_OK;

	z.in.next_in = (unsigned char *)(uintptr_t)in;
	z.in.avail_in = (uInt)n;
	while (result == Z_OK && (z.in.avail_in || !z.in.avail_out)) {
		size_t room = out->max - out->len < 16384 ? out->max - out->len + 1 : 16384;
		unsigned char piece[16384 + 1];

		z.in.next_out = piece;
		z.in.avail_out = (uInt)room;
		result = inflate(&z.in, Z_SYNC_FLUSH);
		buf_add(out, piece, room - z.in.avail_out);
		if (out->full)
			return -EMSGSIZE;
	}
	/* Z_BUF_ERROR: nothing more to do, which is how a piece ends. */
	return result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END ? 0 : -EPROTO;
}

int deflate_inflate(struct buf *out, const void *in, size_t n)
{
	static const unsigned char tail[4] = {0, 0, 0xff, 0xff};
	int err;

	if (!ready_in())
		return -EPROTO;
	z.in.avail_out = 1;
	err = feed(out, in, n);
	return err ? err : feed(out, tail, sizeof tail);
}
