/* args.c: lists of arguments, read and put together. */
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

struct sio_args sio_none(void)
{
	return (struct sio_args){.json = slice_of("", 0)};
}

struct sio_args sio_json(const char *json)
{
	return (struct sio_args){.json = slice_str(json)};
}

struct sio_args sio_json_slice(struct slice json)
{
	return (struct sio_args){.json = json};
}

/* The list has no brackets: a walk starts at its first byte. */
static struct json_walk walk(struct sio_args a)
{
	return (struct json_walk){a.json.p, a.json.p + a.json.n};
}

size_t sio_args_count(struct sio_args a)
{
	struct json_walk w = walk(a);
	struct slice value;
	size_t n = 0;

	while (json_next(&w, &value))
		n++;
	return n;
}

bool sio_args_at(struct sio_args a, size_t i, struct slice *value)
{
	struct json_walk w = walk(a);

	do {
		if (!json_next(&w, value))
			return false;
	} while (i--);
	return true;
}

bool sio_args_string(struct sio_args a, size_t i, struct buf *out)
{
	struct slice v;

	if (!sio_args_at(a, i, &v) || json_type(v) != JSON_IS_STRING)
		return false;
	json_unquote(out, v);
	return true;
}

bool sio_args_number(struct sio_args a, size_t i, double *out)
{
	struct slice v;

	if (!sio_args_at(a, i, &v) || json_type(v) != JSON_IS_NUMBER)
		return false;
	*out = json_number(v);
	return true;
}

static bool is_placeholder(struct slice object)
{
	struct json_walk w = json_walk(object);
	struct slice key, value;
	bool is = false;

	while (json_next_member(&w, &key, &value))
		if (slice_is(key, PLACEHOLDER_KEY))
			is = json_type(value) == JSON_IS_TRUE;
	return is;
}

bool sio_args_binary(struct sio_args a, size_t i, struct sio_blob *out)
{
	struct slice v, num;
	double n;

	if (!a.nblobs || !sio_args_at(a, i, &v) || json_type(v) != JSON_IS_OBJECT || !is_placeholder(v) || !json_get(v, "num", &num) ||
	    json_type(num) != JSON_IS_NUMBER)
		return false;
	n = json_number(num);
	if (n < 0 || n >= (double)a.nblobs)
		return false;
	*out = a.blobs[(size_t)n];
	return true;
}

/* --- builder --- */

void sio_builder_init(struct sio_builder *b)
{
	*b = (struct sio_builder){0};
	buf_init(&b->json, SIZE_MAX / 2);
}

void sio_builder_release(struct sio_builder *b)
{
	for (size_t i = 0; i < b->nblobs; i++)
		free((void *)(uintptr_t)b->blobs[i].data);
	free(b->blobs);
	buf_release(&b->json);
	*b = (struct sio_builder){.json = b->json};
}

static void comma(struct sio_builder *b)
{
	if (b->json.len)
		buf_addc(&b->json, ',');
}

void sio_add_string(struct sio_builder *b, const char *s)
{
	comma(b);
	json_add_str(&b->json, s);
}

void sio_add_number(struct sio_builder *b, double v)
{
	comma(b);
	json_add_number(&b->json, v);
}

void sio_add_bool(struct sio_builder *b, bool v)
{
	comma(b);
	buf_adds(&b->json, v ? "true" : "false");
}

void sio_add_json(struct sio_builder *b, struct slice trusted)
{
	comma(b);
	json_add_slice(&b->json, trusted);
}

static void add_blob(struct sio_builder *b, const void *data, size_t n)
{
	b->blobs = xreallocarray(b->blobs, b->nblobs + 1, sizeof *b->blobs);
	b->blobs[b->nblobs++] = (struct sio_blob){xmemdup(data, n), n};
}

void sio_add_binary(struct sio_builder *b, const void *data, size_t n)
{
	comma(b);
	buf_addf(&b->json, "{\"_placeholder\":true,\"num\":%zu}", b->nblobs);
	add_blob(b, data, n);
}

struct numbers {
	struct slice *at;
	size_t n;
};

static bool collect_number(void *user, struct slice num)
{
	struct numbers *l = user;

	l->at = xreallocarray(l->at, l->n + 1, sizeof *l->at);
	l->at[l->n++] = num;
	return true;
}

static int by_place(const void *a, const void *b)
{
	const char *x = ((const struct slice *)a)->p, *y = ((const struct slice *)b)->p;

	return (x > y) - (x < y);
}

/* Appends a's text with its placeholders counted on from those that are there. */
static void add_renumbered(struct sio_builder *b, struct sio_args a)
{
	const char *p = a.json.p, *end = p + a.json.n;
	struct numbers l = {0};

	packet_each_placeholder(a.json, collect_number, &l);
	if (l.n)
		qsort(l.at, l.n, sizeof *l.at, by_place); /* an inner one is told before the outer one */
	for (size_t i = 0; i < l.n; i++) {
		if (!l.at[i].n)
			continue;
		buf_add(&b->json, p, (size_t)(l.at[i].p - p));
		buf_addu(&b->json, (uint64_t)json_number(l.at[i]) + b->nblobs);
		p = l.at[i].p + l.at[i].n;
	}
	buf_add(&b->json, p, (size_t)(end - p));
	free(l.at);
	for (size_t i = 0; i < a.nblobs; i++)
		add_blob(b, a.blobs[i].data, a.blobs[i].n);
}

void sio_add_all(struct sio_builder *b, struct sio_args a)
{
	if (!a.json.n)
		return;
	comma(b);
	if (a.nblobs && b->nblobs)
		add_renumbered(b, a);
	else {
		json_add_slice(&b->json, a.json);
		for (size_t i = 0; i < a.nblobs; i++)
			add_blob(b, a.blobs[i].data, a.blobs[i].n);
	}
}

struct sio_args sio_built(const struct sio_builder *b)
{
	return (struct sio_args){slice_of(b->json.data, b->json.len), b->blobs, b->nblobs};
}
