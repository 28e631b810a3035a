/* json.c: JSON text that is validated once and then carried as it is. */
#include "base/json.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slice slice_str(const char *s)
{
	return slice_of(s ? s : "", s ? strlen(s) : 0);
}

bool slice_is(struct slice s, const char *text)
{
	size_t n = strlen(text);

	return s.n == n && memcmp(s.p, text, n) == 0;
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *scan_digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && is_digit(*p))
		p++;
	return p > start ? p : NULL;
}

static const char *scan_number(const char *p, const char *end)
{
	if (p < end && *p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else if (!(p = scan_digits(p, end)))
		return NULL;
	if (p < end && *p == '.' && !(p = scan_digits(p + 1, end)))
		return NULL;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = scan_digits(p, end);
	}
	return p;
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *scan_escape(const char *p, const char *end)
{
	if (p >= end || !memchr("\"\\/bfnrtu", *p, 9))
		return NULL;
	if (*p++ != 'u')
		return p;
	if (end - p < 4)
		return NULL;
	for (int i = 0; i < 4; i++)
		if (!is_hex(p[i]))
			return NULL;
	return p + 4;
}

/* p is behind the opening quote. */
static const char *scan_string(const char *p, const char *end)
{
	while (p < end) {
		unsigned char c = (unsigned char)*p;

		if (c == '"')
			return p + 1;
		if (c < 0x20)
			return NULL;
		if (c == '\\') {
			p = scan_escape(p + 1, end);
			if (!p)
				return NULL;
		} else if (c < 0x80) {
			p++;
		} else {
			size_t len = utf8_char_len((const unsigned char *)p, (size_t)(end - p));

			if (!len)
				return NULL;
			p += len;
		}
	}
	return NULL;
}

static const char *scan_word(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

static const char *scan_scalar(const char *p, const char *end)
{
	switch (*p) {
	case '"':
		return scan_string(p + 1, end);
	case 't':
		return scan_word(p, end, "true");
	case 'f':
		return scan_word(p, end, "false");
	case 'n':
		return scan_word(p, end, "null");
	default:
		return scan_number(p, end);
	}
}

/* "key": , from where a member starts to where its value starts. */
static const char *scan_key(const char *p, const char *end)
{
	p = skip_space(p, end);
	if (p >= end || *p != '"')
		return NULL;
	p = scan_string(p + 1, end);
	if (!p)
		return NULL;
	p = skip_space(p, end);
	return p < end && *p == ':' ? p + 1 : NULL;
}

#define MAX_DEPTH 4096

const char *json_scan(const char *p, const char *end, unsigned max_depth)
{
	unsigned char object[MAX_DEPTH / 8]; /* a bit a level: is it an object? */
	unsigned depth = 0;

	if (max_depth > MAX_DEPTH)
		max_depth = MAX_DEPTH;
	for (;;) {
		/* here a value starts */
		p = skip_space(p, end);
		if (p >= end)
			return NULL;
		if (*p == '[' || *p == '{') {
			bool is_object = *p == '{';

			if (depth == max_depth)
				return NULL;
			object[depth / 8] = (unsigned char)((object[depth / 8] & ~(1u << depth % 8)) | (unsigned)is_object << depth % 8);
			depth++;
			p = skip_space(p + 1, end);
			if (p >= end)
				return NULL;
			if (*p != (is_object ? '}' : ']')) {
				if (is_object && !(p = scan_key(p, end)))
					return NULL;
				continue;
			}
			p++;
			depth--;
		} else if (!(p = scan_scalar(p, end))) {
			return NULL;
		}
		/* here a value ended: p is behind it */
		for (;;) {
			bool in_object;

			if (!depth)
				return p;
			in_object = object[(depth - 1) / 8] >> (depth - 1) % 8 & 1;
			p = skip_space(p, end);
			if (p >= end)
				return NULL;
			if (*p == ',') {
				p++;
				if (in_object && !(p = scan_key(p, end)))
					return NULL;
				break;
			}
			if (*p++ != (in_object ? '}' : ']'))
				return NULL;
			depth--;
		}
	}
}

bool json_valid(struct slice text, unsigned max_depth)
{
	const char *end = text.p + text.n, *p = json_scan(text.p, end, max_depth);

	return p && skip_space(p, end) == end;
}

/* --- walking what was scanned --- */

static const char *skip_string(const char *p) /* behind the opening quote */
{
	for (;; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
}

static const char *skip_value(const char *p, const char *end)
{
	unsigned depth = 0;

	do {
		switch (*p) {
		case '"':
			p = skip_string(p + 1);
			break;
		case '[':
		case '{':
			depth++;
			p++;
			break;
		case ']':
		case '}':
			depth--;
			p++;
			break;
		default:
			p++;
			/* A scalar on its own ends where its list goes on. */
			while (!depth && p < end && !memchr(",]} \t\n\r", *p, 7))
				p++;
		}
	} while (depth);
	return p;
}

enum json_type json_type(struct slice value)
{
	switch (*value.p) {
	case '"':
		return JSON_IS_STRING;
	case '[':
		return JSON_IS_ARRAY;
	case '{':
		return JSON_IS_OBJECT;
	case 't':
		return JSON_IS_TRUE;
	case 'f':
		return JSON_IS_FALSE;
	case 'n':
		return JSON_IS_NULL;
	default:
		return JSON_IS_NUMBER;
	}
}

struct json_walk json_walk(struct slice value)
{
	return (struct json_walk){value.p + 1, value.p + value.n};
}

bool json_next(struct json_walk *w, struct slice *value)
{
	const char *p = skip_space(w->at, w->end), *end;

	if (p < w->end && *p == ',')
		p = skip_space(p + 1, w->end);
	if (p >= w->end || *p == ']' || *p == '}')
		return false;
	end = skip_value(p, w->end);
	*value = slice_of(p, (size_t)(end - p));
	w->at = end;
	return true;
}

bool json_next_member(struct json_walk *w, struct slice *key, struct slice *value)
{
	if (!json_next(w, key))
		return false;
	w->at = skip_space(w->at, w->end) + 1; /* the colon */
	return json_next(w, value);
}

size_t json_count(struct slice array)
{
	struct json_walk w = json_walk(array);
	struct slice value;
	size_t n = 0;

	while (json_next(&w, &value))
		n++;
	return n;
}

bool json_at(struct slice array, size_t i, struct slice *value)
{
	struct json_walk w = json_walk(array);

	do {
		if (!json_next(&w, value))
			return false;
	} while (i--);
	return true;
}

bool json_get(struct slice object, const char *key, struct slice *value)
{
	struct json_walk w = json_walk(object);
	struct slice k, v;
	bool found = false;

	while (json_next_member(&w, &k, &v)) {
		if (json_string_is(k, key)) {
			*value = v;
			found = true;
		}
	}
	return found;
}

bool json_string_is(struct slice string, const char *text)
{
	struct slice inner = slice_of(string.p + 1, string.n - 2);
	struct buf plain;
	bool same;

	if (!memchr(inner.p, '\\', inner.n))
		return slice_is(inner, text);
	buf_init(&plain, inner.n * 3);
	json_unquote(&plain, string);
	same = slice_is(slice_of(plain.data, plain.len), text);
	buf_release(&plain);
	return same;
}

static uint32_t hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (uint32_t)(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

/* p is behind the u; returns what is behind the escape, both halves of a pair. */
static const char *unescape_unit(struct buf *out, const char *p, const char *end)
{
	uint32_t c = hex4(p);
	char utf8[4];

	p += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		uint32_t low = hex4(p + 2);

		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	buf_add(out, utf8, utf8_put(utf8, c));
	return p;
}

void json_unquote(struct buf *out, struct slice string)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *p = string.p + 1, *end = string.p + string.n - 1;

	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));

		if (!stop)
			stop = end;
		buf_add(out, p, (size_t)(stop - p));
		p = stop;
		if (p == end)
			break;
		if (p[1] == 'u') {
			p = unescape_unit(out, p + 2, end);
		} else {
			buf_addc(out, to[strchr(from, p[1]) - from]);
			p += 2;
		}
	}
}

