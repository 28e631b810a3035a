/* packet.c: Socket.IO packets, protocol 5, default parser. */
#include "socketio/packet.h"

#include "base/limits.h"

#include <string.h>

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

	if (json_type(name) == JSON_IS_NUMBER)
		return true;
	if (json_type(name) != JSON_IS_STRING)
		return false;
	if (!memchr(name.p, '\\', name.n))
		return !packet_name_is_reserved(name.p + 1, name.n - 2);
	buf_init(&plain, name.n); /* an escape is longer than what it stands for */
	json_unquote(&plain, name);
	good = !packet_name_is_reserved(plain.data, plain.len);
	buf_release(&plain);
	return good;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The inside of an array's brackets, white space at both ends left out. */
static struct slice inside(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	while (end > p && is_space(end[-1]))
		end--;
	return slice_of(p, (size_t)(end - p));
}

/* With any_name, an event without a name, or with one that would be mistaken for ours, keeps an empty one: it means
 * nothing. */
static bool split_event(struct sio_packet *p, bool any_name)
{
	struct json_walk w = json_walk(p->data);
	const char *end = p->data.p + p->data.n - 1, *rest;
	bool named = json_next(&w, &p->name);

	if (!named || !name_is_good(p->name)) {
		if (!any_name)
			return false;
		if (!named || json_type(p->name) == JSON_IS_STRING)
			p->name.n = 0;
	}
	for (rest = w.at; rest < end && *rest != ','; rest++)
		;
	p->args = rest < end ? inside(rest + 1, end) : slice_of(end, 0);
	return true;
}

bool packet_check(struct sio_packet *p, bool any_name)
{
	enum json_type type;

	if (!p->data.n)
		return true; /* an event or an answer without payload is let through, as Node does, and means nothing */
	type = json_type(p->data);
	switch (p->type) {
	case PACKET_CONNECT:
		return type == JSON_IS_OBJECT;
	case PACKET_DISCONNECT:
		return false;
	case PACKET_CONNECT_ERROR:
		return type == JSON_IS_STRING || type == JSON_IS_OBJECT;
	case PACKET_EVENT:
		return type == JSON_IS_ARRAY && split_event(p, any_name);
	case PACKET_ACK:
		if (type != JSON_IS_ARRAY)
			return false;
		p->args = inside(p->data.p + 1, p->data.p + p->data.n - 1);
		return true;
	default:
		return false;
	}
}

/* A number that 64 bits do not hold becomes the greatest: an id that nobody has, a count that nobody may. */
static const char *take_number(const char *p, const char *end, uint64_t *out)
{
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
	}
	*out = v;
	return p;
}

/* White space counts as part of an id in Node, where Number(" ") is 0. */
static const char *take_id(const char *p, const char *end, struct sio_packet *out)
{
	const char *start = p;

	while (p < end && is_space(*p))
		p++;
	p = take_number(p, end, &out->id);
	while (p < end && is_space(*p))
		p++;
	out->has_id = p > start;
	return p;
}

static const char *take_attachments(const char *p, const char *end, struct sio_packet *out)
{
	uint64_t n;
	const char *after = take_number(p, end, &n);

	if (after == p || after >= end || *after != '-' || n < 1 || n > LIMIT_ATTACHMENTS)
		return NULL;
	out->attachments = (unsigned)n;
	out->type = out->type == PACKET_BINARY_EVENT ? PACKET_EVENT : PACKET_ACK;
	return after + 1;
}

struct sio_packet packet_empty(void)
{
	struct slice none = slice_of("", 0);

	return (struct sio_packet){.nsp = slice_of("/", 1), .data = none, .name = none, .args = none};
}

