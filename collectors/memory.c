/* memory.c: memory and swap, and what moves between them and the disks, from
 * /proc/meminfo and /proc/vmstat (proc(5)).
 *
 * "Used" is what programs could not have: total less available. Kernels before
 * 3.14 do not tell what is available; then it is estimated as free(1) did. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum {
	M_USAGE, M_TOTAL, M_USED, M_AVAILABLE, M_RECLAIMABLE, M_FREE, M_BUFFERS, M_CACHED, M_SHARED, M_SLAB, M_DIRTY,
	M_SWAP_USAGE, M_SWAP_TOTAL, M_SWAP_USED, M_SWAP_FREE,
	M_SWAP_IN, M_SWAP_OUT, M_PAGE_IN, M_PAGE_OUT, M_MAJOR_FAULTS, METRICS
};

static const struct metric metrics[] = {
	[M_USAGE]        = { "memory.usage",          "percent", STORE_GAUGE, "Memory that is in use and could not be had" },
	[M_TOTAL]        = { "memory.total",          "bytes",   STORE_GAUGE, "Memory that the kernel manages" },
	[M_USED]         = { "memory.used",           "bytes",   STORE_GAUGE, "Total less available" },
	[M_AVAILABLE]    = { "memory.available",      "bytes",   STORE_GAUGE, "What programs could have without swapping" },
	[M_RECLAIMABLE]  = { "memory.reclaimable",    "bytes",   STORE_GAUGE, "Available less free: caches that programs could have" },
	[M_FREE]         = { "memory.free",           "bytes",   STORE_GAUGE, "Memory that holds nothing" },
	[M_BUFFERS]      = { "memory.buffers",        "bytes",   STORE_GAUGE, "Raw disk blocks in memory" },
	[M_CACHED]       = { "memory.cached",         "bytes",   STORE_GAUGE, "Files in memory, shared memory included" },
	[M_SHARED]       = { "memory.shared",         "bytes",   STORE_GAUGE, "Shared memory and tmpfs" },
	[M_SLAB]         = { "memory.slab",           "bytes",   STORE_GAUGE, "The kernel's own caches" },
	[M_DIRTY]        = { "memory.dirty",          "bytes",   STORE_GAUGE, "Waiting to be written to disk" },
	[M_SWAP_USAGE]   = { "swap.usage",            "percent", STORE_GAUGE, "Swap space in use; unknown where there is none" },
	[M_SWAP_TOTAL]   = { "swap.total",            "bytes",   STORE_GAUGE, "Swap space" },
	[M_SWAP_USED]    = { "swap.used",             "bytes",   STORE_GAUGE, "Swap space in use" },
	[M_SWAP_FREE]    = { "swap.free",             "bytes",   STORE_GAUGE, "Swap space that is free" },
	[M_SWAP_IN]      = { "swap.in_bytes",         "bytes/s", STORE_RATE,  "Brought back from swap" },
	[M_SWAP_OUT]     = { "swap.out_bytes",        "bytes/s", STORE_RATE,  "Moved out to swap" },
	[M_PAGE_IN]      = { "memory.page_in_bytes",  "bytes/s", STORE_RATE,  "Read from disks into memory" },
	[M_PAGE_OUT]     = { "memory.page_out_bytes", "bytes/s", STORE_RATE,  "Written from memory to disks" },
	[M_MAJOR_FAULTS] = { "memory.major_faults",   "1/s",     STORE_RATE,  "Page faults that had to wait for a disk" },
};

/* The lines of /proc/meminfo that series are made of, in kB. */
enum {
	MEM_TOTAL, MEM_FREE, MEM_AVAILABLE, BUFFERS, CACHED, SHMEM, SLAB, RECLAIMABLE, DIRTY, SWAP_TOTAL, SWAP_FREE,
	FIELDS
};
static const char *const fields[FIELDS] = {
	[MEM_TOTAL] = "MemTotal",      [MEM_FREE] = "MemFree",   [MEM_AVAILABLE] = "MemAvailable",
	[BUFFERS] = "Buffers",         [CACHED] = "Cached",      [SHMEM] = "Shmem",
	[SLAB] = "Slab",               [RECLAIMABLE] = "SReclaimable", [DIRTY] = "Dirty",
	[SWAP_TOTAL] = "SwapTotal",    [SWAP_FREE] = "SwapFree",
};