double json_number(struct slice number)
{
	char text[64], *copy = text;
	double v;

	if (number.n >= sizeof text)
		copy = malloc(number.n + 1);
	if (!copy)
		return NAN;
	memcpy(copy, number.p, number.n);
	copy[number.n] = '\0';
	v = strtod(copy, NULL); /* the process stays in the C locale */
	if (copy != text)
		free(copy);
	return v;
}

/* --- writing --- */

static void add_escaped(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *named = c ? strchr(from, c) : NULL;

	buf_addc(out, '\\');
	if (named) {
		buf_addc(out, to[named - from]);
		return;
	}
	buf_adds(out, "u00");
	buf_addc(out, hex[c >> 4]);
	buf_addc(out, hex[c & 15]);
}

void json_add_string(struct buf *out, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + n, *plain = p;

	buf_addc(out, '"');
	while (p < end) {
		size_t len = utf8_char_len(p, (size_t)(end - p));

		if (len && *p >= 0x20 && *p != '"' && *p != '\\') {
			p += len;
			continue;
		}
		buf_add(out, plain, (size_t)(p - plain));
		if (!len)
			buf_adds(out, "\xef\xbf\xbd");
		else
			add_escaped(out, *p);
		plain = ++p;
	}
	buf_add(out, plain, (size_t)(p - plain));
	buf_addc(out, '"');
}

void json_add_str(struct buf *out, const char *s)
{
	if (s)
		json_add_string(out, s, strlen(s));
	else
		buf_adds(out, "null");
}

void json_add_number(struct buf *out, double v)
{
	char text[32];

	if (!isfinite(v)) {
		buf_adds(out, "null");
		return;
	}
	if (v == trunc(v) && fabs(v) < 9007199254740992.0) {
		buf_addi(out, (int64_t)v);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_adds(out, text);
}

void json_add_short(struct buf *out, double v, int digits)
{
	char text[40];

	if (!isfinite(v)) {
		buf_adds(out, "null");
	} else if (v == trunc(v) && fabs(v) < 1e15) {
		buf_addi(out, (int64_t)v);
	} else {
		snprintf(text, sizeof text, "%.*g", digits, v);
		buf_adds(out, text);
	}
}

void json_add_slice(struct buf *out, struct slice s)
{
	buf_add(out, s.p, s.n);
}
