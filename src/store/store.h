/* store.h: the history of every series, in memory, of a size known beforehand.
 *
 * A series is `family` or `family/instance` (API.md section 1). Raw points are
 * kept for raw_s seconds; one-minute points with min, max, sum and count for
 * minute_s, so that a spike is never averaged away. All memory that points can
 * ever take is computed from the configuration (store_limit_bytes) and never
 * passed: when max_series live series exist, a new one is refused and counted;
 * one of many (an id with a '/') already when all but a sixteenth are taken.
 *
 * Writers: any thread, one batch at a time, through store_publish().
 * Readers: any thread. One lock inside, never held across a call out.
 * Unknown is NaN, never 0. Times are ms since the Unix epoch. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_MAX_ID 255     /* bytes of an id */

struct store_config {
	uint32_t max_series;   /* live ones; ceiling of the memory. The last sixteenth of them, 256 at most, is for ids without '/' */
	uint32_t raw_s;        /* how long raw points are kept: 3600 */
	uint32_t minute_s;     /* how long one-minute points are kept: 86400 */
	uint32_t interval_ms;  /* the finest interval at which raw_s is promised: 1000; a series sampled more
	                        * often keeps as many points, so a shorter time */
};

enum store_kind { STORE_GAUGE, STORE_RATE, STORE_COUNTER };

const char *store_kind_name(enum store_kind kind); /* "gauge", "rate", "counter" */

/* What is known of a series. Strings are borrowed for the call where it is an
 * argument, and live as long as the store does not remove the series where it
 * is a result (copy what must outlive the next publish). */
struct store_info {
	const char *id;        /* "disk.read_bytes/sda" */
	const char *unit;      /* "bytes/s", "percent", "" */
	const char *help;      /* one line */
	const char *collector; /* "disk" */
	enum store_kind kind;
	uint32_t interval_ms;
};

/* A handle: index in the low bits, generation in the high ones. A stale handle
 * is recognised and ignored, so that nobody writes into a successor. */
typedef uint64_t store_ref;
#define STORE_NONE ((store_ref)0)

/* Never fails but for memory. wake_fd: an eventfd(2) of the reader that is
 * written once for each publish after a drain; -1 for none. Borrowed. */
struct store *store_new(const struct store_config *config, int wake_fd);
void store_free(struct store *st);

size_t store_limit_bytes(const struct store_config *config); /* the most that store_new() will ever use */
size_t store_bytes(struct store *st);                        /* what it uses now */

/* Finds or adds. STORE_NONE when there is no room (max_series) or the id is empty
 * or longer than STORE_MAX_ID (counted in store_refused). An id that exists, and
 * one that is retired but still held, keeps its history and its handle; its info
 * is renewed. Unit and collector are cut at 31 bytes, help at 255. */
store_ref store_series(struct store *st, const struct store_info *info);
/* The instance went away: the series no longer appears in the catalog or in
 * patterns, its ring stays readable (store_held_take) until another series needs the room. */
void store_retire(struct store *st, store_ref series);
size_t store_count(struct store *st);      /* live series */
uint64_t store_refused(struct store *st);  /* registrations refused for want of room */

struct store_sample {
	store_ref series;
	double value;          /* NaN: known to be unknown, a gap */
};

/* All samples of a batch carry one time (above 0). Raw points lie on the grid of
 * the series' interval: of two samples in one step the later stays, though the
 * minute counts both. A sample older than the series' newest is late and ignored;
 * unless that newest lies in the future by the wall clock: then the clock was
 * set back, and what is newer than the sample is dropped. Infinite is unknown.
 * Charts are kept as float (24 bits), store_last and store_drain are exact. */
void store_publish(struct store *st, int64_t t_ms, const struct store_sample *samples, size_t n);

/* --- the reader that pushes (app/feed): what changed since it last asked --- */

struct store_fresh {
	store_ref series;
	int64_t t_ms;
	double value;
};
/* Moves up to max samples, in order of arrival, to out and returns how many.
 * Each is delivered once; the queue inside is bounded (4 × max_series), the
 * oldest are lost first and *lost, if not NULL, is increased by their number. */
