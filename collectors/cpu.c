/* cpu.c: how the cores spend their time, all together and each, from
 * /proc/stat (proc(5)).
 *
 * Percentages are of the time of all cores (total) or of one (instances), and
 * user + nice + system + irq + softirq + steal + guest = usage: the kernel
 * counts a guest's time in user and nice as well, here it is counted once. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, FIELDS };
enum { M_USAGE, M_USER, M_SYSTEM, M_NICE, M_IOWAIT, M_IRQ, M_SOFTIRQ, M_STEAL, M_GUEST, METRICS };

static const struct metric metrics[] = {
	[M_USAGE]   = { "cpu.usage",   "percent", STORE_GAUGE, "Time the cores were busy" },
	[M_USER]    = { "cpu.user",    "percent", STORE_GAUGE, "Time in programs, guests not counted" },
	[M_SYSTEM]  = { "cpu.system",  "percent", STORE_GAUGE, "Time in the kernel" },
	[M_NICE]    = { "cpu.nice",    "percent", STORE_GAUGE, "Time in programs of low priority" },
	[M_IOWAIT]  = { "cpu.iowait",  "percent", STORE_GAUGE, "Time idle while a disk was waited for" },
	[M_IRQ]     = { "cpu.irq",     "percent", STORE_GAUGE, "Time serving hardware interrupts" },
	[M_SOFTIRQ] = { "cpu.softirq", "percent", STORE_GAUGE, "Time serving software interrupts" },
	[M_STEAL]   = { "cpu.steal",   "percent", STORE_GAUGE, "Time the hypervisor gave to others" },
	[M_GUEST]   = { "cpu.guest",   "percent", STORE_GAUGE, "Time running virtual machines" },
};

/* A core, or all of them. The head makes it an item of the roster. */
struct core {
	struct roster_item item;
	uint64_t base[FIELDS], now[FIELDS];
	double pct[METRICS];
	bool known;            /* pct holds what the last span gave */
};

struct state {
	struct source stat;
	struct span span;
	struct core all;
	struct roster cores;
	double hz;             /* ticks a second in which the kernel counts */
};

#define STAT_MAX (4u << 20)
#define CORES_MAX 8192

static int open_cpu(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->stat, roots->proc, "stat", STAT_MAX);

	if (err)
		*why = "cannot read /proc/stat";
	s->hz = (double)sysconf(_SC_CLK_TCK);
	s->cores.item_bytes = sizeof(struct core);
	s->cores.most = CORES_MAX;
	return err;
}

static void close_cpu(void *state)
{
	struct state *s = state;

	source_close(&s->stat);
	roster_release(&s->cores);
}

/* Each field's growth. idle, iowait and steal are known to step back by a tick
 * or two, which is no time at all; a core that came back starts all over. */
static bool grown(const struct core *c, double d[FIELDS])
{
	double before = 0, after = 0;

	for (int i = 0; i < FIELDS; i++) {
		before += (double)c->base[i];
		after += (double)c->now[i];
		d[i] = c->now[i] > c->base[i] ? (double)(c->now[i] - c->base[i]) : 0;
	}
	return after > before;
}

/* In this order the rounding never makes more than 100 of the whole. */
static double percent(double part, double total)
{
	return total > 0 ? part * 100 / total : NAN;
}

static void compare(struct core *c)
{
	double d[FIELDS], total;

	c->known = true;
	for (int i = 0; i < METRICS; i++)
		c->pct[i] = NAN;
	if (!grown(c, d))
		return;
	total = d[USER] + d[NICE] + d[SYSTEM] + d[IDLE] + d[IOWAIT] + d[IRQ] + d[SOFTIRQ] + d[STEAL];
	c->pct[M_USAGE] = percent(total - d[IDLE] - d[IOWAIT], total);
	c->pct[M_USER] = percent(fmax(d[USER] - d[GUEST], 0), total);
	c->pct[M_SYSTEM] = percent(d[SYSTEM], total);
	c->pct[M_NICE] = percent(fmax(d[NICE] - d[GUEST_NICE], 0), total);
	c->pct[M_IOWAIT] = percent(d[IOWAIT], total);
	c->pct[M_IRQ] = percent(d[IRQ], total);
	c->pct[M_SOFTIRQ] = percent(d[SOFTIRQ], total);
	c->pct[M_STEAL] = percent(d[STEAL], total);
	c->pct[M_GUEST] = percent(d[GUEST] + d[GUEST_NICE], total);
}

