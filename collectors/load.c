/* load.c: the load averages, from /proc/loadavg (proc(5)). */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/read.h"

#include <errno.h>

enum { M_1, M_5, M_15, M_RUNNABLE, M_THREADS, METRICS };

static const struct metric metrics[] = {
	[M_1]        = { "load.1",        "", STORE_GAUGE, "Threads that ran, could have run or waited for a disk, averaged over 1 minute" },
	[M_5]        = { "load.5",        "", STORE_GAUGE, "The same over 5 minutes" },
	[M_15]       = { "load.15",       "", STORE_GAUGE, "The same over 15 minutes" },
	[M_RUNNABLE] = { "load.runnable", "", STORE_GAUGE, "Threads that run or could run now" },
	[M_THREADS]  = { "load.threads",  "", STORE_GAUGE, "Threads that exist" },
};

struct state {
	struct source loadavg;
	double value[METRICS];
};

static int open_load(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->loadavg, roots->proc, "loadavg", 4096);

	if (err)
		*why = "cannot read /proc/loadavg";
	return err;
}

static void close_load(void *state)
{
	struct state *s = state;

	source_close(&s->loadavg);
}

/* "0.13 0.17 0.09 1/98 8511" */
static bool parse(struct text t, double value[METRICS])
{
	uint64_t runnable, threads;

	if (!text_f64(&t, &value[M_1]) || !text_f64(&t, &value[M_5]) || !text_f64(&t, &value[M_15]))
		return false;
	if (!text_u64(&t, &runnable) || !text_skip(&t, "/") || !text_u64(&t, &threads))
		return false;
	value[M_RUNNABLE] = (double)runnable;
	value[M_THREADS] = (double)threads;
	return true;
}

static int read_load(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->loadavg);

	(void)now;
	if (err)
		return err;
	if (!parse(source_text(&s->loadavg), s->value)) {
		*why = "/proc/loadavg is not as proc(5) says";
		return -EPROTO;
	}
	for (size_t i = 0; i < METRICS; i++)
		sink_set(out, i, s->value[i]);
	return 0;
}

static void expose_load(void *state, struct buf *out)
{
	const struct state *s = state;

	prom_single(out, "node_load1", PROM_GAUGE, "1m load average.", s->value[M_1]);
	prom_single(out, "node_load15", PROM_GAUGE, "15m load average.", s->value[M_15]);
	prom_single(out, "node_load5", PROM_GAUGE, "5m load average.", s->value[M_5]);
}

const struct collector collector_load = {
	.name = "load",
	.help = "Load averages",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_load,
	.read = read_load,
	.expose = expose_load,
	.close = close_load,
};
