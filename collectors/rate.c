/* rate.c: from the kernel's counters to rates. */
#include "collectors/rate.h"

#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>

/* How close to the edge a counter of 32 bits must have been for a fall to be a
 * wrap: a restart of a big counter must not look like one. */
#define WRAP_NEAR (UINT64_C(1) << 28)
#define WRAP_AT (UINT64_C(1) << 32)

double counter_delta(uint64_t before, uint64_t now, double most)
{
	uint64_t delta;

	if (now >= before)
		delta = now - before;
	else if (before < WRAP_AT && before >= WRAP_AT - WRAP_NEAR && now < WRAP_NEAR)
		delta = now + WRAP_AT - before;
	else
		return NAN;
	return (double)delta <= most ? (double)delta : NAN;
}

bool span_next(struct span *span, const struct collect_time *now)
{
	bool next = span->begun && now->mono_ns > span->base_ns;

	span->s = (double)(now->mono_ns - span->base_ns) / 1e9;
	span->base_ns = now->mono_ns;
	span->begun = true;
	return next;
}

void roster_begin(struct roster *r)
{
	r->round++;
	r->hint = 0;
	for (size_t i = 0; i < r->n; i++)
		r->items[i]->fresh = false;
}

static bool named(const struct roster_item *item, const struct text *name)
{
	return text_is(name, item->name);
}

static struct roster_item *find(struct roster *r, const struct text *name)
{
	for (size_t i = 0; i < r->n; i++) {
		size_t at = (r->hint + i) % r->n;

		if (named(r->items[at], name)) {
			r->hint = at + 1;
			return r->items[at];
		}
	}
	return NULL;
}

static struct roster_item *add(struct roster *r, const struct text *name)
{
	struct roster_item *item;

	if (r->n == r->most)
		return NULL;
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 8;
		r->items = xreallocarray(r->items, r->cap, sizeof *r->items);
	}
	item = xzalloc(r->item_bytes);
	item->name = xstrndup(name->at, text_len(name));
	item->fresh = true;
	r->items[r->n++] = item;
	return item;
}

void *roster_meet(struct roster *r, const struct text *name)
{
	struct roster_item *item = find(r, name);

	if (!item)
		item = add(r, name);
	if (item)
		item->round = r->round;
	return item;
}

static void item_free(struct roster_item *item)
{
	free(item->name);
	free(item);
}

void roster_end(struct roster *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->items[i]->round == r->round)
			r->items[kept++] = r->items[i];
		else
			item_free(r->items[i]);
	}
	r->n = kept;
}

void roster_release(struct roster *r)
{
	for (size_t i = 0; i < r->n; i++)
		item_free(r->items[i]);
	free(r->items);
	r->items = NULL;
	r->n = r->cap = 0;
}
