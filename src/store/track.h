/* track.h: the points of one series in one tier, on a grid of implied times.
 *
 * A track is a ring of chunks. A chunk covers CHUNK_SLOTS steps of time, and
 * starts at a multiple of that; so a track of n chunks reaches back at least
 * n-1 full spans, however irregular its points are. A chunk has one column for
 * raw points and four for minutes:
 *
 *   from_ms        first      end            from_ms + CHUNK_SLOTS*step_ms
 *   |  .  .  .  .  v  v  NaN  v  .  .  .  .  |      col[0] col[1] …
 *
 * A column is one number while all its values are the same, and a page of
 * floats from the first that differs: half the series of a host never move, and
 * cost nothing. Pages come from a pool that all tracks share and that grows by
 * slabs. Not thread-safe: the store's lock is held. */
#ifndef STORE_TRACK_H
#define STORE_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SLOTS 120
#define TRACK_COLUMNS 4

struct page {
	float at[CHUNK_SLOTS];
};

struct pool {
	struct page **slabs;
	uint32_t nslabs, max_slabs;
	uint32_t free;         /* the first free page; its at[0] holds the next one */
};

void pool_init(struct pool *p, size_t max_pages);
void pool_release(struct pool *p);
size_t pool_bytes(const struct pool *p);
size_t pool_limit_bytes(size_t max_pages);

struct chunk;
struct track {
	struct chunk *chunks;  /* cap of them, each with its columns behind it */
	uint32_t cap, head, n; /* head: the oldest */
	uint32_t ncols;
	bool evicted;          /* what was older than the oldest chunk once existed */
};

/* Chunks that a track needs to reach back over so many points. */
uint32_t track_chunks(uint64_t points);
size_t track_bytes(uint32_t chunks, uint32_t ncols); /* without pages; it needs chunks*ncols of them at most */

void track_init(struct track *t, uint32_t chunks, uint32_t ncols);
void track_release(struct track *t);
void track_clear(struct track *t, struct pool *p); /* no points; pages go back */

/* Puts a point at t_ms, which is not before the newest. Steps that were passed
 * over become NaN; a second point in one step replaces the first. */
void track_push(struct track *t, struct pool *p, int64_t t_ms, uint32_t step_ms, const float *values);
/* Removes what is at t_ms or later. */
void track_cut(struct track *t, struct pool *p, int64_t t_ms);

int64_t track_oldest(const struct track *t); /* INT64_MAX when it is empty */

/* A run of points inside one chunk: value i of column c is col[c][i * stride[c]], at from_ms + i*step_ms. */
struct span {
	int64_t from_ms;
	uint32_t step_ms, n;
	const float *col[TRACK_COLUMNS];
	uint32_t stride[TRACK_COLUMNS]; /* 0 where all are the same */
};
/* The part of the chunk-th oldest chunk that lies in [from_ms, to_ms); false if there is none. */
bool track_span(const struct track *t, const struct pool *p, uint32_t chunk, int64_t from_ms, int64_t to_ms,
                struct span *out);

#endif
