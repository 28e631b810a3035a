/* packet.c: Engine.IO payloads. */
#include "engineio/packet.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"

#include <string.h>

#define SEPARATOR '\x1e'

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("+/-_", c));
}

size_t packet_decode_base64(char *p, char *text, size_t n)
{
	size_t kept = 0, len = 0;

	for (size_t i = 0; i < n && text[i] != '='; i++)
		if (is_base64(text[i]))
			text[kept++] = text[i];
	kept -= kept % 4 == 1; /* six bits are no byte */
	base64_decode(p, &len, text, kept);
	return len;
}

/* Text of one packet: a type and data, or `b`, for protocol 3 with its type, and base64. */
static bool tell_text(char *p, size_t n, bool v3, packet_fn *fn, void *user, bool *go_on)
{
	struct packet packet = {.type = '4'};
	char saved = p[n];

	if (!n)
		return false;
	if (*p == 'b') {
		size_t skip = v3 ? 2 : 1;

		if (n < skip || (v3 && p[1] != '4'))
			return false;
		packet.n = packet_decode_base64(p, p + skip, n - skip);
		packet.binary = true;
		packet.data = p;
	} else if (*p < '0' || *p > '6') {
		return false;
	} else {
		packet.type = *p;
		packet.data = p + 1;
		packet.n = n - 1;
	}
	saved = p[packet.binary ? packet.n : n];
	p[packet.binary ? packet.n : n] = '\0';
	*go_on = fn(user, &packet);
	p[packet.binary ? packet.n : n] = saved;
	return true;
}

bool packet_decode_v4(char *body, size_t n, packet_fn *fn, void *user)
{
	char *end = body + n;
	bool go_on = true;

	if (!utf8_valid(body, n))
		return false;
	for (;;) {
		char *stop = memchr(body, SEPARATOR, (size_t)(end - body));

		if (!tell_text(body, (size_t)((stop ? stop : end) - body), false, fn, user, &go_on))
			return false;
		if (!stop || !go_on)
			return true;
		body = stop + 1;
	}
}

/* Bytes of the first so many UTF-16 units, or 0 if there are not so many. */
static size_t utf16_prefix(const char *p, size_t n, size_t units)
{
	size_t at = 0;

	while (units && at < n) {
		size_t len = utf8_char_len((const unsigned char *)p + at, n - at);

		if (!len || units < (len == 4 ? 2u : 1u))
			return 0;
		units -= len == 4 ? 2 : 1;
		at += len;
	}
	return units ? 0 : at;
}

#define MAX_LENGTH_DIGITS 10

bool packet_decode_v3_text(char *body, size_t n, packet_fn *fn, void *user)
{
	char *p = body, *end = body + n;
	bool go_on = true;

	if (!utf8_valid(body, n))
		return false;
	while (p < end && go_on) {
		size_t units = 0, len;
		int digits = 0;

		for (; p < end && *p >= '0' && *p <= '9' && digits < MAX_LENGTH_DIGITS; p++, digits++)
			units = units * 10 + (size_t)(*p - '0');
		if (!digits || !units || p >= end || *p++ != ':')
			return false;
		len = utf16_prefix(p, (size_t)(end - p), units);
		if (!len || !tell_text(p, len, true, fn, user, &go_on))
			return false;
		p += len;
	}
	return n > 0;
}

bool packet_decode_v3_binary(char *body, size_t n, packet_fn *fn, void *user)
{
	char *p = body, *end = body + n;
	bool go_on = true;

	while (p < end && go_on) {
		bool text = *p++ == 0;
		size_t len = 0;
		int digits = 0;

		if ((unsigned char)p[-1] > 1)
			return false;
		for (; p < end && (unsigned char)*p <= 9 && digits < MAX_LENGTH_DIGITS; p++, digits++)
			len = len * 10 + (size_t)*p;
		if (!digits || !len || p >= end || (unsigned char)*p++ != 255 || len > (size_t)(end - p))
			return false;
		if (text) {
			if (!utf8_valid(p, len) || !tell_text(p, len, true, fn, user, &go_on))
				return false;
		} else {
			char saved = p[len];

			if (*p != 4)
				return false;
			p[len] = '\0';
			go_on = fn(user, &(struct packet){.binary = true, .type = '4', .data = p + 1, .n = len - 1});
			p[len] = saved;
		}
		p += len;
	}
	return n > 0;
}

