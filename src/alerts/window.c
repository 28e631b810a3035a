/* window.c: the value of a rule that looks at a window: from the store's history to one number.
 *
 * Nothing is kept here between judgements: the store has the samples, and a restart or a reload changes nothing. */
#include "alerts/inner.h"
#include "base/xmalloc.h"

#include <math.h>
#include <string.h>

#define FULL 100.0             /* of a metric in percent */
#define STEPS 300              /* a window is folded to so many steps, unless its samples themselves count */
#define FORECAST_MIN_MS (10 * 60 * 1000)

int64_t window_ms_of(const struct rule *r)
{
	int64_t quarter = r->full_in_ms / 4;

	if (r->window_ms || r->compare != RULE_FULL_IN)
		return r->window_ms;
	return quarter > FORECAST_MIN_MS ? quarter : FORECAST_MIN_MS;
}

int64_t window_period(const struct rule *r)
{
	int64_t part = window_ms_of(r) / 60;

	return part > 1000 ? part : 1000;
}

/* Steps fold the way the whole does, so that no peak is averaged away before max sees it. */
static struct store_query query_of(const struct rule *r, int64_t now_ms)
{
	static const enum store_fold steps[] = {[RULE_LAST] = STORE_AVG, [RULE_AVG] = STORE_AVG, [RULE_MIN] = STORE_MIN,
		[RULE_MAX] = STORE_MAX, [RULE_RATE] = STORE_LAST, [RULE_DELTA] = STORE_LAST, [RULE_PERCENTILE] = STORE_LAST};

	return (struct store_query){now_ms - window_ms_of(r), now_ms, r->fold == RULE_PERCENTILE ? STORE_MAX_POINTS : STEPS,
		steps[r->fold]};
}

/* A counter that starts over (a reboot, a reset) goes on from where it was: only growth counts. */
static void undo_resets(double *v, size_t n)
{
	double before = NAN, lost = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		if (v[i] < before)
			lost += before;
		before = v[i];
		v[i] += lost;
	}
}

/* The first of few samples after a start is no average of five minutes: known values must reach back over half of the window. */
static bool reaches_back(const struct store_range *range, int64_t now_ms, int64_t window_ms)
{
	for (size_t i = 0; i < range->n; i++)
		if (!isnan(range->value[i]))
			return range->from_ms + (int64_t)i * range->step_ms <= now_ms - window_ms / 2;
	return false;
}

static double fold(struct alerts *a, const struct instance *i, const struct store_range *range, int64_t now_ms)
{
	const struct rule *r = i->watch->rule;

	if (!reaches_back(range, now_ms, window_ms_of(r)))
		return NAN;
	if (r->compare == RULE_FULL_IN && strcmp(i->subject->unit, "percent") != 0)
		return NAN; /* nobody said what is full */
	if (a->window_cap < range->n) {
		a->window_cap = range->n;
		a->window_t = xreallocarray(a->window_t, range->n, sizeof *a->window_t);
	}
	for (size_t k = 0; k < range->n; k++)
		a->window_t[k] = range->from_ms + (int64_t)k * range->step_ms;
	if (r->compare == RULE_FULL_IN)
		return rule_full_in(a->window_t, range->value, range->n, FULL, now_ms);
	if (i->subject->kind == STORE_COUNTER && (r->fold == RULE_RATE || r->fold == RULE_DELTA))
		undo_resets(range->value, range->n);
	return rule_fold_window(r, a->window_t, range->value, range->n);
}

double window_value(struct alerts *a, const struct instance *i, int64_t now_ms)
{
	struct store_query q = query_of(i->watch->rule, now_ms);
	const struct alerts_hooks *h = &a->hooks;
	struct store *store = h->history ? h->history(h->user, i->watch->rule, i->subject->ref, now_ms) : a->store;
	struct store_range range;
	int64_t from_ms, step_ms, end_ms;
	double value = NAN;
	size_t n;

	store_plan(&q, i->subject->interval_ms, &from_ms, &step_ms, &n);
	/* The plan is for charts. Here the last step is the one that holds now, and the first does not begin before the window. */
	end_ms = (now_ms / step_ms + 1) * step_ms;
	n = (size_t)((q.to_ms - q.from_ms + step_ms - 1) / step_ms);
	if (!store || !store_query_take(store, i->subject->ref, &q, end_ms - (int64_t)n * step_ms, step_ms, n, &range))
		return NAN;
	value = fold(a, i, &range, now_ms);
	store_range_release(&range);
	return value;
}
