/* self.c: Vedette itself: what it takes from the host, and what it gives to its
 * clients.
 *
 * What the talking half counts arrives in self_counters. What only the runner
 * knows (self.collector_…) and what only the store knows (self.series,
 * self.store_bytes) they tell themselves; so does app/self_series.c what it
 * knows of alerts and their messages, of which the names are here. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

struct self_counters self_counters;

enum {
	M_RSS, M_CPU, M_CLIENTS, M_SESSIONS, M_BYTES_OUT, M_BYTES_IN, M_MESSAGES_OUT, M_MESSAGES_IN, M_DROPPED,
	M_QUEUE_BYTES, M_REQUESTS, M_ERRORS, M_DB_BYTES,
	M_ALERTS, M_CHANNEL, M_WAITING, M_DEAD, METRICS
};

static const struct metric metrics[] = {
	[M_RSS]          = { "self.rss",          "bytes",   STORE_GAUGE,   "Vedette's memory" },
	[M_CPU]          = { "self.cpu",          "percent", STORE_GAUGE,   "Vedette's time, in percent of one core" },
	[M_CLIENTS]      = { "self.clients",      "",        STORE_GAUGE,   "Socket.IO clients" },
	[M_SESSIONS]     = { "self.sessions",     "",        STORE_GAUGE,   "Engine.IO sessions" },
	[M_BYTES_OUT]    = { "self.bytes_out",    "bytes/s", STORE_RATE,    "Sent to clients" },
	[M_BYTES_IN]     = { "self.bytes_in",     "bytes/s", STORE_RATE,    "Received from clients" },
	[M_MESSAGES_OUT] = { "self.messages_out", "1/s",     STORE_RATE,    "Messages sent to clients" },
	[M_MESSAGES_IN]  = { "self.messages_in",  "1/s",     STORE_RATE,    "Messages received from clients" },
	[M_DROPPED]      = { "self.dropped",      "1/s",     STORE_RATE,    "Samples not sent because a client was too slow" },
	[M_QUEUE_BYTES]  = { "self.queue_bytes",  "bytes",   STORE_GAUGE,   "Waiting to be sent to clients" },
	[M_REQUESTS]     = { "self.requests",     "",        STORE_COUNTER, "HTTP requests and Socket.IO events served since start" },
	[M_ERRORS]       = { "self.errors",       "",        STORE_COUNTER, "Those of them that failed" },
	[M_DB_BYTES]     = { "self.db_bytes",     "bytes",   STORE_GAUGE,   "The database on disk" },
	[M_ALERTS]       = { "self.alerts_firing", "",       STORE_GAUGE,   "Alerts that fire, neither acknowledged nor silenced" },
	[M_CHANNEL]      = { "self.channel_failing", "",     STORE_GAUGE,   "1 while messages do not get through this channel" },
	[M_WAITING]      = { "self.outbox_waiting", "",      STORE_GAUGE,   "Messages of alerts that wait to be delivered" },
	[M_DEAD]         = { "self.outbox_dead",  "",        STORE_GAUGE,   "Messages of alerts that were given up" },
};

/* Each number of self_counters: where it is, the metric it becomes, and the
 * family that /metrics shows it as. */
static const struct {
	size_t offset, metric;
	const char *family, *type, *help;
} counters[] = {
	{ offsetof(struct self_counters, bytes_in), M_BYTES_IN, "vedette_received_bytes_total", PROM_COUNTER, "Bytes received from clients." },
	{ offsetof(struct self_counters, bytes_out), M_BYTES_OUT, "vedette_sent_bytes_total", PROM_COUNTER, "Bytes sent to clients." },
	{ offsetof(struct self_counters, clients), M_CLIENTS, "vedette_clients", PROM_GAUGE, "Socket.IO clients connected." },
	{ offsetof(struct self_counters, db_bytes), M_DB_BYTES, "vedette_database_bytes", PROM_GAUGE, "Size of the database on disk." },
	{ offsetof(struct self_counters, dropped), M_DROPPED, "vedette_dropped_samples_total", PROM_COUNTER, "Samples not sent because a client was too slow." },
	{ offsetof(struct self_counters, errors), M_ERRORS, "vedette_request_errors_total", PROM_COUNTER, "Requests that failed." },
	{ offsetof(struct self_counters, messages_in), M_MESSAGES_IN, "vedette_received_messages_total", PROM_COUNTER, "Messages received from clients." },
	{ offsetof(struct self_counters, messages_out), M_MESSAGES_OUT, "vedette_sent_messages_total", PROM_COUNTER, "Messages sent to clients." },
	{ offsetof(struct self_counters, queue_bytes), M_QUEUE_BYTES, "vedette_queued_bytes", PROM_GAUGE, "Bytes waiting to be sent to clients." },
	{ offsetof(struct self_counters, requests), M_REQUESTS, "vedette_requests_total", PROM_COUNTER, "HTTP requests and Socket.IO events served." },
	{ offsetof(struct self_counters, sessions), M_SESSIONS, "vedette_sessions", PROM_GAUGE, "Engine.IO sessions open." },
};
#define COUNTERS (sizeof counters / sizeof *counters)

