/* msgpack.c: the msgpack parser (socket.io-msgpack-parser): a packet is one binary
 * message, a map of type, data, nsp, id; binary stands inline.
 *
 * Inside this server arguments are JSON text with attachments beside it: bytes become
 * placeholders on their way in, placeholders bytes on their way out. What JSON cannot
 * tell apart is told by its spelling, which nobody who reads the text notices:
 *
 *   "\u0032026-01-31T…"    a Date: text whose first character is escaped
 *   "\u005fplaceholder"    a client's own key of that name, which stands for no attachment */
#include "base/limits.h"
#include "base/utf8.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- in --- */

struct reader {
	const unsigned char *at, *end;
	struct sio_blob *blobs;
	size_t nblobs;
	bool bad;
	bool plain;                    /* bytes are written out, as Node's JSON does it */
};

static uint64_t take_uint(struct reader *r, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(r->end - r->at) < n) {
		r->bad = true;
		r->at = r->end;
		return 0;
	}
	while (n--)
		v = v << 8 | *r->at++;
	return v;
}

static const char *take_bytes(struct reader *r, uint64_t n)
{
	const char *p = (const char *)r->at;

	if ((uint64_t)(r->end - r->at) < n) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return p;
}

enum kind { NIL, BOOL, UINT, INT, FLOAT, STR, BIN, EXT, ARRAY, MAP };
/* The head of one value: n is its length, its count, or its number. */
struct value {
	enum kind kind;
	uint64_t n;
	int64_t i;
	double d;
	int ext;
	bool fixed;                    /* an extension whose length is in its first byte */
};

static double as_float(uint64_t bits, bool wide)
{
	uint32_t narrow = (uint32_t)bits;
	double d;
	float f;

	memcpy(&f, &narrow, sizeof f);
	memcpy(&d, &bits, sizeof d);
	return wide ? d : (double)f;
}

static struct value take_sized(struct reader *r, enum kind kind, unsigned log2)
{
	return (struct value){.kind = kind, .n = take_uint(r, (size_t)1 << log2)};
}

static struct value take_head(struct reader *r)
{
	unsigned c = (unsigned)take_uint(r, 1);
	struct value v;

	if (c < 0x80)
		return (struct value){.kind = UINT, .n = c};
	if (c < 0x90)
		return (struct value){.kind = MAP, .n = c & 15};
	if (c < 0xa0)
		return (struct value){.kind = ARRAY, .n = c & 15};
	if (c < 0xc0)
		return (struct value){.kind = STR, .n = c & 31};
	if (c >= 0xe0)
		return (struct value){.kind = INT, .i = (int)c - 256};
	switch (c) {
	case 0xc0:
		return (struct value){.kind = NIL};
	case 0xc2:
	case 0xc3:
		return (struct value){.kind = BOOL, .n = c & 1};
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return take_sized(r, BIN, c - 0xc4);
	case 0xc7:
	case 0xc8:
	case 0xc9:
		v = take_sized(r, EXT, c - 0xc7);
		v.ext = (int8_t)take_uint(r, 1);
		return v;
	case 0xca:
	case 0xcb:
		return (struct value){.kind = FLOAT, .d = as_float(take_uint(r, c == 0xcb ? 8 : 4), c == 0xcb)};
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		return take_sized(r, UINT, c - 0xcc);
	case 0xd0:
		return (struct value){.kind = INT, .i = (int8_t)take_uint(r, 1)};
	case 0xd1:
		return (struct value){.kind = INT, .i = (int16_t)take_uint(r, 2)};
	case 0xd2:
		return (struct value){.kind = INT, .i = (int32_t)take_uint(r, 4)};
	case 0xd3:
		return (struct value){.kind = INT, .i = (int64_t)take_uint(r, 8)};
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		return (struct value){.kind = EXT, .fixed = true, .ext = (int8_t)take_uint(r, 1), .n = 1u << (c - 0xd4)};
	case 0xd9:
	case 0xda:
	case 0xdb:
		return take_sized(r, STR, c - 0xd9);
	case 0xdc:
	case 0xdd:
		return take_sized(r, ARRAY, c - 0xdc + 1);
	case 0xde:
	case 0xdf:
		return take_sized(r, MAP, c - 0xde + 1);
	default:
		r->bad = true;
		return (struct value){.kind = NIL};
	}
}

