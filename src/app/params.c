/* params.c: reading what a client asked for. */
#include "app/params.h"

#include "base/limits.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATEST_MS 1e15         /* exact in a double */

void params_fail(struct params *p, const char *fmt, ...)
{
	va_list ap;

	if (*p->error)
		return;
	va_start(ap, fmt);
	vsnprintf(p->error, sizeof p->error, fmt, ap);
	va_end(ap);
}

void params_init(struct params *p, struct slice object)
{
	*p = (struct params){.object = object};
	if (!object.n || json_type(object) == JSON_IS_NULL)
		p->object = slice_of("{}", 2);
	else if (json_type(object) != JSON_IS_OBJECT)
		params_fail(p, "options must be an object");
	if (*p->error)
		p->object = slice_of("{}", 2);
}

bool params_ok(const struct params *p)
{
	return !*p->error;
}

static bool get(struct params *p, const char *name, struct slice *value)
{
	return !*p->error && json_get(p->object, name, value) && json_type(*value) != JSON_IS_NULL;
}

bool params_has(struct params *p, const char *name)
{
	struct slice v;

	return get(p, name, &v);
}

double params_number(struct params *p, const char *name, double least, double most, double fallback)
{
	struct slice v;
	double d;

	if (!get(p, name, &v))
		return fallback;
	d = json_type(v) == JSON_IS_NUMBER ? json_number(v) : NAN;
	if (d >= least && d <= most)
		return d;
	params_fail(p, "%s must be a number from %.15g to %.15g", name, least, most);
	return fallback;
}

double params_time(struct params *p, const char *name, bool ago, double fallback)
{
	struct slice v;
	double d;

	if (!get(p, name, &v))
		return fallback;
	d = json_type(v) == JSON_IS_NUMBER ? json_number(v) : NAN;
	if (d >= (ago ? -LATEST_MS : 0) && d <= LATEST_MS)
		return d;
	params_fail(p, "%s must be a number: milliseconds since the epoch%s", name, ago ? ", or below 0 for as long ago" : "");
	return fallback;
}

int params_word(struct params *p, const char *name, const char *const *words, int fallback)
{
	struct slice v;
	struct buf list;

	if (!get(p, name, &v))
		return fallback;
	for (int i = 0; words[i]; i++)
		if (json_type(v) == JSON_IS_STRING && json_string_is(v, words[i]))
			return i;
	buf_init(&list, 200);
	for (int i = 0; words[i]; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	params_fail(p, "%s must be one of: %s", name, list.data);
	buf_release(&list);
	return fallback;
}

bool params_flag(struct params *p, const char *name, bool fallback)
{
	struct slice v;

	if (!get(p, name, &v))
		return fallback;
	if (json_type(v) == JSON_IS_TRUE || (json_type(v) == JSON_IS_STRING && json_string_is(v, "true")))
		return true;
	if (json_type(v) == JSON_IS_FALSE || (json_type(v) == JSON_IS_STRING && json_string_is(v, "false")))
		return false;
	params_fail(p, "%s must be true or false", name);
	return fallback;
}

/* The text of a string, or of a number as it was written; false if it is neither, or longer than allowed. */
static char *text_take(struct slice v, size_t longest)
{
	struct buf b;

	if (json_type(v) == JSON_IS_NUMBER)
		return v.n <= longest ? xstrndup(v.p, v.n) : NULL;
	if (json_type(v) != JSON_IS_STRING)
		return NULL;
	buf_init(&b, longest);
	json_unquote(&b, v);
	if (!b.full && !memchr(b.data, '\0', b.len))
		return buf_take(&b, NULL);
	buf_release(&b);
	return NULL;
}

char *params_text_take(struct params *p, const char *name, size_t most)
{
	struct slice v;
	char *text;

	if (!get(p, name, &v))
		return NULL;
	text = text_take(v, most);
	if (!text)
		params_fail(p, "%s must be a text of at most %zu bytes", name, most);
	return text;
}

static bool add_text(struct params *p, const char *name, struct slice v, size_t most, size_t longest, struct texts *out)
{
	char *text = json_type(v) == JSON_IS_STRING ? text_take(v, longest) : NULL;

	if (!text || !*text) {
		free(text);
		params_fail(p, "%s must be a text of 1 to %zu bytes, or a list of such texts", name, longest);
		return false;
	}
	if (out->n == most) {
		free(text);
		params_fail(p, "%s may hold at most %zu", name, most);
		return false;
	}
	out->at = xreallocarray(out->at, out->n + 1, sizeof *out->at);
	out->at[out->n++] = text;
	return true;
}

bool texts_parse(struct params *p, const char *name, struct slice value, size_t most, size_t longest, struct texts *out)
{
	struct json_walk w;
	struct slice one;
	bool good = true;

	*out = (struct texts){0};
	if (!value.n || json_type(value) != JSON_IS_ARRAY) {
		good = add_text(p, name, value.n ? value : slice_of("null", 4), most, longest, out);
	} else {
		w = json_walk(value);
		while (good && json_next(&w, &one))
			good = add_text(p, name, one, most, longest, out);
	}
	if (!good)
		texts_release(out);
	return good;
}

bool params_texts(struct params *p, const char *name, size_t most, size_t longest, struct texts *out)
{
	struct slice v;

	*out = (struct texts){0};
	return get(p, name, &v) && texts_parse(p, name, v, most, longest, out);
}

void texts_release(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
	*t = (struct texts){0};
}

/* --- from a query --- */

static bool seen_before(const struct eio_request *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(r->query[k].name, r->query[i].name) == 0)
			return true;
	return false;
}

static void add_value(struct buf *out, const char *text)
{
	struct slice s = slice_str(text);

	if (s.n && s.n < 32 && json_valid(s, 1) && json_type(s) == JSON_IS_NUMBER)
		json_add_slice(out, s);
	else
		json_add_str(out, text);
}

static void add_member(struct buf *out, const struct eio_request *r, size_t i)
{
	size_t n = 0;

	for (size_t k = i; k < r->nquery; k++)
		n += strcmp(r->query[k].name, r->query[i].name) == 0;
	json_add_str(out, r->query[i].name);
	buf_addc(out, ':');
	if (n > 1)
		buf_addc(out, '[');
	for (size_t k = i, done = 0; k < r->nquery; k++) {
		if (strcmp(r->query[k].name, r->query[i].name) != 0)
			continue;
		if (done++)
			buf_addc(out, ',');
		add_value(out, r->query[k].value);
	}
	if (n > 1)
		buf_addc(out, ']');
}

void params_from_query(const struct eio_request *r, struct buf *out)
{
	bool first = true;

	buf_addc(out, '{');
	for (size_t i = 0; i < r->nquery; i++) {
		if (seen_before(r, i))
			continue;
		if (!first)
			buf_addc(out, ',');
		first = false;
		add_member(out, r, i);
	}
	buf_addc(out, '}');
}
