/* rule_check.c: what is impossible in a rule, and what was probably meant. One function a kind of mistake; the table is the order. */
#include "alerts/inner.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 100
#define DAY_MS (24 * INT64_C(3600000))
#define MIN_WINDOW_MS 2000

/* Where the sentence goes. */
struct why {
	char *text;
	size_t size;
};

static bool no(const struct why *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool no(const struct why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	return false;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			return true;
	return false;
}

static bool name_ok(const struct rule *r, const struct why *why)
{
	if (!r->name || !*r->name)
		return no(why, "a rule needs a name");
	/* A silence's matcher could not name it. */
	if (strlen(r->name) > NAME_MAX_BYTES || has_control(r->name) || strpbrk(r->name, ",*="))
		return no(why, "the name is at most %d bytes, without commas, stars and equals signs", NAME_MAX_BYTES);
	if (r->type && !*r->type)
		return no(why, "type is empty: leave it out, and it is the rule's name");
	return true;
}

static bool metric_ok(const struct rule *r, const struct why *why)
{
	if (!r->metric || !*r->metric)
		return no(why, "a rule needs a metric: the id of a series, or a pattern such as disk.busy/*");
	if (strlen(r->metric) > STORE_MAX_ID)
		return no(why, "metric is longer than %d bytes", STORE_MAX_ID);
	if (has_control(r->metric))
		return no(why, "metric holds a control character");
	return true;
}

static bool durations_ok(const struct rule *r, const struct why *why)
{
	const struct {
		const char *name;
		int64_t ms;
	} all[] = {{"for", r->for_ms}, {"keep", r->keep_ms}, {"window", r->window_ms}, {"full_in", r->full_in_ms},
		{"absent", r->absent_ms}};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].ms < 0)
			return no(why, "%s is negative", all[i].name);
	return true;
}

static bool window_ok(const struct rule *r, const struct why *why)
{
	bool own = r->compare == RULE_ABSENT || r->compare == RULE_FULL_IN;

	if (own && r->fold != RULE_LAST)
		return no(why, "%s has no use for an aggregate", rule_compare_name(r->compare));
	if (r->compare == RULE_ABSENT && r->window_ms)
		return no(why, "absent looks at the silence alone: leave window out");
	if (!own && r->fold != RULE_LAST && !r->window_ms)
		return no(why, "an aggregate needs a window, as in window = 5min");
	if (!own && r->fold == RULE_LAST && r->window_ms)
		return no(why, "a window needs an aggregate: avg, min, max, rate, delta or a percentile such as p95");
	if (r->window_ms && r->window_ms < MIN_WINDOW_MS)
		return no(why, "window is shorter than two seconds: for the last value alone, leave it out");
	if (r->window_ms > DAY_MS)
		return no(why, "window is longer than a day, and memory reaches no further back");
	if (r->fold == RULE_PERCENTILE && !(r->percentile >= 0 && r->percentile <= 100))
		return no(why, "a percentile is 0 to 100, as in p95");
	return true;
}

/* --- limits --- */

static double low_of(const struct rule *r, enum severity s)
{
	return rule_threshold(r, s, false);
}

static bool forecast_ok(const struct rule *r, double low, double clear, const struct why *why)
{
	if (!(low > 0))
		return no(why, "full_in needs a duration, as in full_in = 4h");
	if (low < 60000)
		return no(why, "full_in is shorter than a minute");
	if ((double)r->for_ms >= low)
		return no(why, "for is as long as full_in: it would be full before anyone is told");
	if (clear != 0 && clear < low)
		return no(why, "clear is shorter than full_in: the alert ends when there is more time, not less");
	return true;
}

static bool silence_ok(double low, const struct why *why)
{
	if (!(low > 0))
		return no(why, "absent needs a duration, as in absent = 30s");
	return low >= 1000 || no(why, "absent is shorter than a second");
}

