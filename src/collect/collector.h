/* collector.h: what a collector is. One file in collectors/ defines one, one
 * row in collectors/collectors.h names it.
 *
 * A collector knows nothing of sockets, clients or the store: it reads its
 * source and tells a sink. Its functions are called by one thread at a time,
 * always the same one between open and close: the sampler's, or its own when
 * it may block (statfs(2) on a dead NFS mount). */
#ifndef COLLECT_COLLECTOR_H
#define COLLECT_COLLECTOR_H

#include "base/buf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct sink;

/* One family that the collector may give, total and instances alike. */
struct metric {
	const char *family;    /* "disk.read_bytes" */
	const char *unit;      /* "bytes/s" */
	enum store_kind kind;
	const char *help;
};

/* Where the kernel's files are: "/proc", "/sys" and "/" on a host; a fixture's folders in a test. */
struct collect_roots {
	const char *proc, *sys, *root;
};

struct collect_time {
	int64_t wall_ms;       /* stamp of the samples */
	int64_t mono_ns;       /* for rates: since the last read of this collector */
	bool scrape;           /* a read for /metrics alone, see below */
};

/* A scrape must not disturb the rates of the series. So a quick collector that
 * exposes anything is opened twice: one state is read on the grid and tells the
 * series; the other is opened with the first scrape, read when /metrics is
 * asked for (scrape is true, the sink keeps nothing) and exposes. What the two
 * share, a snapshot in a variable of the file, belongs to the regular reads. */

struct collector {
	const char *name;      /* "disk"; the word in the configuration */
	const char *help;      /* one line */
	const struct metric *metrics;
	size_t nmetrics;
	uint32_t interval_ms;  /* default */
	const char *unbounded; /* the family in percent that may pass 100, since it is of one core; NULL: there is none */
	bool blocking;         /* has a thread of its own */
	size_t state_bytes;    /* zeroed before open */

	/* 0 or -errno; -ENOENT/-ENODEV: this host has no such thing (shown as disabled, tried again each minute).
	 * *why, if set, is a static or state-owned sentence for people. NULL where there is nothing to open. */
	int (*open)(void *state, const struct collect_roots *roots, const char **why);
	/* Reads once. First read after open gives what needs no difference; rates follow with the second. */
	int (*read)(void *state, const struct collect_time *now, struct sink *out, const char **why);
	/* Prometheus families for /metrics, node_exporter's names and labels; called on the collector's own thread
	 * right after a read: of a blocking collector after each, else after one made for it. NULL where there are none. */
	void (*expose)(void *state, struct buf *out);
	void (*close)(void *state); /* NULL where there is nothing to close */
};

/* --- the sink: metric is an index into metrics[] --- */
void sink_set(struct sink *out, size_t metric, double value);
/* instance: any bytes but NUL; copied (in the id, control characters and what is
 * no UTF-8 become '?'). An instance that is not told in a read has gone: its
 * series is retired; so tell NaN for one that is there but unknown. The first
 * read after open retires nothing, because rates are not told yet. */
void sink_set_at(struct sink *out, size_t metric, const char *instance, double value);

#endif
