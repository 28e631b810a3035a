/* inner.h: what the files of collect/ share.
 *
 * A unit is one collector and what it has come to; a worker is a thread and
 * its units: the sampler with all quick ones, and one for each blocking one.
 * Fields are the thread's own, but those marked (L), which the worker's lock
 * guards. No lock is held while a collector, the store or a callback is called,
 * and no thread holds two.
 *
 * A worker whose collector hangs is abandoned when all else stops: from then on
 * it belongs to its thread, which frees it should it ever come back, and touches
 * neither the store nor struct collect any more. That is why the worker has
 * copies of what a hanging collector may still read. */
#ifndef COLLECT_INNER_H
#define COLLECT_INNER_H

#include "collect/collect.h"

#include <pthread.h>

struct batch {
	int64_t t_ms;
	struct store_sample *at;
	size_t n, cap;
};
size_t batch_add(struct batch *b, store_ref series, double value); /* its index */

/* A series that a collector told, in the order in which it tells them. */
struct told {
	size_t metric;
	char *instance;        /* NULL: the total */
	store_ref ref;         /* STORE_NONE: the store does not know it yet, or has no room */
	uint64_t round;        /* when it was told last */
	size_t sample;         /* where that lies in the batch */
};
struct told_list {
	struct told *at;
	size_t n, cap, cursor; /* cursor: the one that is expected next */
	size_t known;          /* to the store */
	uint64_t round, full_generation; /* of the store when it was found full; 0: never */
};

struct unit {
	const struct collector *c;
	struct worker *worker;
	void *state;           /* NULL: closed */
	void *scrape_state;    /* NULL: closed */
	bool enabled, first;   /* first: nothing was read since open */
	uint32_t interval_ms;
	int64_t due_ms, due_ns; /* wall: the grid; monotonic: to know how late it is */
	unsigned failures;     /* in a row */
	int64_t retry_ns;      /* monotonic; not before */
	struct told_list told;
	store_ref self[3];

	struct collect_health health;  /* (L) */
	struct collect_setting wanted; /* (L) */
	bool renew;                    /* (L) wanted is new */
	char *text;                    /* (L) of a blocking one: what it exposed last; NULL: nothing yet */
	size_t text_len;
};

struct scrape {
	struct scrape *next;
	void (*done)(void *user, struct buf *out);
	void *user;
};

struct worker {
	struct collect *owner;
	struct store *store;
	struct collect_roots roots;    /* owned */
	pthread_t thread;
	bool started;
	struct unit **units;           /* owned */
	size_t nunits;
	int wake_fd, timer_fd;
	struct batch batch;
	int64_t watch_ms;              /* the sampler's own grid: when it looks after the others next */
	int64_t scraped_ns;            /* last scrape; 0: no scrape state is open */

	pthread_mutex_t lock;
	pthread_cond_t over;
	bool stop, finished, abandoned;   /* (L) */
	struct unit *inside;              /* (L) whose collector is being called now */
	int64_t inside_since_ns;          /* (L) */
	struct scrape *waiting, *serving; /* (L) the sampler's; serving: those that the present read is for */
};

struct collect {
	struct store *store;
	struct worker **workers;       /* the sampler is the first */
	size_t nworkers;
	struct unit **units;           /* borrowed, in the order of the table */
	size_t nunits;
	pthread_mutex_t lock;
	collect_change_fn *on_change;  /* (its lock) */
	void *on_change_user;
};

/* --- sink.c --- */

struct sink {
	struct unit *unit;     /* NULL: keeps nothing */
	struct batch *batch;
};
void told_begin(struct unit *u);
void told_end(struct unit *u, struct batch *b, bool retire); /* new ones become series; retire: instances that were not told are gone */
void told_renew(struct unit *u);             /* the interval changed */
void told_clear(struct unit *u);             /* retires all */

/* --- unit.c --- */

/* What the runner tells in the name of self: of each collector, and of the store. */
enum self_metric { SELF_DURATION, SELF_LAG, SELF_FAILING, SELF_SERIES, SELF_SERIES_REFUSED, SELF_STORE_BYTES };
store_ref self_series(struct store *st, const char *name, uint32_t interval_ms, enum self_metric which); /* name: NULL of the store's */

/* What calls a collector is false when the worker was abandoned meanwhile: then nothing but the worker may be touched. */
bool unit_apply(struct unit *u, const struct collect_setting *s);
bool unit_due(struct unit *u, int64_t now_ms);
bool unit_run(struct unit *u, int64_t now_ms, struct batch *b); /* reads what is due and puts its samples into b */
bool unit_expose(struct unit *u, int64_t now_ms, struct buf *out);
bool unit_close(struct unit *u);
bool unit_close_scrape(struct unit *u);
void unit_free(struct unit *u);
void unit_hangs(struct unit *u, struct batch *b); /* another thread than its own: tells that it does, if it does */

/* --- worker.c --- */

struct worker *worker_new(struct collect *owner, const struct collect_config *config);
int worker_start(struct worker *w, const char *name); /* 0 or -errno */
void worker_add(struct worker *w, struct unit *u);
void worker_wake(struct worker *w);
void worker_ask_stop(struct worker *w);
void worker_end(struct worker *w, int64_t deadline_ns); /* joined and freed, or abandoned */

#endif