static void add_bytes(struct buf *json, const char *data, size_t n)
{
	buf_adds(json, "{\"type\":\"Buffer\",\"data\":[");
	for (size_t i = 0; i < n; i++) {
		buf_adds(json, i ? "," : "");
		buf_addu(json, (unsigned char)data[i]);
	}
	buf_adds(json, "]}");
}

static void add_blob(struct reader *r, struct buf *json, const char *data, size_t n)
{
	if (r->plain) {
		add_bytes(json, data, n);
		return;
	}
	r->bad |= json->full;
	if (r->bad)
		return;
	buf_adds(json, "{\"_placeholder\":true,\"num\":");
	buf_addu(json, r->nblobs);
	buf_addc(json, '}');
	if (!(r->nblobs & (r->nblobs - 1))) /* full at every power of two */
		r->blobs = xreallocarray(r->blobs, r->nblobs ? r->nblobs * 2 : 1, sizeof *r->blobs);
	r->blobs[r->nblobs++] = (struct sio_blob){data, n};
}

/* The text that JavaScript gives a Date in JSON, spelled as one, from the first year that it can tell to the last; null
 * beyond. */
#define DATE_MAX_S 8640000000000LL

static void add_date(struct buf *json, int64_t seconds, int ms)
{
	time_t t = (time_t)seconds;
	char year[16], rest[40];
	struct tm tm;
	int y;

	if (seconds < -DATE_MAX_S || seconds > DATE_MAX_S - (ms > 0) || !gmtime_r(&t, &tm)) {
		buf_adds(json, "null");
		return;
	}
	y = tm.tm_year + 1900;
	snprintf(year, sizeof year, y < 0 || y > 9999 ? "%+07d" : "%04d", y);
	strftime(rest, sizeof rest, "%m-%dT%H:%M:%S", &tm);
	buf_addf(json, "\"\\u%04x%s-%s.%03dZ\"", (unsigned)*year, year + 1, rest, ms);
}

static void add_date_ms(struct buf *json, int64_t ms)
{
	int rest = (int)(ms % 1000);

	add_date(json, ms / 1000 - (rest < 0), rest < 0 ? rest + 1000 : rest);
}

