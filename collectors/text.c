/* text.c: a cursor over what the kernel wrote. */
#include "collectors/text.h"

#include "base/utf8.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(struct text *t)
{
	while (t->at < t->end && blank(*t->at))
		t->at++;
}

bool text_line(struct text *t, struct text *line)
{
	const char *nl;

	if (t->at == t->end)
		return false;
	nl = memchr(t->at, '\n', text_len(t));
	*line = (struct text){ t->at, nl ? nl : t->end };
	t->at = nl ? nl + 1 : t->end;
	return true;
}

bool text_word(struct text *t, struct text *word)
{
	skip_blanks(t);
	word->at = t->at;
	while (t->at < t->end && !blank(*t->at))
		t->at++;
	word->end = t->at;
	return word->at < word->end;
}

bool text_until(struct text *t, char c, struct text *head)
{
	const char *p = t->at < t->end ? memchr(t->at, c, text_len(t)) : NULL;

	if (!p)
		return false;
	*head = (struct text){ t->at, p };
	t->at = p + 1;
	return true;
}

bool text_skip(struct text *t, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text_len(t) < len || memcmp(t->at, prefix, len))
		return false;
	t->at += len;
	return true;
}

bool text_u64(struct text *t, uint64_t *out)
{
	struct text at = *t;
	const char *first;
	uint64_t n = 0;

	skip_blanks(&at);
	for (first = at.at; at.at < at.end && digit(*at.at); at.at++)
		if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(*at.at - '0'), &n))
			return false;
	if (at.at == first)
		return false;
	*out = n;
	*t = at;
	return true;
}

bool text_i64(struct text *t, int64_t *out)
{
	struct text at = *t;
	bool minus;
	uint64_t n;

	skip_blanks(&at);
	minus = text_skip(&at, "-");
	if (at.at == at.end || !digit(*at.at) || !text_u64(&at, &n) || n > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	*t = at;
	return true;
}

bool text_f64(struct text *t, double *out)
{
	struct text at = *t;
	double value, scale = 1;
	uint64_t whole;

	if (!text_u64(&at, &whole))
		return false;
	value = (double)whole;
	if (text_skip(&at, "."))
		for (; at.at < at.end && digit(*at.at); at.at++)
			value += (*at.at - '0') * (scale /= 10);
	*out = value;
	*t = at;
	return true;
}

size_t text_u64s(struct text *t, uint64_t *out, size_t n)
{
	size_t got = 0;

	while (got < n && text_u64(t, &out[got]))
		got++;
	return got;
}

size_t text_clean(const struct text *t, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)t->at, *end = (const unsigned char *)t->end;
	size_t len = 0;

	while (p < end) {
		size_t n = utf8_char_len(p, (size_t)(end - p)), take = n ? n : 1;
		/* C1 controls are two bytes, and terminals obey them as well. */
		bool control = n == 1 ? *p < 0x20 || *p == 0x7f : n == 2 && *p == 0xc2 && p[1] < 0xa0;

		if (len + (n && !control ? n : 1) >= size)
			break;
		if (!n || control) {
			out[len++] = '?';
		} else {
			memcpy(out + len, p, n);
			len += n;
		}
		p += take;
	}
	out[len] = '\0';
	return len;
}

static bool octal(const struct text *t, size_t at)
{
	if (text_len(t) - at < 4 || t->at[at] != '\\' || t->at[at + 1] > '3')
		return false;
	for (size_t i = 1; i < 4; i++)
		if (t->at[at + i] < '0' || t->at[at + i] > '7')
			return false;
	return true;
}

size_t text_unescape(const struct text *t, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < text_len(t) && len + 1 < size; i++) {
		const char *c = t->at + i;

		if (octal(t, i)) {
			out[len++] = (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));
			i += 3;
		} else {
			out[len++] = *c;
		}
	}
	out[len] = '\0';
	return len;
}
