/* handlers.c: lists of functions that may change while they are walked. */
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

/* The last that came goes in front of all, as in Node. */
static void put_firsts(struct handlers *h)
{
	for (size_t i = 0; h->firsts && i < h->n; i++) {
		struct handler e = h->at[i];

		if (!e.first)
			continue;
		e.first = false;
		memmove(h->at + 1, h->at, i * sizeof *h->at);
		h->at[0] = e;
	}
	h->firsts = false;
}

void handlers_add(struct handlers *h, struct handler what, bool first)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 4;
		h->at = xreallocarray(h->at, h->cap, sizeof *h->at);
	}
	what.event = what.event ? xstrdup(what.event) : NULL;
	what.first = first;
	h->at[h->n++] = what;
	h->firsts |= first;
	if (!h->walking)
		put_firsts(h);
}

static void squeeze(struct handlers *h)
{
	size_t to = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->at[i].fn)
			h->at[to++] = h->at[i];
		else
			free(h->at[i].event);
	}
	h->n = to;
	h->holes = false;
}

void handlers_remove(struct handlers *h, enum handler_kind kind, const char *event, void (*fn)(void))
{
	for (size_t i = 0; i < h->n; i++) {
		struct handler *e = &h->at[i];

		if (e->kind != kind || (fn && e->fn != fn) || (event && strcmp(e->event, event) != 0))
			continue;
		e->fn = NULL;
		h->holes = true;
	}
	if (h->holes && !h->walking)
		squeeze(h);
}

void handlers_copy(struct handlers *to, const struct handlers *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (from->at[i].fn)
			handlers_add(to, from->at[i], false);
}

void handlers_release(struct handlers *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->at[i].event);
	free(h->at);
	*h = (struct handlers){0};
}

size_t handlers_count(const struct handlers *h, enum handler_kind kind, const char *event)
{
	size_t n = 0;

	for (size_t i = 0; h && i < h->n; i++)
		n += h->at[i].kind == kind && h->at[i].fn && (!event || strcmp(h->at[i].event, event) == 0);
	return n;
}

struct handlers_walk handlers_begin(struct handlers *h, enum handler_kind kind)
{
	h->walking++;
	return (struct handlers_walk){0, h->n, kind};
}

struct handler *handlers_next(struct handlers *h, struct handlers_walk *w)
{
	while (w->at < w->n) {
		struct handler *e = &h->at[w->at++];

		if (e->kind == w->kind && e->fn)
			return e;
	}
	return NULL;
}

void handlers_end(struct handlers *h)
{
	if (--h->walking)
		return;
	if (h->holes)
		squeeze(h);
	put_firsts(h);
}
