/* clock.c: whether a time service keeps the clock right, and how far it may be off: adjtimex(2), asked without setting anything.
 *
 * The offset is what the kernel itself still has to catch up: chrony steers in another way and leaves it at 0. What every service
 * sets is the greatest error that the clock can have; the kernel lets it grow by half a millisecond a second while no service
 * speaks, and at 16 s calls the clock unsynchronised (kernel/time/ntp.c). */
#include "collectors/collectors.h"
#include "collectors/prom.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>

enum { M_SYNCHRONIZED, M_OFFSET, M_MAX_ERROR, M_ESTIMATED_ERROR, M_FREQUENCY, METRICS };

static const struct metric metrics[] = {
	[M_SYNCHRONIZED]    = { "clock.synchronized",    "",    STORE_GAUGE, "1 while a time service keeps the clock, 0 when none has for hours" },
	[M_OFFSET]          = { "clock.offset",          "ms",  STORE_GAUGE, "What the kernel still has to catch up with the reference" },
	[M_MAX_ERROR]       = { "clock.max_error",       "ms",  STORE_GAUGE, "How far the clock can be off; grows while no time service speaks" },
	[M_ESTIMATED_ERROR] = { "clock.estimated_error", "ms",  STORE_GAUGE, "How far the time service thinks that the clock is off" },
	[M_FREQUENCY]       = { "clock.frequency",       "ppm", STORE_GAUGE, "By how much the clock is made to run faster, in millionths" },
};

#define PPM 65536.0            /* frequencies are in millionths with 16 bits behind the point */

struct state {
	struct timex timex;    /* of the last read */
	int clock;             /* TIME_OK … TIME_ERROR */
};

/* What one unit of offset and jitter is, in seconds. */
static double fine(const struct timex *t)
{
	return t->status & STA_NANO ? 1e-9 : 1e-6;
}

static int ask(struct state *s, const char **why)
{
	memset(&s->timex, 0, sizeof s->timex); /* modes 0: nothing is set */
	s->clock = adjtimex(&s->timex);
	if (s->clock >= 0)
		return 0;
	*why = "the kernel does not tell of its clock: adjtimex(2)";
	/* A sandbox that filters the call is as a host without it. */
	return errno == ENOSYS || errno == EPERM || errno == EACCES ? -ENODEV : -errno;
}

static int open_clock(void *state, const struct collect_roots *roots, const char **why)
{
	(void)roots;
	return ask(state, why);
}

static int read_clock(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	const struct timex *t = &s->timex;
	int err = ask(s, why);

	(void)now;
	if (err)
		return err;
	sink_set(out, M_SYNCHRONIZED, s->clock != TIME_ERROR);
	sink_set(out, M_OFFSET, (double)t->offset * fine(t) * 1e3);
	sink_set(out, M_MAX_ERROR, (double)t->maxerror / 1e3);
	sink_set(out, M_ESTIMATED_ERROR, (double)t->esterror / 1e3);
	sink_set(out, M_FREQUENCY, (double)t->freq / PPM);
	return 0;
}

static void expose_clock(void *state, struct buf *out)
{
	const struct state *s = state;
	const struct timex *t = &s->timex;
	const struct {
		const char *family, *type, *help;
		double value;
	} families[] = {
		{ "estimated_error_seconds",      PROM_GAUGE,   "Estimated error in seconds.", (double)t->esterror / 1e6 },
		{ "frequency_adjustment_ratio",   PROM_GAUGE,   "Local clock frequency adjustment.", 1 + (double)t->freq / PPM / 1e6 },
		{ "loop_time_constant",           PROM_GAUGE,   "Phase-locked loop time constant.", (double)t->constant },
		{ "maxerror_seconds",             PROM_GAUGE,   "Maximum error in seconds.", (double)t->maxerror / 1e6 },
		{ "offset_seconds",               PROM_GAUGE,   "Time offset in between local system and reference clock.", (double)t->offset * fine(t) },
		{ "pps_calibration_total",        PROM_COUNTER, "Pulse per second count of calibration intervals.", (double)t->calcnt },
		{ "pps_error_total",              PROM_COUNTER, "Pulse per second count of calibration errors.", (double)t->errcnt },
		{ "pps_frequency_hertz",          PROM_GAUGE,   "Pulse per second frequency.", (double)t->ppsfreq / PPM / 1e6 },
		{ "pps_jitter_seconds",           PROM_GAUGE,   "Pulse per second jitter.", (double)t->jitter * fine(t) },
		{ "pps_jitter_total",             PROM_COUNTER, "Pulse per second count of jitter limit exceeded events.", (double)t->jitcnt },
		{ "pps_shift_seconds",            PROM_GAUGE,   "Pulse per second interval duration.", (double)t->shift },
		{ "pps_stability_exceeded_total", PROM_COUNTER, "Pulse per second count of stability limit exceeded events.", (double)t->stbcnt },
		{ "pps_stability_hertz",          PROM_GAUGE,   "Pulse per second stability, average of recent frequency changes.", (double)t->stabil / PPM / 1e6 },
		{ "status",                       PROM_GAUGE,   "Value of the status array bits.", (double)t->status },
		{ "sync_status",                  PROM_GAUGE,   "Is clock synchronized to a reliable server (1 = yes, 0 = no).", s->clock != TIME_ERROR },
		{ "tai_offset_seconds",           PROM_GAUGE,   "International Atomic Time (TAI) offset.", t->tai },
		{ "tick_seconds",                 PROM_GAUGE,   "Seconds between clock ticks.", (double)t->tick / 1e6 },
	};
	char name[64] = "node_timex_";
	char *tail = name + strlen(name);

	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		strcpy(tail, families[i].family);
		prom_single(out, name, families[i].type, families[i].help, families[i].value);
	}
}

const struct collector collector_clock = {
	.name = "clock",
	.help = "The clock and its time service",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_clock,
	.read = read_clock,
	.expose = expose_clock,
};