/* The counters of /proc/vmstat that series are made of. */
static const struct {
	const char *name;
	size_t metric;
	bool in_pages;         /* else in units of `bytes` */
	double bytes;
} counters[] = {
	{ "pgpgin",     M_PAGE_IN,      false, 1024 },
	{ "pgpgout",    M_PAGE_OUT,     false, 1024 },
	{ "pswpin",     M_SWAP_IN,      true,  0 },
	{ "pswpout",    M_SWAP_OUT,     true,  0 },
	{ "pgmajfault", M_MAJOR_FAULTS, false, 1 },
};
#define COUNTERS (sizeof counters / sizeof *counters)

struct state {
	struct source meminfo, vmstat;
	struct span span;
	uint64_t base[COUNTERS], now[COUNTERS];
	bool base_has[COUNTERS], has[COUNTERS];
	double rate[COUNTERS];
	bool known;
	double page_bytes;
};

#define FILE_MAX (256u << 10)
#define RATE_MOST 1e12

static int open_memory(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->meminfo, roots->proc, "meminfo", FILE_MAX);

	if (err)
		*why = "cannot read /proc/meminfo";
	else
		source_open(&s->vmstat, roots->proc, "vmstat", FILE_MAX); /* a kernel may do without */
	s->page_bytes = (double)sysconf(_SC_PAGESIZE);
	return err;
}

static void close_memory(void *state)
{
	struct state *s = state;

	source_close(&s->meminfo);
	source_close(&s->vmstat);
}

/* "MemTotal:       24684092 kB" */
static void parse_meminfo(struct text text, double bytes[FIELDS])
{
	struct text line, name;
	uint64_t kb;
	size_t i;

	for (i = 0; i < FIELDS; i++)
		bytes[i] = NAN;
	while (text_line(&text, &line)) {
		if (!text_until(&line, ':', &name) || !text_u64(&line, &kb))
			continue;
		for (i = 0; i < FIELDS && !text_is(&name, fields[i]); i++)
			;
		if (i < FIELDS)
			bytes[i] = (double)kb * 1024;
	}
	if (isnan(bytes[MEM_AVAILABLE]))
		bytes[MEM_AVAILABLE] =
			bytes[MEM_FREE] + bytes[BUFFERS] + bytes[CACHED] + bytes[RECLAIMABLE] - bytes[SHMEM];
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : NAN;
}