size_t store_drain(struct store *st, struct store_fresh *out, size_t max, uint64_t *lost);

/* Changes with every series that is added, retired or described anew: cheap to compare. */
uint64_t store_generation(struct store *st);

/* --- the catalog --- */

struct store_entry {
	store_ref series;
	char *id, *unit, *help, *collector; /* owned by the list */
	enum store_kind kind;
	uint32_t interval_ms;
	int64_t t_ms;          /* of the newest sample; 0 when there is none */
	int64_t oldest_ms;     /* of the oldest point that is held; INT64_MAX when there is none */
	double last;           /* NaN when there is none */
	uint64_t retired;      /* 0: it is live; of two that went away the later has the higher */
};
struct store_list {
	struct store_entry *at;
	size_t n;
};
/* Live series whose id matches pattern, sorted by id (natural order: cpu.usage/2
 * before cpu.usage/10). `*` stands for any run of characters, `/` included; the
 * match is iterative and linear in practice, no pattern makes it exponential. */
void store_match_take(struct store *st, const char *pattern, struct store_list *out);
/* Those, and the retired ones whose ring is still held: no more than max_series together. */
void store_held_take(struct store *st, const char *pattern, struct store_list *out);
void store_list_release(struct store_list *list);
bool store_pattern_match(const char *pattern, const char *id); /* pure */

store_ref store_find(struct store *st, const char *id); /* STORE_NONE if not live */
bool store_last(struct store *st, store_ref series, int64_t *t_ms, double *value);

/* --- ranges --- */

enum store_fold { STORE_LAST, STORE_AVG, STORE_MIN, STORE_MAX, STORE_RANGE };
bool store_fold_parse(const char *name, enum store_fold *out); /* "last" … "range" */

struct store_query {
	int64_t from_ms, to_ms;  /* from < to */
	uint32_t points;         /* at most so many steps; 1…STORE_MAX_POINTS */
	enum store_fold fold;
};
#define STORE_MAX_POINTS 4000

/* Columns: value i covers [from_ms + i*step_ms, from_ms + (i+1)*step_ms).
 * step_ms is a whole multiple of the tier's resolution from a fixed ladder
 * (1,2,5,10,15,30 s, 1,2,5,10,15,30 min, 1,2,3,6,12,24 h; finer than 1 s for faster
 * series) and from_ms is a multiple of step_ms, so that asking again a moment
 * later gives the same steps and nothing jitters. A step without a sample is NaN.
 * Where only minutes are left, a minute stands in each finer step of it, and
 * STORE_LAST is its average.
 * min and max are NULL unless fold is STORE_RANGE (value is then the average). */
struct store_range {
	int64_t from_ms, step_ms;
	size_t n;
	double *value, *min, *max; /* owned by the range */
};
/* The steps that a query will give: the same for every series of the answer.
 * step is never finer than finest_ms (a series' interval) and depends on the
 * length of the range alone. The last step is the one that holds to_ms - 1; where
 * a range that is not aligned touches one step more than points, its first goes. */
void store_plan(const struct store_query *q, uint32_t finest_ms, int64_t *from_ms, int64_t *step_ms, size_t *n);
/* false when the series is not known (a retired one still is). */
bool store_query_take(struct store *st, store_ref series, const struct store_query *q, int64_t from_ms,
                      int64_t step_ms, size_t n, struct store_range *out);
void store_range_release(struct store_range *r);

/* --- the seam for older history ---
 * Asked for the part of a range that is older than what memory holds. Fills
 * what it knows of n steps, leaves the rest NaN. Called without the lock, on
 * the thread that queries. */
struct store_past {
	void (*fill)(void *user, const char *id, int64_t from_ms, int64_t step_ms, size_t n,
	             double *value, double *min, double *max);
	void *user;
};
void store_set_past(struct store *st, const struct store_past *past); /* borrowed; before threads start */

#endif