bool packet_decode(const char *p, size_t n, struct sio_packet *out)
{
	const char *end = p + n;

	*out = packet_empty();
	if (!n || *p < '0' || *p > '6')
		return false;
	out->type = (enum packet_type)(*p++ - '0');
	if ((out->type == PACKET_BINARY_EVENT || out->type == PACKET_BINARY_ACK) && !(p = take_attachments(p, end, out)))
		return false;
	if (p < end && *p == '/') {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		out->nsp = slice_of(p, (size_t)((comma ? comma : end) - p));
		p = comma ? comma + 1 : end;
	}
	p = take_id(p, end, out);
	if (p < end) {
		out->data = inside(p, end);
		if (!json_valid(out->data, LIMIT_JSON_DEPTH))
			return false;
	}
	return packet_check(out, false);
}

const char *packet_error(const char *p, size_t n)
{
	uint64_t count;
	const char *after;

	if (!n || *p < '0' || *p > '6')
		return "unknown packet type";
	if (*p != '5' && *p != '6')
		return "invalid payload";
	after = take_number(p + 1, p + n, &count);
	if (after == p + 1 || after == p + n || *after != '-' || count < 1)
		return "Illegal attachments";
	return count > LIMIT_ATTACHMENTS ? "too many attachments" : "invalid payload";
}

/* --- placeholders --- */

/* An object or array that is open. */
struct level {
	struct slice key;          /* whose value comes; empty in an array */
	bool is_placeholder;
	struct slice num;
};

static const char *string_end(const char *p) /* p is on the opening quote */
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* A string, a number or a word: text is valid, so its end is where punctuation starts. */
static struct slice scalar(const char *p, const char *end)
{
	const char *stop = p + 1;

	if (*p == '"')
		return slice_of(p, (size_t)(string_end(p) - p));
	while (stop < end && !is_space(*stop) && !memchr(",:]}", *stop, 4))
		stop++;
	return slice_of(p, (size_t)(stop - p));
}

/* A value came: the last one of a key counts, as in JSON.parse. */
static void note_value(struct level *l, struct slice value)
{
	if (slice_is(l->key, PLACEHOLDER_KEY))
		l->is_placeholder = slice_is(value, "true");
	else if (l->key.n && json_string_is(l->key, "num"))
		l->num = json_type(value) == JSON_IS_NUMBER ? value : slice_of("", 0);
	l->key.n = 0;
}

static bool is_key(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p < end && *p == ':';
}

void packet_spell_placeholders(char *json, size_t n)
{
	char *p = json, *end = json + n;

	if (!memchr(json, '\\', n))
		return;
	while ((p = memchr(p, '"', (size_t)(end - p)))) {
		struct slice s = scalar(p, end);
		size_t plain = strlen(PLACEHOLDER_KEY);

		if (json_string_is(s, "_placeholder")) {
			memcpy(p, PLACEHOLDER_KEY, plain);
			memset(p + plain, ' ', s.n - plain);
		}
		p += s.n;
	}
}

bool packet_each_placeholder(struct slice json, placeholder_fn *fn, void *user)
{
	struct level levels[LIMIT_JSON_DEPTH + 4], *l = levels; /* an attachment of msgpack may stand in a list with its type */
	const char *p = json.p, *end = p + json.n;
	struct slice s;

	*l = (struct level){0};
	while (p < end) {
		if (is_space(*p) || *p == ',' || *p == ':') {
			p++;
		} else if (*p == '{' || *p == '[') {
			note_value(l, slice_of(p, 1));
			*++l = (struct level){0};
			p++;
		} else if (*p == '}' || *p == ']') {
			if (l->is_placeholder && !fn(user, l->num))
				return false;
			l--;
			p++;
		} else {
			s = scalar(p, end);
			p += s.n;
			if (*s.p == '"' && is_key(p, end))
				l->key = s;
			else
				note_value(l, s);
		}
	}
	return true;
}

static bool number_fits(void *n, struct slice num)
{
	double v = num.n ? json_number(num) : -1;

	return v >= 0 && v < (double)*(size_t *)n && v == (double)(size_t)v;
}

bool packet_placeholders_fit(struct slice json, size_t n)
{
	return packet_each_placeholder(json, number_fits, &n);
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