static uint64_t big_endian(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

static void add_unknown(struct reader *r, struct buf *json, const struct value *v, const char *p)
{
	buf_addf(json, "[%d,", v->ext);
	add_blob(r, json, p, (size_t)v->n);
	buf_addc(json, ']');
}

/* Extensions that notepack.io writes. -1 is a time: seconds, or nanoseconds and seconds in 30 + 34 or in 32 + 64 bits.
 * 0, from its older version, is undefined in one byte or milliseconds in eight where the length is fixed, and else an
 * ArrayBuffer. Any other it reads as a list of type and bytes. */
static void add_ext(struct reader *r, struct buf *json, const struct value *v, unsigned depth)
{
	const char *p = take_bytes(r, v->n);
	uint64_t eight;

	if (!p)
		return;
	eight = v->n == 8 ? big_endian(p, 8) : 0;
	if (v->ext == -1 && v->n == 4)
		add_date(json, (int64_t)big_endian(p, 4), 0);
	else if (v->ext == -1 && v->n == 8)
		add_date(json, (int64_t)(eight & 0x3ffffffffULL), (int)((eight >> 34) / 1000000 % 1000));
	else if (v->ext == -1 && v->n == 12)
		add_date(json, (int64_t)big_endian(p + 4, 8), (int)(big_endian(p, 4) / 1000000 % 1000));
	else if (v->ext == 0 && !v->fixed)
		add_blob(r, json, p, (size_t)v->n);
	else if (v->ext == 0 && v->n == 8)
		add_date_ms(json, (int64_t)eight);
	else if (v->ext == 0 && v->n == 1)
		buf_adds(json, "null");
	else if (depth)
		add_unknown(r, json, v, p);
	else
		r->bad = true;
}

static void to_json(struct reader *r, struct buf *json, unsigned depth);

static void add_key(struct reader *r, struct buf *json)
{
	struct value v = take_head(r);
	const char *p;

	switch (v.kind) {
	case STR:
		p = take_bytes(r, v.n);
		if (p && slice_is(slice_of(p, (size_t)v.n), "_placeholder"))
			buf_adds(json, "\"\\u005fplaceholder\"");
		else if (p)
			json_add_string(json, p, (size_t)v.n);
		break;
	case UINT:
		buf_addf(json, "\"%llu\"", (unsigned long long)v.n);
		break;
	case INT:
		buf_addf(json, "\"%lld\"", (long long)v.i);
		break;
	default:
		r->bad = true;
	}
}

static void add_list(struct reader *r, struct buf *json, const struct value *v, unsigned depth)
{
	if (depth == 0 || v->n > (uint64_t)(r->end - r->at)) {
		r->bad = true;
		return;
	}
	buf_addc(json, v->kind == MAP ? '{' : '[');
	for (uint64_t i = 0; i < v->n && !r->bad; i++) {
		if (i)
			buf_addc(json, ',');
		if (v->kind == MAP) {
			add_key(r, json);
			buf_addc(json, ':');
		}
		to_json(r, json, depth - 1);
		r->bad |= json->full;
	}
	buf_addc(json, v->kind == MAP ? '}' : ']');
}

static void to_json(struct reader *r, struct buf *json, unsigned depth)
{
	struct value v = take_head(r);
	const char *p;

	switch (v.kind) {
	case NIL:
		buf_adds(json, "null");
		break;
	case BOOL:
		buf_adds(json, v.n ? "true" : "false");
		break;
	case UINT:
		buf_addu(json, v.n);
		break;
	case INT:
		buf_addi(json, v.i);
		break;
	case FLOAT:
		json_add_number(json, v.d);
		break;
	case STR:
	case BIN:
		p = take_bytes(r, v.n);
		if (!p)
			return;
		if (v.kind == STR)
			json_add_string(json, p, (size_t)v.n);
		else
			add_blob(r, json, p, (size_t)v.n);
		break;
	case EXT:
		add_ext(r, json, &v, depth);
		break;
	default:
		add_list(r, json, &v, depth);
	}
}

struct fields {
	int type;
	bool has_type, has_nsp;
};

static void take_field(struct reader *r, struct buf *json, struct slice key, struct sio_packet *out, struct fields *got)
{
	size_t nblobs = r->nblobs;
	struct buf nowhere;
	struct value v;

	if (slice_is(key, "data")) {
		buf_reset(json); /* of a field that comes twice, the last one counts */
		r->nblobs = 0;
		to_json(r, json, LIMIT_JSON_DEPTH);
		return;
	}
	if (slice_is(key, "type") || slice_is(key, "id") || slice_is(key, "nsp")) {
		v = take_head(r);
		if (slice_is(key, "type")) {
			got->has_type = v.kind == UINT && v.n <= PACKET_CONNECT_ERROR;
			got->type = (int)v.n;
		} else if (slice_is(key, "id")) {
			out->has_id = v.kind == UINT;
			out->id = v.n;
			r->bad |= v.kind == INT || v.kind == FLOAT || v.kind > FLOAT;
			if (v.kind == EXT)
				r->bad = false, take_bytes(r, v.n);
		} else {
			const char *p = v.kind == STR ? take_bytes(r, v.n) : NULL;

			got->has_nsp = p != NULL;
			out->nsp = slice_of(p, (size_t)v.n);
		}
		return;
	}
	buf_init(&nowhere, SIZE_MAX / 2);
	to_json(r, &nowhere, LIMIT_JSON_DEPTH); /* "options" and what may come later */
	buf_release(&nowhere);
	r->nblobs = nblobs;
}

bool msgpack_to_json(const void *data, size_t n, unsigned max_depth, struct buf *json, struct sio_blob **blobs, size_t *nblobs)
{
	struct reader r = {.at = data, .end = (const unsigned char *)data + n, .plain = !blobs};

	to_json(&r, json, max_depth);
	if (blobs) {
		*blobs = r.blobs;
		*nblobs = r.nblobs;
	}
	return !r.bad && r.at == r.end;
}

bool msgpack_decode(const void *data, size_t n, struct buf *json, struct sio_packet *out, struct sio_blob **blobs, size_t *nblobs)
{
	struct reader r = {.at = data, .end = (const unsigned char *)data + n};
	struct value top = take_head(&r);
	struct fields got = {0};

	*out = packet_empty();
	if (top.kind != MAP)
		return false;
	for (uint64_t i = 0; i < top.n && !r.bad; i++) {
		struct value key = take_head(&r);
		const char *p = key.kind == STR ? take_bytes(&r, key.n) : NULL;

		if (!p) {
			r.bad = true;
			break;
		}
		take_field(&r, json, slice_of(p, (size_t)key.n), out, &got);
	}
	*blobs = r.blobs;
	*nblobs = r.nblobs;
	if (r.bad || r.at != r.end || !got.has_type || !got.has_nsp)
		return false;
	out->type = (enum packet_type)got.type;
	out->data = slice_of(json->data, json->len);
	if (slice_is(out->data, "null"))
		out->data.n = 0;
	if (!out->data.n && out->type != PACKET_CONNECT && out->type != PACKET_DISCONNECT)
		return false;
	return packet_check(out, true);
}

/* --- out --- */

static void put_uint(struct buf *out, uint64_t v, size_t n)
{
	while (n--)
		buf_addc(out, (char)(v >> (8 * n)));
}

static void put_sized(struct buf *out, size_t n, unsigned small, size_t small_max, unsigned c8, unsigned c16, unsigned c32)
{
	if (n <= small_max) {
		buf_addc(out, (char)(small | n));
	} else if (c8 && n < 256) {
		buf_addc(out, (char)c8);
		put_uint(out, n, 1);
	} else if (n < 65536) {
		buf_addc(out, (char)c16);
		put_uint(out, n, 2);
	} else {
		buf_addc(out, (char)c32);
		put_uint(out, n, 4);
	}
}

static void put_str(struct buf *out, const char *s, size_t n)
{
	put_sized(out, n, 0xa0, 31, 0xd9, 0xda, 0xdb);
	buf_add(out, s, n);
}

static void put_bin(struct buf *out, const struct sio_blob *b)
{
	if (b->n < 256) {
		buf_addc(out, (char)0xc4);
		put_uint(out, b->n, 1);
	} else {
		put_sized(out, b->n, 0, 0, 0, 0xc5, 0xc6);
	}
	buf_add(out, b->data, b->n);
}

static void put_int(struct buf *out, bool negative, uint64_t magnitude)
{
	static const struct {
		uint64_t most;
		unsigned code;
		size_t bytes;
	} up[] = {{127, 0, 1}, {255, 0xcc, 1}, {65535, 0xcd, 2}, {4294967295, 0xce, 4}, {UINT64_MAX, 0xcf, 8}},
	  down[] = {{32, 0, 1}, {128, 0xd0, 1}, {32768, 0xd1, 2}, {2147483648, 0xd2, 4}, {(uint64_t)1 << 63, 0xd3, 8}};

	for (size_t i = 0; i < 5; i++) {
		if (magnitude > (negative ? down : up)[i].most)
			continue;
		if (i)
			buf_addc(out, (char)(negative ? down : up)[i].code);
		put_uint(out, negative ? -magnitude : magnitude, (negative ? down : up)[i].bytes);
		return;
	}
}

/* A whole number of up to 64 bits keeps each digit, on its way to who can read it. False: it is another one. */
static bool put_whole(struct buf *out, struct slice text)
{
	bool negative = *text.p == '-';
	uint64_t v = 0, most = negative ? (uint64_t)1 << 63 : UINT64_MAX;

	for (size_t i = negative; i < text.n; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');

		if (digit > 9 || v > (most - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	put_int(out, negative && v, v);
	return true;
}

static void put_number(struct buf *out, struct slice text)
{
	double d = json_number(text);
	uint64_t bits;

	if (put_whole(out, text))
		return;
	if (d == trunc(d) && fabs(d) < 18446744073709551615.0 && !(d < -9223372036854775808.0)) {
		put_int(out, d < 0, (uint64_t)fabs(d));
		return;
	}
	memcpy(&bits, &d, sizeof bits);
	buf_addc(out, (char)0xcb);
	put_uint(out, bits, 8);
}

/* JSON is read once from front to end, and each reader returns where it stopped: to look for the end of a value
 * first would read deep nesting as often as it is deep. */
static const char *put_value(struct buf *out, const char *p, const char *end, struct sio_args args, unsigned depth);

static const char *past(const char *p, const char *end, const char *what)
{
	while (p < end && memchr(what, *p, strlen(what)))
		p++;
	return p;
}

static const char *scalar_end(const char *p, const char *end)
{
	if (*p != '"') {
		for (p++; p < end && !memchr(",:]} \t\r\n", *p, 8); p++)
			;
		return p;
	}
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

#define SPACE " \t\r\n"

/* Is this the object that stands for an attachment? Such a one has two members and both are scalars. *stop is behind
 * it then. */
static const struct sio_blob *placeholder(const char *p, const char *end, struct sio_args args, const char **stop)
{
	struct slice key, value, num = {0};
	bool flag = false;
	double n;

	p = past(p + 1, end, SPACE);
	for (int i = 0; i < 2 && *p == '"'; i++) {
		key = slice_of(p, (size_t)(scalar_end(p, end) - p));
		p = past(key.p + key.n, end, SPACE ":");
		if (*p == '{' || *p == '[')
			return NULL;
		value = slice_of(p, (size_t)(scalar_end(p, end) - p));
		p = past(value.p + value.n, end, SPACE ",");
		if (slice_is(key, PLACEHOLDER_KEY))
			flag = slice_is(value, "true");
		else if (json_string_is(key, "num") && json_type(value) == JSON_IS_NUMBER)
			num = value;
	}
	if (!flag || !num.n || *p != '}')
		return NULL;
	*stop = p + 1;
	n = json_number(num);
	return n >= 0 && n < (double)args.nblobs ? &args.blobs[(size_t)n] : NULL;
}

/* Up to this depth a list has the shortest head, for which what follows it moves up. A deeper one keeps a head of
 * fixed length, so that hostile nesting costs no more than its length. */
#define SHORT_HEADS_DEPTH 16
#define LONG_HEAD 5

static void put_list_head(struct buf *out, size_t at, size_t n, bool map, unsigned depth)
{
	struct buf head;

	if (out->full)
		return;
	buf_init(&head, LONG_HEAD);
	if (depth < SHORT_HEADS_DEPTH) {
		put_sized(&head, n, map ? 0x80 : 0x90, 15, 0, map ? 0xde : 0xdc, map ? 0xdf : 0xdd);
	} else {
		buf_addc(&head, (char)(map ? 0xdf : 0xdd));
		put_uint(&head, n, 4);
	}
	if (head.len < LONG_HEAD) {
		memmove(out->data + at + head.len, out->data + at + LONG_HEAD, out->len - at - LONG_HEAD);
		out->len -= LONG_HEAD - head.len;
		out->data[out->len] = '\0';
	}
	memcpy(out->data + at, head.data, head.len);
	buf_release(&head);
}

static const char *put_list(struct buf *out, const char *p, const char *end, struct sio_args args, unsigned depth)
{
	bool map = *p == '{';
	size_t head = out->len, n = 0;

	buf_add(out, "\0\0\0\0", LONG_HEAD);
	for (p = past(p + 1, end, SPACE); *p != ']' && *p != '}'; p = past(p, end, SPACE ","), n++) {
		if (map)
			p = past(put_value(out, p, end, args, depth + 1), end, SPACE ":");
		p = put_value(out, p, end, args, depth + 1);
	}
	put_list_head(out, head, n, map, depth);
	return p + 1;
}

/* In the form that the parser's own notepack.io reads: milliseconds in an extension of type 0. */
static void put_date(struct buf *out, int64_t seconds, int ms)
{
	buf_add(out, "\xd7\0", 2);
	put_uint(out, (uint64_t)(seconds * 1000 + ms), 8);
}

/* A time as add_date() wrote it, to the letter: v is its JSON, text what that means. */
static bool read_date(struct slice v, const char *text, int64_t *seconds, int *ms)
{
	struct tm tm = {0};
	struct buf again;
	bool same;

	if (sscanf(text, "%7d-%2d-%2dT%2d:%2d:%2d.%3d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, ms) != 7 ||
	    *ms < 0)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*seconds = timegm(&tm);
	buf_init(&again, 64);
	add_date(&again, *seconds, *ms);
	same = slice_is(v, again.data);
	buf_release(&again);
	return same;
}

static void put_text(struct buf *out, struct slice v)
{
	bool maybe_date = v.n > 7 && memcmp(v.p, "\"\\u00", 5) == 0;
	int64_t seconds;
	struct buf text;
	int ms;

	buf_init(&text, v.n);
	json_unquote(&text, v);
	if (maybe_date && read_date(v, text.data, &seconds, &ms))
		put_date(out, seconds, ms);
	else
		put_str(out, text.data, text.len);
	buf_release(&text);
}

static void put_scalar(struct buf *out, struct slice v)
{
	switch (json_type(v)) {
	case JSON_IS_NULL:
		buf_addc(out, (char)0xc0);
		break;
	case JSON_IS_FALSE:
		buf_addc(out, (char)0xc2);
		break;
	case JSON_IS_TRUE:
		buf_addc(out, (char)0xc3);
		break;
	case JSON_IS_NUMBER:
		put_number(out, v);
		break;
	default:
		put_text(out, v);
	}
}

static const char *put_value(struct buf *out, const char *p, const char *end, struct sio_args args, unsigned depth)
{
	const struct sio_blob *blob;
	const char *stop;

	if (*p == '{' && args.nblobs && (blob = placeholder(p, end, args, &stop))) {
		put_bin(out, blob);
		return stop;
	}
	if (*p == '{' || *p == '[')
		return put_list(out, p, end, args, depth);
	stop = scalar_end(p, end);
	put_scalar(out, slice_of(p, (size_t)(stop - p)));
	return stop;
}

static void put_json(struct buf *out, struct slice v, struct sio_args args, unsigned depth)
{
	put_value(out, past(v.p, v.p + v.n, SPACE), v.p + v.n, args, depth);
}

void msgpack_put_json(struct buf *out, struct slice json, struct sio_args args)
{
	put_json(out, json, args, 0);
}

void msgpack_encode(struct buf *out, enum packet_type type, const char *nsp, const uint64_t *id, struct slice json, struct sio_args args,
                    const char *event, const char *offset)
{
	bool listed = type == PACKET_EVENT || type == PACKET_ACK;
	bool has_data = listed || json.n;

	put_sized(out, 2u + has_data + (id != NULL), 0x80, 15, 0, 0xde, 0xdf);
	put_str(out, "type", 4);
	put_int(out, false, type);
	if (has_data)
		put_str(out, "data", 4);
	if (listed) {
		struct json_walk w = {args.json.p, args.json.p + args.json.n};
		struct slice v;

		put_sized(out, sio_args_count(args) + (event != NULL) + (offset != NULL), 0x90, 15, 0, 0xdc, 0xdd);
		if (event)
			put_str(out, event, strlen(event));
		while (json_next(&w, &v))
			put_json(out, v, args, 1);
		if (offset)
			put_str(out, offset, strlen(offset));
	} else if (has_data) {
		put_json(out, json, sio_none(), 0);
	}
	if (id) {
		put_str(out, "id", 2);
		put_int(out, false, *id);
	}
	put_str(out, "nsp", 3);
	put_str(out, nsp, strlen(nsp));
}
