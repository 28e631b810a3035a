/* plan.c: which steps a range is folded to. */
#include "store/inner.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define LATEST INT64_C(253402300800000) /* year 10000: beyond it only sums overflow */

/* Each divides the day, and those below a minute divide the minute, so that no step straddles a point of a tier. */
static const int64_t ladder[] = {
	100, 200, 500,
	1 * SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
	1 * MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
	1 * HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR,
};
#define RUNGS (sizeof ladder / sizeof *ladder)

const char *store_kind_name(enum store_kind kind)
{
	static const char *const names[] = {[STORE_GAUGE] = "gauge", [STORE_RATE] = "rate", [STORE_COUNTER] = "counter"};

	return names[kind];
}

bool store_fold_parse(const char *name, enum store_fold *out)
{
	static const char *const names[] = {[STORE_LAST] = "last", [STORE_AVG] = "avg", [STORE_MIN] = "min",
		[STORE_MAX] = "max", [STORE_RANGE] = "range"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0) {
			*out = (enum store_fold)i;
			return true;
		}
	return false;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

static int64_t up(int64_t x, int64_t step)
{
	return (x + step - 1) / step;
}

/* Depends on the length of the range and not on where it lies: a window that
 * moves along with time keeps its step. Above a day, days double. */
static int64_t pick_step(int64_t length_ms, int64_t points, int64_t finest_ms)
{
	int64_t step = ladder[RUNGS - 1];

	for (size_t i = 0; i < RUNGS; i++)
		if (ladder[i] >= finest_ms && up(length_ms, ladder[i]) <= points)
			return ladder[i];
	while (step < finest_ms || up(length_ms, step) > points)
		step *= 2;
	return step;
}

void store_plan(const struct store_query *q, uint32_t finest_ms, int64_t *from_ms, int64_t *step_ms, size_t *n)
{
	int64_t from = clamp(q->from_ms, 0, LATEST), to = clamp(q->to_ms, from, LATEST);
	int64_t points = clamp(q->points, 1, STORE_MAX_POINTS);
	int64_t step = pick_step(to - from, points, finest_ms);
	int64_t first = from / step, end = up(to, step);

	/* A range that is not aligned touches one step more than it is long: the newest count. */
	if (from == to)
		first = end;
	else if (end - first > points)
		first = end - points;
	*from_ms = first * step;
	*step_ms = step;
	*n = (size_t)(end - first);
}
