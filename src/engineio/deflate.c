/* deflate.c: permessage-deflate (RFC 7692), without context takeover on either side:
 * a compressed frame depends on nothing before it, so that a broadcast is compressed
 * once, and no client costs a zlib window of its own. */
#include "base/json.h"
#include "engineio/engine.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* One parameter of an offer (RFC 7692 7.1), `name` or `name=value`, in the order of this list. */
static const struct {
	const char *name;
	bool may_have_value, must_have_value;
} parameters[] = {
	{"server_no_context_takeover", false, false},
	{"client_no_context_takeover", false, false},
	{"server_max_window_bits", true, true},
	{"client_max_window_bits", true, false},
};
enum { SERVER_BITS = 2, PARAMETERS = 4 };

static struct slice trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* Cuts s at the first c; the rest starts behind it, and is NULL if there is none. */
static struct slice cut(struct slice *s, char c)
{
	const char *at = memchr(s->p, c, s->n);
	struct slice first = slice_of(s->p, at ? (size_t)(at - s->p) : s->n);

	*s = at ? slice_of(at + 1, s->n - first.n - 1) : (struct slice){0};
	return trim(first);
}

/* 8…15, perhaps in quotes; 0: something else. */
static int window_bits(struct slice v)
{
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = slice_of(v.p + 1, v.n - 2);
	if (v.n == 1 && (v.p[0] == '8' || v.p[0] == '9'))
		return v.p[0] - '0';
	return v.n == 2 && v.p[0] == '1' && v.p[1] >= '0' && v.p[1] <= '5' ? 10 + v.p[1] - '0' : 0;
}

/* Notes the parameter in bits[]. False: it is none, or it was there before. */
static bool take_parameter(struct slice p, int bits[PARAMETERS])
{
	struct slice name = cut(&p, '=');
	int value = p.p ? window_bits(trim(p)) : 0;

	for (size_t i = 0; i < PARAMETERS; i++) {
		if (!is_word(name, parameters[i].name))
			continue;
		if (bits[i] || (p.p && (!parameters[i].may_have_value || !value)) || (!p.p && parameters[i].must_have_value))
			return false;
		bits[i] = value ? value : 15;
		return true;
	}
	return false;
}

/* NULL: declined. A window below 15 bits for us is, because frames are shared with those who did not ask. */
static const char *answer_to(struct slice offer)
{
	int bits[PARAMETERS] = {0};

	if (!is_word(cut(&offer, ';'), "permessage-deflate"))
		return NULL;
	while (offer.p)
		if (!take_parameter(cut(&offer, ';'), bits))
			return NULL;
	if (bits[SERVER_BITS] && bits[SERVER_BITS] != 15)
		return NULL;
	return bits[SERVER_BITS] ? "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
	                         : "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
}

const char *deflate_answer(const char *offers)
{
	struct slice all = slice_str(offers);
	const char *answer = NULL;

	while (!answer && all.p)
		answer = answer_to(cut(&all, ','));
	return answer;
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
