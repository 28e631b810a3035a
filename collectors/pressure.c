/* pressure.c: how much of the time work stood still for want of a resource
 * (pressure stall information), from /proc/pressure (proc(5), Linux 4.20).
 *
 * The kernel's own averages lag; the share of the last interval is made from
 * its totals of microseconds. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include <errno.h>
#include <math.h>

enum { M_CPU_SOME, M_MEMORY_SOME, M_MEMORY_FULL, M_IO_SOME, M_IO_FULL, METRICS };

static const struct metric metrics[] = {
	[M_CPU_SOME]    = { "pressure.cpu.some",    "percent", STORE_GAUGE, "Time in which some task waited for a core" },
	[M_MEMORY_SOME] = { "pressure.memory.some", "percent", STORE_GAUGE, "Time in which some task waited for memory" },
	[M_MEMORY_FULL] = { "pressure.memory.full", "percent", STORE_GAUGE, "Time in which nothing ran for want of memory" },
	[M_IO_SOME]     = { "pressure.io.some",     "percent", STORE_GAUGE, "Time in which some task waited for a disk" },
	[M_IO_FULL]     = { "pressure.io.full",     "percent", STORE_GAUGE, "Time in which nothing ran for want of a disk" },
};

enum { CPU, MEMORY, IO, FILES };
static const char *const files[FILES] = { "pressure/cpu", "pressure/memory", "pressure/io" };

/* Each metric: which file, which of its lines, and how /metrics calls it. */
static const struct {
	int file;
	const char *line, *family, *help;
} rows[METRICS] = {
	[M_CPU_SOME]    = { CPU,    "some", "node_pressure_cpu_waiting_seconds_total",    "Total time in seconds that processes have waited for CPU time" },
	[M_IO_FULL]     = { IO,     "full", "node_pressure_io_stalled_seconds_total",     "Total time in seconds no process could make progress due to IO congestion" },
	[M_IO_SOME]     = { IO,     "some", "node_pressure_io_waiting_seconds_total",     "Total time in seconds that processes have waited due to IO congestion" },
	[M_MEMORY_FULL] = { MEMORY, "full", "node_pressure_memory_stalled_seconds_total", "Total time in seconds no process could make progress due to memory congestion" },
	[M_MEMORY_SOME] = { MEMORY, "some", "node_pressure_memory_waiting_seconds_total", "Total time in seconds that processes have waited for memory" },
};

struct state {
	struct source files[FILES];
	struct span span;
	uint64_t now_us[METRICS], base_us[METRICS];
	bool has[METRICS], base_has[METRICS];
	double pct[METRICS];
	bool known;
};

static void close_pressure(void *state)
{
	struct state *s = state;

	for (int i = 0; i < FILES; i++)
		source_close(&s->files[i]);
}

/* A kernel booted with psi=0 has the files and refuses to read them. */
static int absent(int err, const char **why)
{
	if (err != -ENOENT && err != -EOPNOTSUPP)
		return err;
	*why = err == -ENOENT ? "this kernel has no pressure stall information" :
	                        "pressure stall information is switched off (psi=1 on the kernel's command line)";
	return -ENOENT;
}

static int open_pressure(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = 0;

	for (int i = 0; i < FILES && !err; i++)
		err = source_open(&s->files[i], roots->proc, files[i], 4096);
	if (err)
		close_pressure(s);
	return absent(err, why);
}

/* "some avg10=1.26 avg60=1.57 avg300=1.22 total=9016285" */
static void parse(struct state *s, int file, struct text text)
{
	struct text line, kind, word;

	while (text_line(&text, &line)) {
		if (!text_word(&line, &kind))
			continue;
		while (text_word(&line, &word)) {
			if (!text_skip(&word, "total="))
				continue;
			for (int i = 0; i < METRICS; i++)
				if (rows[i].file == file && text_is(&kind, rows[i].line))
					s->has[i] = text_u64(&word, &s->now_us[i]);
		}
	}
}

static void compare(struct state *s)
{
	double span_us = s->span.s * 1e6;

	s->known = true;
	for (int i = 0; i < METRICS; i++) {
		/* The two clocks are not read in the same instant: a little over 100 % is 100 %. */
		double us = s->has[i] && s->base_has[i] ?
			counter_delta(s->base_us[i], s->now_us[i], span_us * 2 + 1e6) : NAN;

		s->pct[i] = isnan(us) ? NAN : fmin(100 * us / span_us, 100);
	}
}

static int read_pressure(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	bool next;
	int err;

	memset(s->has, 0, sizeof s->has);
	for (int i = 0; i < FILES; i++) {
		err = source_read(&s->files[i]);
		if (err)
			return absent(err, why);
		parse(s, i, source_text(&s->files[i]));
	}
	next = span_next(&s->span, now);
	if (next)
		compare(s);
	memcpy(s->base_us, s->now_us, sizeof s->base_us);
	memcpy(s->base_has, s->has, sizeof s->base_has);
	for (size_t i = 0; s->known && i < METRICS; i++)
		sink_set(out, i, s->pct[i]);
	return 0;
}

static void expose_pressure(void *state, struct buf *out)
{
	const struct state *s = state;

	for (int i = 0; i < METRICS; i++)
		if (s->has[i])
			prom_single(out, rows[i].family, PROM_COUNTER, rows[i].help, (double)s->now_us[i] / 1e6);
}

const struct collector collector_pressure = {
	.name = "pressure",
	.help = "Waiting for processors, memory and disks",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_pressure,
	.read = read_pressure,
	.expose = expose_pressure,
	.close = close_pressure,
};
