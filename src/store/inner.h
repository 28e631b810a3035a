/* inner.h: what the files of store/ share. The store's lock guards all of it. */
#ifndef STORE_INNER_H
#define STORE_INNER_H

#include "base/map.h"
#include "store/store.h"
#include "store/track.h"

#include <pthread.h>

#define MINUTE_MS 60000
enum { COL_MIN, COL_MAX, COL_AVG, COL_COUNT, MINUTE_COLS };

/* The minute that is still being filled; it moves to the track when the next one begins. */
struct open_minute {
	int64_t at_ms;
	uint32_t count;        /* 0: nothing yet, the rest means nothing */
	float min, max;
	double sum;
};

struct series {
	uint32_t gen;          /* 0: never used */
	bool live;
	enum store_kind kind;
	uint32_t interval_ms;
	uint64_t retired;      /* the lowest is the first to make room */
	char *id, *unit, *help, *collector; /* one block, which id owns */
	int64_t t_ms;          /* newest; 0: none */
	double last;
	struct track raw, minute;
	struct open_minute open;
};

struct store {
	pthread_mutex_t lock;
	struct store_config config;
	int wake_fd;
	bool wake;             /* the reader has drained since it was last woken */
	struct series *series; /* max_series, of which `used` have their tracks */
	uint32_t used, live;
	struct map ids;        /* id to series, the retired ones too */
	struct pool pool;
	struct store_fresh *fresh;
	size_t fresh_head, fresh_n;
	uint64_t fresh_lost;
	uint64_t generation, refused, retirements;
	size_t text_bytes;
	const struct store_past *past;
};

/* NULL for a stale or foreign handle. */
struct series *series_of(struct store *st, store_ref ref);
store_ref ref_of(const struct store *st, const struct series *s);

int natural_compare(const char *a, const char *b); /* digits by their number */

#endif
