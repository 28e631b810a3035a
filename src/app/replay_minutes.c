/* replay_minutes.c: what a rule can know of a minute. */
#include "app/replay_minutes.h"

#include <math.h>

#define LONG_MS 120000 /* a window of at least so much is made of whole minutes */

/* --- the last value --- */

static bool is_of_last(const struct rule *r)
{
	return r->fold == RULE_LAST && r->compare != RULE_FULL_IN && r->compare != RULE_ABSENT;
}

/* The middle of what is calm under every severity. */
static double middle(const struct rule *r)
{
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		if (r->limits[s].set)
			return r->limits[s].low + (r->limits[s].high - r->limits[s].low) / 2;
	return 0;
}

static double worst_outside(const struct rule *r, const struct minute *m)
{
	enum severity low = rule_judge(r, m->low, SEVERITY_NONE), high = rule_judge(r, m->high, SEVERITY_NONE);
	double centre = middle(r);

	if (low != high)
		return low > high ? m->low : m->high;
	return fabs(m->low - centre) > fabs(m->high - centre) ? m->low : m->high;
}

/* Between the lowest and the highest anything may have been; those two were. `for` asks for all of the time. */
static double equal(const struct rule *r, const struct minute *m, bool sure)
{
	for (enum severity s = SEVERITY_CRITICAL; s > SEVERITY_NONE; s--) {
		double v = r->limits[s].low;
		bool was = m->low == v || m->high == v, always = m->low == v && m->high == v;

		if (r->limits[s].set && (!sure ? m->low <= v && v <= m->high : r->for_ms ? always : was))
			return v;
	}
	return m->low == m->high ? m->low : INFINITY; /* which is no limit */
}

double minute_value(const struct rule *r, const struct minute *m, bool sure)
{
	bool all = sure && r->for_ms; /* every value must be beyond the limit; otherwise one is enough */

	switch (r->compare) {
	case RULE_BELOW:
		return all ? m->high : m->low;
	case RULE_OUTSIDE:
		return all ? fmin(fmax(middle(r), m->low), m->high) : worst_outside(r, m);
	case RULE_EQUALS:
		return equal(r, m, sure);
	case RULE_ABOVE:
	case RULE_FULL_IN:
	case RULE_ABSENT:
		break;
	}
	return all ? m->low : m->high;
}

/* --- windows --- */

/* Its value lies between the lowest and the highest. */
static enum minute_part bound(const struct rule *r, bool sure)
{
	if (r->compare == RULE_ABOVE)
		return sure ? MINUTE_LOW : MINUTE_HIGH;
	if (r->compare == RULE_BELOW)
		return sure ? MINUTE_HIGH : MINUTE_LOW;
	return MINUTE_NONE;
}

/* In a short window, which may lie anywhere within the minute, one value beyond the limit is still one. */
static bool one_is_enough(const struct rule *r)
{
	return !r->for_ms && ((r->fold == RULE_MAX && r->compare == RULE_ABOVE) || (r->fold == RULE_MIN && r->compare == RULE_BELOW));
}

enum minute_part minute_part(const struct rule *r, enum store_kind kind, bool sure)
{
	if (r->compare == RULE_FULL_IN)
		return MINUTE_MEAN; /* over ten minutes at least */
	if (r->fold == RULE_RATE || r->fold == RULE_DELTA) /* the highest value of a counter is the minute's last */
		return kind == STORE_COUNTER && r->window_ms >= LONG_MS ? MINUTE_HIGH : MINUTE_NONE;
	if (r->fold == RULE_PERCENTILE || (r->window_ms < LONG_MS && !one_is_enough(r)))
		return bound(r, sure);
	return r->fold == RULE_MAX ? MINUTE_HIGH : r->fold == RULE_MIN ? MINUTE_LOW : MINUTE_MEAN;
}

/* --- both --- */

enum minute_grasp minute_grasp(const struct rule *r, enum store_kind kind)
{
	if (r->compare == RULE_ABSENT)
		return MINUTE_SILENCE;
	if (is_of_last(r))
		return r->for_ms || r->compare == RULE_EQUALS ? MINUTE_DOUBT : MINUTE_JUDGED;
	if (minute_part(r, kind, true) == MINUTE_NONE)
		return MINUTE_UNKNOWN;
	return minute_part(r, kind, true) == minute_part(r, kind, false) ? MINUTE_JUDGED : MINUTE_DOUBT;
}
