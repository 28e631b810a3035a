/* track.c: the points of one series in one tier, on a grid of implied times. */
#include "store/track.h"

#include "base/xmalloc.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_PAGES 64
#define SLAB_BYTES (SLAB_PAGES * sizeof(struct page))
#define SLAB_COST (SLAB_BYTES + 16) /* malloc(3) adds its own */
#define NO_PAGE UINT32_MAX

struct column {
	uint32_t page;         /* NO_PAGE: every value is `same` */
	float same;
};

struct chunk {
	int64_t from_ms;
	uint32_t step_ms;
	uint8_t first, end;    /* slots in use: [first, end) */
	struct column col[];
};

/* ---- pages ---- */

static size_t slabs_for(size_t pages)
{
	return (pages + SLAB_PAGES - 1) / SLAB_PAGES;
}

void pool_init(struct pool *p, size_t max_pages)
{
	*p = (struct pool){.max_slabs = (uint32_t)slabs_for(max_pages), .free = NO_PAGE};
	p->slabs = xcalloc(p->max_slabs, sizeof(struct page *));
}

void pool_release(struct pool *p)
{
	for (uint32_t i = 0; i < p->nslabs; i++)
		free(p->slabs[i]);
	free(p->slabs);
}

size_t pool_bytes(const struct pool *p)
{
	return p->max_slabs * sizeof(struct page *) + p->nslabs * SLAB_COST;
}

size_t pool_limit_bytes(size_t max_pages)
{
	return slabs_for(max_pages) * (sizeof(struct page *) + SLAB_COST);
}

static float *page_at(const struct pool *p, uint32_t page)
{
	return p->slabs[page / SLAB_PAGES][page % SLAB_PAGES].at;
}

static void page_put(struct pool *p, uint32_t page)
{
	memcpy(page_at(p, page), &p->free, sizeof p->free);
	p->free = page;
}

static uint32_t page_get(struct pool *p)
{
	uint32_t page = p->free;

	if (page == NO_PAGE) {
		assert(p->nslabs < p->max_slabs); /* every track counted its pages into max_pages */
		p->slabs[p->nslabs++] = xmalloc(SLAB_BYTES);
		for (uint32_t i = SLAB_PAGES; i--;)
			page_put(p, (p->nslabs - 1) * SLAB_PAGES + i);
		page = p->free;
	}
	memcpy(&p->free, page_at(p, page), sizeof p->free);
	return page;
}

/* ---- chunks ---- */

static size_t chunk_bytes(uint32_t ncols)
{
	return sizeof(struct chunk) + ncols * sizeof(struct column);
}

static struct chunk *chunk_at(const struct track *t, uint32_t i)
{
	return (struct chunk *)(void *)((char *)t->chunks + (t->head + i) % t->cap * chunk_bytes(t->ncols));
}

static struct chunk *newest(const struct track *t)
{
	return t->n ? chunk_at(t, t->n - 1) : NULL;
}

static int64_t chunk_end(const struct chunk *c)
{
	return c->from_ms + (int64_t)CHUNK_SLOTS * c->step_ms;
}

static void chunk_drop_pages(const struct track *t, struct pool *p, struct chunk *c)
{
	for (uint32_t i = 0; i < t->ncols; i++)
		if (c->col[i].page != NO_PAGE)
			page_put(p, c->col[i].page);
}

static struct chunk *chunk_open(struct track *t, struct pool *p, int64_t t_ms, uint32_t step_ms)
{
	int64_t span = (int64_t)CHUNK_SLOTS * step_ms;
	struct chunk *c;

	if (t->n == t->cap) {
		chunk_drop_pages(t, p, chunk_at(t, 0));
		t->head = (t->head + 1) % t->cap;
		t->n--;
		t->evicted = true;
	}
	c = chunk_at(t, t->n++);
	c->from_ms = t_ms - t_ms % span;
	c->step_ms = step_ms;
	c->first = c->end = (uint8_t)((t_ms - c->from_ms) / step_ms);
	for (uint32_t i = 0; i < t->ncols; i++)
		c->col[i].page = NO_PAGE;
	return c;
}