static void tell_sizes(const double b[FIELDS], struct sink *out)
{
	double used = b[MEM_TOTAL] - b[MEM_AVAILABLE], swapped = b[SWAP_TOTAL] - b[SWAP_FREE];
	const struct {
		size_t metric;
		double value;
	} rows[] = {
		{ M_USAGE, percent(used, b[MEM_TOTAL]) },
		{ M_TOTAL, b[MEM_TOTAL] },
		{ M_USED, used },
		{ M_AVAILABLE, b[MEM_AVAILABLE] },
		{ M_RECLAIMABLE, fmax(b[MEM_AVAILABLE] - b[MEM_FREE], 0) }, /* the kernel keeps some of what is free for itself */
		{ M_FREE, b[MEM_FREE] },
		{ M_BUFFERS, b[BUFFERS] },
		{ M_CACHED, b[CACHED] },
		{ M_SHARED, b[SHMEM] },
		{ M_SLAB, b[SLAB] },
		{ M_DIRTY, b[DIRTY] },
		{ M_SWAP_USAGE, percent(swapped, b[SWAP_TOTAL]) },
		{ M_SWAP_TOTAL, b[SWAP_TOTAL] },
		{ M_SWAP_USED, swapped },
		{ M_SWAP_FREE, b[SWAP_FREE] },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		sink_set(out, rows[i].metric, rows[i].value);
}

/* "pgpgin 2105833" */
static void parse_vmstat(struct state *s, struct text text)
{
	struct text line, name;
	uint64_t n;

	memset(s->has, 0, sizeof s->has);
	while (text_line(&text, &line)) {
		if (!text_word(&line, &name) || !text_u64(&line, &n))
			continue;
		for (size_t i = 0; i < COUNTERS; i++)
			if (text_is(&name, counters[i].name)) {
				s->now[i] = n;
				s->has[i] = true;
			}
	}
}

static void compare(struct state *s)
{
	s->known = true;
	for (size_t i = 0; i < COUNTERS; i++) {
		double unit = counters[i].in_pages ? s->page_bytes : counters[i].bytes;

		s->rate[i] = s->has[i] && s->base_has[i] ?
			counter_delta(s->base[i], s->now[i], RATE_MOST * s->span.s) * unit / s->span.s : NAN;
	}
}

static void tell_rates(struct state *s, const struct collect_time *now, struct sink *out)
{
	bool next = span_next(&s->span, now);

	if (next)
		compare(s);
	memcpy(s->base, s->now, sizeof s->base);
	memcpy(s->base_has, s->has, sizeof s->base_has);
	for (size_t i = 0; s->known && i < COUNTERS; i++)
		sink_set(out, counters[i].metric, s->rate[i]);
}

static int read_memory(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	double bytes[FIELDS];
	int err = source_read(&s->meminfo);

	if (err)
		return err;
	parse_meminfo(source_text(&s->meminfo), bytes);
	if (isnan(bytes[MEM_TOTAL])) {
		*why = "/proc/meminfo does not tell MemTotal";
		return -EPROTO;
	}
	tell_sizes(bytes, out);
	if (s->vmstat.path && !source_read(&s->vmstat)) {
		parse_vmstat(s, source_text(&s->vmstat));
		tell_rates(s, now, out);
	}
	return 0;
}

/* node_exporter's rule: "Active(anon): 1556 kB" is node_memory_Active_anon_bytes. */
static void expose_meminfo(struct text text, struct buf *out)
{
	struct text line, name, unit;
	uint64_t n;

	while (text_line(&text, &line)) {
		char field[80], family[112], help[128];
		size_t len = 0;
		bool kb;

		if (!text_until(&line, ':', &name) || text_len(&name) > sizeof field - 8 || !text_u64(&line, &n))
			continue;
		kb = text_word(&line, &unit);
		for (const char *c = name.at; c < name.end; c++)
			if (*c != ')')
				field[len++] = *c == '(' ? '_' : *c;
		snprintf(field + len, sizeof field - len, "%s", kb ? "_bytes" : "");
		snprintf(family, sizeof family, "node_memory_%s", field);
		snprintf(help, sizeof help, "Memory information field %s.", field);
		prom_single(out, family, PROM_GAUGE, help, (double)n * (kb ? 1024 : 1));
	}
}

/* node_exporter's default fields: ^(oom_kill|pgpg|pswp|pg.*fault).* */
static bool exposed(const struct text *name)
{
	struct text t = *name;

	if (text_skip(&t, "oom_kill") || text_skip(&t, "pgpg") || text_skip(&t, "pswp"))
		return true;
	return text_skip(&t, "pg") && memmem(t.at, text_len(&t), "fault", 5);
}

static void expose_vmstat(struct text text, struct buf *out)
{
	struct text line, name;
	uint64_t n;

	while (text_line(&text, &line)) {
		char field[64], family[80], help[112];

		if (!text_word(&line, &name) || !exposed(&name) || !text_u64(&line, &n))
			continue;
		text_clean(&name, field, sizeof field);
		snprintf(family, sizeof family, "node_vmstat_%s", field);
		snprintf(help, sizeof help, "/proc/vmstat information field %s.", field);
		prom_single(out, family, PROM_UNTYPED, help, (double)n);
	}
}

static void expose_memory(void *state, struct buf *out)
{
	struct state *s = state;

	expose_meminfo(source_text(&s->meminfo), out);
	expose_vmstat(source_text(&s->vmstat), out);
}

const struct collector collector_memory = {
	.name = "memory",
	.help = "Memory and swap",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_memory,
	.read = read_memory,
	.expose = expose_memory,
	.close = close_memory,
};
