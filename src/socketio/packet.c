/* packet.c: Socket.IO packets, protocol 5, default parser. */
#include "socketio/packet.h"

#include "base/limits.h"

#include <string.h>

#define MAX_ID_DIGITS 19

static const char *const reserved[] = {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};

bool packet_name_is_reserved(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (slice_is(slice_of(name, n), reserved[i]))
			return true;
	return false;
}

static bool name_is_good(struct slice name)
{
	struct buf plain;
	bool good;

	if (json_type(name) == JSON_NUMBER)
		return name.n <= LIMIT_EVENT_BYTES;
	if (json_type(name) != JSON_STRING || name.n > LIMIT_EVENT_BYTES)
		return false;
	if (!memchr(name.p, '\\', name.n))
		return !packet_name_is_reserved(name.p + 1, name.n - 2);
	buf_init(&plain, LIMIT_EVENT_BYTES * 3);
	json_unquote(&plain, name);
	good = !packet_name_is_reserved(plain.data, plain.len);
	buf_release(&plain);
	return good;
}

/* The inside of an array's brackets, white space at both ends left out. */
static struct slice inside(const char *p, const char *end)
{
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	while (end > p && strchr(" \t\r\n", end[-1]))
		end--;
	return slice_of(p, (size_t)(end - p));
}

static bool split_event(struct sio_packet *p)
{
	struct json_walk w = json_walk(p->data);
	const char *end = p->data.p + p->data.n - 1, *rest;

	if (!json_next(&w, &p->name) || !name_is_good(p->name))
		return false;
	for (rest = w.at; rest < end && *rest != ','; rest++)
		;
	p->args = rest < end ? inside(rest + 1, end) : slice_of(end, 0);
	return true;
}

bool packet_check(struct sio_packet *p)
{
	enum json_type type;

	if (!p->data.n)
		return true; /* an event or an answer without payload is let through, as Node does, and means nothing */
	type = json_type(p->data);
	switch (p->type) {
	case PACKET_CONNECT:
		return type == JSON_OBJECT;
	case PACKET_DISCONNECT:
		return false;
	case PACKET_CONNECT_ERROR:
		return type == JSON_STRING || type == JSON_OBJECT;
	case PACKET_EVENT:
		return type == JSON_ARRAY && split_event(p);
	case PACKET_ACK:
		if (type != JSON_ARRAY)
			return false;
		p->args = inside(p->data.p + 1, p->data.p + p->data.n - 1);
		return true;
	default:
		return false;
	}
}

static const char *take_number(const char *p, const char *end, uint64_t *out, int max_digits)
{
	const char *start = p;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (p - start >= max_digits)
			return NULL;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*out = v;
	return p;
}

static const char *take_attachments(const char *p, const char *end, struct sio_packet *out)
{
	uint64_t n;
	const char *after = take_number(p, end, &n, 3);

	if (!after || after == p || after >= end || *after != '-' || n < 1 || n > LIMIT_ATTACHMENTS)
		return NULL;
	out->attachments = (unsigned)n;
	out->type = out->type == PACKET_BINARY_EVENT ? PACKET_EVENT : PACKET_ACK;
	return after + 1;
}

bool packet_decode(const char *p, size_t n, struct sio_packet *out)
{
	const char *end = p + n;

	*out = (struct sio_packet){.nsp = slice_of("/", 1)};
	if (!n || *p < '0' || *p > '6')
		return false;
	out->type = (enum packet_type)(*p++ - '0');
	if ((out->type == PACKET_BINARY_EVENT || out->type == PACKET_BINARY_ACK) && !(p = take_attachments(p, end, out)))
		return false;
	if (p < end && *p == '/') {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		out->nsp = slice_of(p, (size_t)((comma ? comma : end) - p));
		p = comma ? comma + 1 : end;
		if (out->nsp.n > LIMIT_NAMESPACE_BYTES)
			return false;
	}
	if (p < end && *p >= '0' && *p <= '9') {
		out->has_id = true;
		p = take_number(p, end, &out->id, MAX_ID_DIGITS);
		if (!p)
			return false;
	}
	if (p < end) {
		out->data = inside(p, end);
		if (!json_valid(out->data, LIMIT_JSON_DEPTH))
			return false;
	}
	return packet_check(out);
}

/* --- placeholders --- */

struct level {
	enum { NO_KEY, KEY_PLACEHOLDER, KEY_NUM } key;
	bool is_placeholder, has_num;
	double num;
};

static const char *string_end(const char *p) /* p is on the opening quote */
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

static bool level_fits(const struct level *l, size_t n)
{
	if (!l->is_placeholder)
		return true;
	return l->has_num && l->num >= 0 && l->num < (double)n && l->num == (double)(size_t)l->num;
}

bool packet_placeholders_fit(struct slice json, size_t n)
{
	struct level levels[LIMIT_JSON_DEPTH + 2] = {0}, *l = levels;
	const char *p = json.p, *end = p + json.n;

	while (p < end) {
		const char *stop;
		struct slice s;

		switch (*p) {
		case '{':
		case '[':
			*++l = (struct level){0};
			p++;
			break;
		case '}':
		case ']':
			if (!level_fits(l--, n))
				return false;
			p++;
			break;
		case '"':
			stop = string_end(p);
			s = slice_of(p, (size_t)(stop - p));
			while (stop < end && strchr(" \t\r\n", *stop))
				stop++;
			l->key = NO_KEY;
			if (stop < end && *stop == ':')
				l->key = json_string_is(s, "_placeholder") ? KEY_PLACEHOLDER : json_string_is(s, "num") ? KEY_NUM : NO_KEY;
			p = stop;
			break;
		default:
			if (l->key == KEY_PLACEHOLDER && *p == 't')
				l->is_placeholder = true;
			if (l->key == KEY_NUM && (*p == '-' || (*p >= '0' && *p <= '9'))) {
				for (stop = p; stop < end && strchr("+-.eE0123456789", *stop); stop++)
					;
				l->has_num = true;
				l->num = json_number(slice_of(p, (size_t)(stop - p)));
			}
			if (*p != ':' && !strchr(" \t\r\n", *p))
				l->key = NO_KEY;
			for (p++; p < end && strchr("+-.eE0123456789rufalsn", *p) && p[-1] != ',' && p[-1] != ':'; p++)
				;
			break;
		}
	}
	return true;
}

/* --- writing --- */

void packet_put_head(struct buf *out, enum packet_type type, size_t attachments, const char *nsp, const uint64_t *id)
{
	if (attachments) {
		buf_addc(out, type == PACKET_EVENT ? '5' : '6');
		buf_addu(out, attachments);
		buf_addc(out, '-');
	} else {
		buf_addc(out, (char)('0' + type));
	}
	if (strcmp(nsp, "/") != 0) {
		buf_adds(out, nsp);
		buf_addc(out, ',');
	}
	if (id)
		buf_addu(out, *id);
}