/* By bits: NaN is the same as NaN. */
static bool same_float(float a, float b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

/* The chunk holds [first, end) already; slot is end or, to be replaced, end-1. */
static void column_set(struct pool *p, struct chunk *c, struct column *col, uint8_t slot, float value)
{
	float *at;

	if (col->page == NO_PAGE) {
		if (slot == c->first)
			col->same = value;
		if (same_float(col->same, value))
			return;
		col->page = page_get(p);
		at = page_at(p, col->page);
		for (uint8_t i = c->first; i < slot; i++)
			at[i] = col->same;
	}
	page_at(p, col->page)[slot] = value;
}

static void chunk_set(const struct track *t, struct pool *p, struct chunk *c, uint8_t slot, const float *values)
{
	for (uint32_t i = 0; i < t->ncols; i++)
		column_set(p, c, &c->col[i], slot, values ? values[i] : NAN);
	if (slot == c->end)
		c->end++;
}

/* ---- tracks ---- */

uint32_t track_chunks(uint64_t points)
{
	/* One more than full ones: the newest is being filled while the oldest still counts. */
	uint64_t chunks = (points + CHUNK_SLOTS - 1) / CHUNK_SLOTS + 1;

	return chunks > INT32_MAX ? INT32_MAX : (uint32_t)chunks;
}

size_t track_bytes(uint32_t chunks, uint32_t ncols)
{
	return chunks * chunk_bytes(ncols);
}

void track_init(struct track *t, uint32_t chunks, uint32_t ncols)
{
	assert(ncols <= TRACK_COLUMNS);
	*t = (struct track){.cap = chunks, .ncols = ncols};
	t->chunks = xcalloc(chunks, chunk_bytes(ncols));
}

void track_release(struct track *t)
{
	free(t->chunks);
	t->chunks = NULL;
}

void track_clear(struct track *t, struct pool *p)
{
	for (uint32_t i = 0; i < t->n; i++)
		chunk_drop_pages(t, p, chunk_at(t, i));
	t->head = t->n = 0;
	t->evicted = false;
}

void track_push(struct track *t, struct pool *p, int64_t t_ms, uint32_t step_ms, const float *values)
{
	struct chunk *c = newest(t);
	uint8_t slot;

	if (!c || c->step_ms != step_ms || t_ms >= chunk_end(c))
		c = chunk_open(t, p, t_ms, step_ms);
	slot = (uint8_t)((t_ms - c->from_ms) / step_ms);
	while (c->end < slot)
		chunk_set(t, p, c, c->end, NULL);
	chunk_set(t, p, c, slot, values);
}

void track_cut(struct track *t, struct pool *p, int64_t t_ms)
{
	struct chunk *c;
	int64_t keep;

	while ((c = newest(t)) && c->from_ms + (int64_t)c->first * c->step_ms >= t_ms) {
		chunk_drop_pages(t, p, c);
		t->n--;
	}
	if (!c || t_ms >= chunk_end(c))
		return;
	keep = (t_ms - c->from_ms + c->step_ms - 1) / c->step_ms;
	if (keep < c->end)
		c->end = (uint8_t)keep;
}

int64_t track_oldest(const struct track *t)
{
	const struct chunk *c = t->n ? chunk_at(t, 0) : NULL;

	return c ? c->from_ms + (int64_t)c->first * c->step_ms : INT64_MAX;
}

/* The first slot that begins at t_ms or later, within [first, end]. */
static uint8_t slot_from(const struct chunk *c, int64_t t_ms)
{
	int64_t slot;

	if (t_ms <= c->from_ms)
		return c->first;
	if (t_ms >= chunk_end(c))
		return c->end;
	slot = (t_ms - c->from_ms + c->step_ms - 1) / c->step_ms;
	return slot < c->first ? c->first : slot > c->end ? c->end : (uint8_t)slot;
}

bool track_span(const struct track *t, const struct pool *p, uint32_t chunk, int64_t from_ms, int64_t to_ms,
	struct span *out)
{
	const struct chunk *c = chunk_at(t, chunk);
	uint8_t a = slot_from(c, from_ms), b = slot_from(c, to_ms);

	if (a >= b)
		return false;
	out->from_ms = c->from_ms + (int64_t)a * c->step_ms;
	out->step_ms = c->step_ms;
	out->n = (uint32_t)(b - a);
	for (uint32_t i = 0; i < t->ncols; i++) {
		const struct column *col = &c->col[i];

		out->col[i] = col->page == NO_PAGE ? &col->same : page_at(p, col->page) + a;
		out->stride[i] = col->page != NO_PAGE;
	}
	return true;
}