void packet_add_base64(struct buf *out, const void *data, size_t n)
{
	char *to = buf_room(out, BASE64_ENCODED_LEN(n));

	if (to)
		buf_grew(out, base64_encode(to, data, n, BASE64_STANDARD));
}

void packet_encode_v4(struct buf *out, const void *payload, size_t n, bool binary)
{
	if (out->len)
		buf_addc(out, SEPARATOR);
	if (binary) {
		buf_addc(out, 'b');
		packet_add_base64(out, payload, n);
	} else {
		buf_add(out, payload, n);
	}
}

void packet_encode_v3_text(struct buf *out, const void *payload, size_t n, bool binary)
{
	if (binary) {
		buf_addu(out, 2 + BASE64_ENCODED_LEN(n));
		buf_adds(out, ":b4");
		packet_add_base64(out, payload, n);
	} else {
		buf_addu(out, utf8_utf16_len(payload, n));
		buf_addc(out, ':');
		buf_add(out, payload, n);
	}
}

void packet_encode_v3_binary(struct buf *out, const void *payload, size_t n, bool binary)
{
	size_t at;

	buf_addc(out, binary ? 1 : 0);
	at = out->len;
	buf_addu(out, binary ? n + 1 : n);
	if (out->full)
		return;
	for (; at < out->len; at++)
		out->data[at] = (char)(out->data[at] - '0');
	buf_addc(out, (char)255);
	if (binary)
		buf_addc(out, 4);
	buf_add(out, payload, n);
}

void packet_wrap_jsonp(struct buf *out, const char *index, const char *payload, size_t n)
{
	struct buf quoted;
	const char *p, *end;

	buf_init(&quoted, n * 6 + 2);
	json_add_string(&quoted, payload, n);
	buf_addf(out, "___eio[%s](", index);
	/* U+2028 and U+2029 end a line in old JavaScript: E2 80 A8, E2 80 A9. */
	for (p = quoted.data, end = p + quoted.len; p < end;) {
		const char *stop = memchr(p, '\xe2', (size_t)(end - p));

		buf_add(out, p, (size_t)((stop ? stop : end) - p));
		if (!stop)
			break;
		if (end - stop >= 3 && stop[1] == '\x80' && (stop[2] == '\xa8' || stop[2] == '\xa9')) {
			buf_adds(out, stop[2] == '\xa8' ? "\\u2028" : "\\u2029");
			p = stop + 3;
		} else {
			buf_addc(out, *stop);
			p = stop + 1;
		}
	}
	buf_adds(out, ");");
	buf_release(&quoted);
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* x-www-form-urlencoded text, in place. */
static size_t form_decode(char *p, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '%' && i + 2 < n && hex_of(p[i + 1]) >= 0 && hex_of(p[i + 2]) >= 0) {
			p[to++] = (char)(hex_of(p[i + 1]) << 4 | hex_of(p[i + 2]));
			i += 2;
		} else {
			p[to++] = p[i] == '+' ? ' ' : p[i];
		}
	}
	return to;
}

/* The client sent \n as \\n, so that a browser's form would not change it to CR LF:
 * an escaped newline becomes one, and two backslashes before n stay a backslash. */
static size_t restore_newlines(char *p, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\' && i + 2 < n && p[i + 1] == '\\' && p[i + 2] == 'n') {
			p[to++] = '\\';
			p[to++] = 'n';
			i += 2;
		} else if (p[i] == '\\' && i + 1 < n && p[i + 1] == 'n') {
			p[to++] = '\n';
			i++;
		} else {
			p[to++] = p[i];
		}
	}
	return to;
}

bool packet_unwrap_jsonp(struct buf *body)
{
	char *p = body->data, *stop;

	if (body->len < 2 || memcmp(p, "d=", 2) != 0)
		return false;
	stop = memchr(p, '&', body->len);
	if (stop)
		body->len = (size_t)(stop - p);
	buf_drop(body, 2);
	body->len = form_decode(body->data, body->len);
	body->len = restore_newlines(body->data, body->len);
	body->data[body->len] = '\0';
	return true;
}