struct state {
	struct source statm;
	struct span span;
	uint64_t base[COUNTERS], now[COUNTERS];
	double rate[COUNTERS];
	double base_cpu_s, cpu_s, cpu_pct, rss_bytes, virtual_bytes, page_bytes;
	bool known;
};

static int open_self(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->statm, roots->proc, "self/statm", 4096);

	if (err)
		*why = "cannot read /proc/self/statm";
	s->page_bytes = (double)sysconf(_SC_PAGESIZE);
	return err;
}

static void close_self(void *state)
{
	struct state *s = state;

	source_close(&s->statm);
}

static uint64_t counter_at(size_t offset)
{
	const _Atomic uint64_t *at = (const void *)((const char *)&self_counters + offset);

	return atomic_load_explicit(at, memory_order_relaxed);
}

static double used_cpu_s(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static void sample(struct state *s)
{
	s->cpu_s = used_cpu_s();
	for (size_t i = 0; i < COUNTERS; i++)
		s->now[i] = counter_at(counters[i].offset);
}

static void compare(struct state *s)
{
	s->known = true;
	s->cpu_pct = 100 * (s->cpu_s - s->base_cpu_s) / s->span.s;
	for (size_t i = 0; i < COUNTERS; i++)
		s->rate[i] = counter_delta(s->base[i], s->now[i], INFINITY) / s->span.s;
}

static void tell(const struct state *s, struct sink *out)
{
	sink_set(out, M_RSS, s->rss_bytes);
	if (s->known)
		sink_set(out, M_CPU, s->cpu_pct);
	for (size_t i = 0; i < COUNTERS; i++) {
		size_t metric = counters[i].metric;

		if (metrics[metric].kind != STORE_RATE)
			sink_set(out, metric, (double)s->now[i]);
		else if (s->known)
			sink_set(out, metric, s->rate[i]);
	}
}

static int read_self(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->statm);
	struct text t = source_text(&s->statm);
	uint64_t pages[2]; /* the whole address space, the resident part */
	bool next;

	if (err)
		return err;
	if (text_u64s(&t, pages, 2) < 2) {
		*why = "/proc/self/statm is not as proc(5) says";
		return -EPROTO;
	}
	s->virtual_bytes = (double)pages[0] * s->page_bytes;
	s->rss_bytes = (double)pages[1] * s->page_bytes;
	sample(s);
	next = span_next(&s->span, now);
	if (next)
		compare(s);
	memcpy(s->base, s->now, sizeof s->base);
	s->base_cpu_s = s->cpu_s;
	tell(s, out);
	return 0;
}

static void expose_self(void *state, struct buf *out)
{
	const struct state *s = state;

	for (size_t i = 0; i < COUNTERS; i++)
		prom_single(out, counters[i].family, counters[i].type, counters[i].help, (double)s->now[i]);
	prom_single(out, "process_cpu_seconds_total", PROM_COUNTER, "Total user and system CPU time spent in seconds.", s->cpu_s);
	prom_single(out, "process_resident_memory_bytes", PROM_GAUGE, "Resident memory size in bytes.", s->rss_bytes);
	prom_single(out, "process_virtual_memory_bytes", PROM_GAUGE, "Virtual memory size in bytes.", s->virtual_bytes);
}

const struct collector collector_self = {
	.name = "self",
	.help = "Vedette itself",
	.metrics = metrics,
	.nmetrics = METRICS,
	.unbounded = "self.cpu",
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_self,
	.read = read_self,
	.expose = expose_self,
	.close = close_self,
};