static bool one_limit_ok(const struct rule *r, enum severity s, const struct why *why)
{
	const struct rule_limit *l = &r->limits[s];
	const char *name = severity_name(s);
	double low = low_of(r, s);

	if (!isfinite(l->low) || !isfinite(l->clear) || (r->compare == RULE_OUTSIDE && !isfinite(l->high)))
		return no(why, "the limit of %s is not a number", name);
	switch (r->compare) {
	case RULE_ABOVE:
		if (l->clear > low)
			return no(why, "clear %g is on the wrong side of above %g: the alert ends when the value falls to clear, "
				"so it is at most %g", l->clear, low, low);
		return true;
	case RULE_BELOW:
		if (l->clear < low)
			return no(why, "clear %g is on the wrong side of below %g: the alert ends when the value rises to clear, "
				"so it is at least %g", l->clear, low, low);
		return true;
	case RULE_OUTSIDE:
		if (!(low < l->high))
			return no(why, "outside %g to %g: the first number is the lower one", low, l->high);
		if (l->clear < low || l->clear - low >= (l->high - low) / 2)
			return no(why, "clear %g leaves no room in %g to %g: it is at least %g and less than %g, the middle", l->clear, low,
				l->high, low, low + (l->high - low) / 2);
		return true;
	case RULE_EQUALS:
		if (l->clear != low)
			return no(why, "equals knows no clear: the alert ends with any other value");
		return true;
	case RULE_FULL_IN:
		return forecast_ok(r, low, l->clear, why);
	case RULE_ABSENT:
		return silence_ok(low, why);
	}
	return true;
}

/* Is the upper severity's limit further out than the lower's? At the same limit the lower one would never be seen. */
static bool further(const struct rule *r, enum severity lower, enum severity upper)
{
	double a = low_of(r, lower), b = low_of(r, upper);
	double ah = r->limits[lower].high, bh = r->limits[upper].high;

	switch (r->compare) {
	case RULE_ABOVE:
	case RULE_ABSENT:
		return b > a;
	case RULE_BELOW:
	case RULE_FULL_IN:
		return b < a;
	case RULE_OUTSIDE:
		return b <= a && bh >= ah && (b < a || bh > ah);
	case RULE_EQUALS:
		return a != b;
	}
	return true;
}

/* "critical at 80", "critical at 4 h" */
static void say_limit(const struct rule *r, enum severity s, char *text, size_t size)
{
	struct buf b;

	buf_init(&b, size);
	if (r->compare == RULE_FULL_IN || r->compare == RULE_ABSENT)
		rule_say_duration(&b, low_of(r, s));
	else if (r->compare == RULE_OUTSIDE)
		buf_addf(&b, "%g to %g", low_of(r, s), r->limits[s].high);
	else
		buf_addf(&b, "%g", low_of(r, s));
	snprintf(text, size, "%s at %s", severity_name(s), b.data);
	buf_release(&b);
}

static bool order_ok(const struct rule *r, enum severity lower, enum severity upper, const struct why *why)
{
	static const char *const want[] = {
		[RULE_ABOVE] = "it must be higher", [RULE_BELOW] = "it must be lower", [RULE_OUTSIDE] = "its range must be wider",
		[RULE_EQUALS] = "it must be another value", [RULE_FULL_IN] = "it must be a shorter time",
		[RULE_ABSENT] = "it must be a longer time",
	};
	char mild[100], bad[100];

	if (further(r, lower, upper))
		return true;
	say_limit(r, lower, mild, sizeof mild);
	say_limit(r, upper, bad, sizeof bad);
	return no(why, "%s would hide %s: %s", bad, mild, want[r->compare]);
}

static bool limits_ok(const struct rule *r, const struct why *why)
{
	enum severity lower = SEVERITY_NONE;

	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		if (!r->limits[s].set)
			continue;
		if (!one_limit_ok(r, s, why) || (lower && !order_ok(r, lower, s, why)))
			return false;
		lower = s;
	}
	if (!lower)
		return no(why, "a rule needs a limit: above, below, outside, equals, full_in or absent");
	return true;
}

/* --- texts --- */

static size_t label_key(const char *label)
{
	size_t n = strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return label[n] == '=' && !isdigit((unsigned char)*label) ? n : 0;
}

bool rule_label_taken(const char *name, size_t n)
{
	static const char *const own[] = {"alertname", "instance", "metric", "series", "severity"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strlen(own[i]) == n && memcmp(own[i], name, n) == 0)
			return true;
	return false;
}

