/* collect.h: when and on which thread each collector runs, its health and
 * back-off, and the sink that it writes to.
 *
 * One sampler thread runs all quick collectors on a grid of wall-clock
 * multiples of their intervals, and publishes all that fell due together as
 * one batch; each blocking collector has a thread of its own. A collector that
 * fails is logged once, shown (self.collector_failing/NAME, collect_health), tried
 * again with growing waits (1 s to 60 s), logged once more when it is back. The
 * runner also tells self.collector_duration/NAME and self.collector_lag/NAME, and
 * for the store self.series and self.store_bytes.
 *
 * Functions are called from one owning thread (the loop's) unless said. */
#ifndef COLLECT_COLLECT_H
#define COLLECT_COLLECT_H

#include "base/buf.h"
#include "collect/collector.h"
#include "store/store.h"

struct collect;

/* What the runner tells itself, beside the metrics[] of each collector. */
extern const struct metric collect_metrics[];
extern const size_t collect_metrics_len;

/* What the configuration says of one collector. interval_ms 0: its default. */
struct collect_setting {
	const char *name;
	bool enabled;
	uint32_t interval_ms;  /* 100…3 600 000 */
};

struct collect_config {
	const struct collector *const *collectors; /* the table */
	size_t ncollectors;
	const struct collect_setting *settings;    /* those that differ from the default */
	size_t nsettings;
	struct collect_roots roots;
	struct store *store;   /* borrowed; outlives collect */
};

/* 0 or -errno (a thread could not start). Copies config. */
int collect_start(struct collect **out, const struct collect_config *config);
/* New settings, threads keep running; history stays. */
void collect_reload(struct collect *c, const struct collect_setting *settings, size_t n);
/* Stops and joins; a blocking collector that hangs is abandoned after 1 s (its
 * memory with it), so that a dead mount never keeps the process alive. */
void collect_stop(struct collect *c);

enum collect_state { COLLECT_STARTING, COLLECT_OK, COLLECT_FAILING, COLLECT_DISABLED };
const char *collect_state_name(enum collect_state s); /* "starting" … */

struct collect_health {
	const char *name, *help;       /* static */
	enum collect_state state;
	char why[160];                 /* "" when ok */
	int64_t since_ms, last_ms;     /* state since; last good read; wall */
	uint32_t interval_ms;
	double duration_ms, lag_ms;    /* of the last read; behind its grid */
	size_t series;
};
/* Any thread. Fills up to max, returns how many there are. */
size_t collect_health(struct collect *c, struct collect_health *out, size_t max);
/* Told whenever a collector changes state, on its thread, or on the sampler's when it hangs (no answer for 3 s or
 * three intervals); must not block. Set it right after collect_start; what changed before is in collect_health. */
typedef void collect_change_fn(void *user, const char *name, enum collect_state was, enum collect_state is, const char *why);
void collect_on_change(struct collect *c, collect_change_fn *fn, void *user);

/* A scrape: every quick collector reads afresh on the sampler's thread, in a
 * state beside the one of its series (collector.h), and exposes; blocking ones
 * give what they exposed last, while they are well. done is called once, on the
 * sampler's thread or, with an empty text, in collect_stop; the text is its own
 * to take from *out (buf_take). Any thread. */
void collect_scrape(struct collect *c, void (*done)(void *user, struct buf *out), void *user);

/* --- processes: the table behind `get processes`, kept by collectors/process.c --- */

enum proc_sort { PROC_CPU, PROC_MEMORY, PROC_RSS, PROC_IO, PROC_THREADS, PROC_PID, PROC_NAME, PROC_USER, PROC_STARTED };
bool proc_sort_parse(const char *name, enum proc_sort *out);

struct proc_row {
	int pid, ppid;
	char state;                    /* proc(5): R S D Z T t X I */
	char name[32];
	char user[33];
	char command[160];             /* arguments that look like secrets are redacted; "" for kernel threads */
	double cpu_pct;                /* of one core, over the last interval; NaN at first */
	double memory_pct;
	uint64_t rss_bytes;
	double read_bps, write_bps;    /* NaN where the kernel does not tell us */
	uint32_t threads;
	int64_t started_ms;
};
struct proc_query {
	enum proc_sort sort;
	bool ascending;
	size_t offset, limit;
	const char *filter;            /* substring of name, command, user or pid; case ignored; NULL for all */
};
struct proc_page {
	int64_t t_ms;
	size_t total, matched, n;
	struct proc_row *rows;         /* n of them, owned by the page */
};
/* The last snapshot, sorted and cut. Any thread. */
void proc_page_take(const struct proc_query *q, struct proc_page *out);
void proc_page_release(struct proc_page *page);

#endif
