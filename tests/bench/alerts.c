/* alerts.c: what it costs to judge ten thousand rules × series each second.
 *
 *   alerts [SECONDS]    60 simulated seconds of 2000 series under five rules each, each second a sample of every series;
 *                       prints the CPU time of judging (samples and ticks, not the store's own) as a share of one core
 *
 * Values wander about their limits, so that alerts start and end all the time. Windows are read from the store's history. */
#include "alerts/alerts.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SERIES = 2000, ROOM = 2400, RULES = 5, WARM_S = 400 };
#define T0 INT64_C(1700000000000)

static uint64_t changes;

static void on_change(void *user, enum alert_change what, const struct alert_view *v, bool notify)
{
	(void)user, (void)what, (void)v, (void)notify;
	changes++;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Of five rules so many look at five minutes, the others at the last value. */
static struct rule *rules_new(int windows)
{
	static const enum rule_fold folds[] = {RULE_AVG, RULE_MAX, RULE_PERCENTILE, RULE_DELTA, RULE_MIN};
	struct rule *rules = xcalloc(RULES, sizeof *rules);

	for (int i = 0; i < RULES; i++) {
		struct rule *r = &rules[i];

		r->name = xasprintf("RULE_%d", i);
		r->metric = xstrdup("bench.value/*");
		r->limits[SEVERITY_WARNING] = (struct rule_limit){true, 90, 0, 85};
		r->limits[SEVERITY_CRITICAL] = (struct rule_limit){true, 95, 0, 90};
		r->for_ms = i % 2 ? 30000 : 0;
		if (i >= windows)
			continue;
		r->fold = folds[i];
		r->percentile = 95;
		r->window_ms = 300000;
	}
	return rules;
}

struct world {
	struct store *store;
	struct alerts *alerts;
	struct store_sample batch[SERIES];
	struct store_fresh fresh[SERIES];
	int64_t now_ms;
};

static void world_init(struct world *w, int windows)
{
	const struct alerts_hooks hooks = { .changed = on_change };
	char id[40];

	w->store = store_new(&(struct store_config){ ROOM, 3600, 86400, 1000 }, -1);
	for (int i = 0; i < SERIES; i++) {
		snprintf(id, sizeof id, "bench.value/%d", i);
		w->batch[i].series = store_series(w->store, &(struct store_info){ id, "percent", "", "bench", STORE_GAUGE, 1000 });
		w->batch[i].value = 50;
	}
	w->alerts = alerts_new(w->store, "bench", rules_new(windows), RULES, &hooks);
	w->now_ms = T0;
}

static double wander(double v)
{
	v += (double)rand() / RAND_MAX * 10 - 5;
	return v < 0 ? 0 : v > 100 ? 100 : v;
}

/* One second; what judging cost in it. */
static int64_t second(struct world *w)
{
	int64_t before;
	size_t n;

	for (int i = 0; i < SERIES; i++)
		w->batch[i].value = wander(w->batch[i].value);
	store_publish(w->store, w->now_ms, w->batch, SERIES);
	n = store_drain(w->store, w->fresh, SERIES, NULL);
	before = cpu_ns();
	for (size_t i = 0; i < n; i++)
		alerts_sample(w->alerts, &w->fresh[i], w->now_ms);
	alerts_tick(w->alerts, w->now_ms, 3, 600);
	w->now_ms += 1000;
	return cpu_ns() - before;
}

static void measure(int windows, int seconds)
{
	struct world *w = xzalloc(sizeof *w);
	int64_t sum = 0, worst = 0;

	world_init(w, windows);
	for (int s = 0; s < WARM_S; s++)
		second(w);
	changes = 0;
	for (int s = 0; s < seconds; s++) {
		int64_t ns = second(w);

		sum += ns;
		worst = ns > worst ? ns : worst;
	}
	printf("%5d plain, %5d over 5 min: %6.3f %% of a core, worst second %.2f ms, %.0f changes/s\n", SERIES * (RULES - windows),
		SERIES * windows, (double)sum / 1e7 / seconds, (double)worst / 1e6, (double)changes / seconds);
	alerts_free(w->alerts);
	store_free(w->store);
	free(w);
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 60;

	if (seconds < 1 || seconds > 3600) {
		fputs("usage: alerts [SECONDS]\n", stderr);
		return 64;
	}
	srand(1);
	measure(0, seconds);
	measure(1, seconds);
	measure(RULES, seconds);
	return 0;
}