static void advance(struct core *c, bool next)
{
	if (next && !c->item.fresh)
		compare(c);
	memcpy(c->base, c->now, sizeof c->base);
}

static void tell_all(const struct core *c, struct sink *out)
{
	for (size_t i = 0; c->known && i < METRICS; i++)
		sink_set(out, i, c->pct[i]);
}

static void tell_core(const struct core *c, struct sink *out)
{
	for (size_t i = 0; c->known && i < METRICS; i++)
		sink_set_at(out, i, c->item.name, c->pct[i]);
}

/* "cpu  5135 0 2875 …" for all, "cpu0 1939 …" for one; kernels before 2.6.33
 * know fewer fields, which then stay 0. */
static bool read_line_of(struct state *s, struct text *line, bool next, struct sink *out)
{
	struct text name;
	struct core *c = &s->all;

	if (!text_skip(line, "cpu") || line->at == line->end)
		return false;
	if (*line->at != ' ') {
		text_word(line, &name);
		c = roster_meet(&s->cores, &name);
	}
	if (!c)
		return true;
	memset(c->now, 0, sizeof c->now);
	if (text_u64s(line, c->now, FIELDS) <= IDLE)
		return false;
	advance(c, next);
	if (c == &s->all)
		tell_all(c, out);
	else
		tell_core(c, out);
	return true;
}

static int read_cpu(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->stat);
	struct text text = source_text(&s->stat), line;
	bool next;
	bool any = false;

	if (err)
		return err;
	next = span_next(&s->span, now);
	roster_begin(&s->cores);
	while (text_line(&text, &line) && read_line_of(s, &line, next, out))
		any = true;
	roster_end(&s->cores);
	if (!any)
		*why = "/proc/stat has no cpu line";
	return any ? 0 : -EPROTO;
}

static const struct {
	const char *mode;
	int field;
} modes[] = {
	{ "idle", IDLE },       { "iowait", IOWAIT }, { "irq", IRQ },       { "nice", NICE },
	{ "softirq", SOFTIRQ }, { "steal", STEAL },   { "system", SYSTEM }, { "user", USER },
}, guest_modes[] = {
	{ "nice", GUEST_NICE },
	{ "user", GUEST },
};

static void expose_cpu(void *state, struct buf *out)
{
	static const char seconds[] = "node_cpu_seconds_total", guest[] = "node_cpu_guest_seconds_total";
	struct state *s = state;

	if (!s->cores.n)
		return;
	prom_family(out, guest, PROM_COUNTER, "Seconds the CPUs spent in guests (VMs) for each mode.");
	for (size_t i = 0; i < s->cores.n; i++) {
		const struct core *c = (const struct core *)s->cores.items[i];

		for (size_t m = 0; m < sizeof guest_modes / sizeof *guest_modes; m++)
			prom_sample(out, guest, (double)c->now[guest_modes[m].field] / s->hz, "cpu", c->item.name,
			            "mode", guest_modes[m].mode, NULL);
	}
	prom_family(out, seconds, PROM_COUNTER, "Seconds the CPUs spent in each mode.");
	for (size_t i = 0; i < s->cores.n; i++) {
		const struct core *c = (const struct core *)s->cores.items[i];

		for (size_t m = 0; m < sizeof modes / sizeof *modes; m++)
			prom_sample(out, seconds, (double)c->now[modes[m].field] / s->hz, "cpu", c->item.name, "mode",
			            modes[m].mode, NULL);
	}
}

const struct collector collector_cpu = {
	.name = "cpu",
	.help = "Processor time, of all cores and of each",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_cpu,
	.read = read_cpu,
	.expose = expose_cpu,
	.close = close_cpu,
};