static bool label_ok(const struct rule *r, size_t at, const struct why *why)
{
	const char *label = r->labels[at];
	size_t n = label_key(label);

	if (!n)
		return no(why, "label \"%.60s\": it is written name=value, the name of letters, digits and _", label);
	if (rule_label_taken(label, n))
		return no(why, "label %.*s: every message says that of the alert itself; give the label another name, such as my_%.*s", (int)n, label,
			(int)n, label);
	for (size_t i = 0; i < at; i++)
		if (strncmp(r->labels[i], label, n + 1) == 0)
			return no(why, "label %.*s is there twice", (int)(n < 60 ? n : 60), label);
	return true;
}

static bool labels_ok(const struct rule *r, const struct why *why)
{
	for (size_t i = 0; i < r->nlabels; i++)
		if (!label_ok(r, i, why))
			return false;
	return true;
}

static bool text_ok(const struct rule *r, const char *name, const char *text, const struct why *why)
{
	char inner[300];

	return !text || rule_template_check(r, text, inner, sizeof inner) || no(why, "%s: %s", name, inner);
}

static bool texts_ok(const struct rule *r, const struct why *why)
{
	if (!text_ok(r, "summary", r->summary, why) || !text_ok(r, "runbook", r->runbook, why))
		return false;
	for (size_t i = 0; i < r->nlabels; i++)
		if (!text_ok(r, "label", strchr(r->labels[i], '=') + 1, why))
			return false;
	return true;
}

static bool inhibition_ok(const struct rule *r, const char *key, char *const *names, size_t n, const struct why *why)
{
	for (size_t i = 0; i < n; i++) {
		if (!*names[i])
			return no(why, "%s holds an empty name", key);
		if (strcmp(names[i], r->name) == 0)
			return no(why, "a rule cannot inhibit itself: within a rule the higher severity replaces the lower one anyway");
	}
	return true;
}

static bool others_ok(const struct rule *r, const struct why *why)
{
	if (!inhibition_ok(r, "inhibited_by", r->inhibited_by, r->ninhibited_by, why) ||
		!inhibition_ok(r, "inhibits", r->inhibits, r->ninhibits, why))
		return false;
	for (size_t i = 0; i < r->nchannels; i++)
		if (!*r->channels[i])
			return no(why, "channels holds an empty name: for all of them leave channels out");
	return true;
}

static bool hours_ok(const struct rule *r, const struct why *why)
{
	for (size_t i = 0; i < r->nhours; i++) {
		const struct rule_hours *h = &r->hours[i];

		if (!h->days || h->days > 0x7f || h->from_min >= 1440 || h->to_min > 1440 || h->from_min == h->to_min)
			return no(why, "hours are written mon-fri 08:00-18:00");
	}
	return true;
}

bool rule_check(const struct rule *r, char *why, size_t size)
{
	static bool (*const checks[])(const struct rule *, const struct why *) = {
		name_ok, metric_ok, durations_ok, window_ok, limits_ok, labels_ok, texts_ok, others_ok, hours_ok,
	};
	const struct why to = {why, size};

	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (!checks[i](r, &to))
			return false;
	return true;
}

static const struct rule *rule_named(const struct rule *rules, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

/* A pattern may wait for rules to come; a name is a slip. */
static bool names_ok(const struct rule *rules, size_t n, const char *key, char *const *names, size_t nnames, const struct why *why)
{
	for (size_t i = 0; i < nnames; i++)
		if (!strchr(names[i], '*') && !rule_named(rules, n, names[i]))
			return no(why, "%s: there is no rule of the name %.100s", key, names[i]);
	return true;
}

bool rules_check(const struct rule *rules, size_t n, size_t *which, char *why, size_t size)
{
	const struct why to = {why, size};

	for (size_t i = 0; i < n; i++) {
		*which = i;
		if (rule_named(rules, i, rules[i].name))
			return no(&to, "there are two rules of the name %s", rules[i].name);
		if (!names_ok(rules, n, "inhibited_by", rules[i].inhibited_by, rules[i].ninhibited_by, &to) ||
			!names_ok(rules, n, "inhibits", rules[i].inhibits, rules[i].ninhibits, &to))
			return false;
	}
	return true;
}
