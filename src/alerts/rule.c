/* rule.c: words of a rule, what it makes of one value, and when it is awake. */
#include "alerts/rule.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const severities[] = {
	[SEVERITY_NONE] = "none", [SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning", [SEVERITY_CRITICAL] = "critical"};

const char *severity_name(enum severity s)
{
	return severities[s];
}

bool severity_parse(const char *name, enum severity *out)
{
	for (enum severity s = SEVERITY_NONE; s <= SEVERITY_CRITICAL; s++)
		if (strcmp(name, severities[s]) == 0) {
			*out = s;
			return true;
		}
	return false;
}

const char *rule_compare_name(enum rule_compare c)
{
	static const char *const names[] = {[RULE_ABOVE] = "above", [RULE_BELOW] = "below", [RULE_OUTSIDE] = "outside",
		[RULE_EQUALS] = "equals", [RULE_FULL_IN] = "full_in", [RULE_ABSENT] = "absent"};

	return names[c];
}

static const struct {
	const char *name;
	enum rule_fold fold;
} folds[] = {
	{ "last",  RULE_LAST },
	{ "avg",   RULE_AVG },
	{ "min",   RULE_MIN },
	{ "max",   RULE_MAX },
	{ "rate",  RULE_RATE },
	{ "delta", RULE_DELTA },
};

/* p99.9: digits with one point at most, so that neither "p1e1" nor "pnan" is a number here. */
static bool parse_percentile(const char *text, double *out)
{
	size_t n = strspn(text, "0123456789."), whole = strspn(text, "0123456789");

	if (!whole || text[n] || n > 12 || strchr(text + whole + (text[whole] == '.'), '.') || text[n - 1] == '.')
		return false;
	*out = strtod(text, NULL); /* the process stays in the C locale */
	return *out <= 100;
}

bool rule_fold_parse(const char *text, enum rule_fold *fold, double *percentile)
{
	for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
		if (strcmp(text, folds[i].name) == 0) {
			*fold = folds[i].fold;
			return true;
		}
	if (*text != 'p' || !parse_percentile(text + 1, percentile))
		return false;
	*fold = RULE_PERCENTILE;
	return true;
}

/* --- judging --- */

/* A silence and a forecast may be written once for the rule: then they are the limit of each severity that has none. */
static double limit_low(const struct rule *r, const struct rule_limit *l)
{
	if (r->compare == RULE_ABSENT)
		return l->low > 0 ? l->low : (double)r->absent_ms;
	if (r->compare == RULE_FULL_IN)
		return l->low > 0 ? l->low : (double)r->full_in_ms;
	return l->low;
}

/* A forecast's `clear` is a longer time; where it is not given there is no hysteresis. */
static double limit_clear(const struct rule *r, const struct rule_limit *l)
{
	double low = limit_low(r, l);

	return r->compare == RULE_FULL_IN && !(l->clear > low) ? low : l->clear;
}

static bool beyond(const struct rule *r, const struct rule_limit *l, double v)
{
	switch (r->compare) {
	case RULE_ABOVE:
		return v > l->low;
	case RULE_BELOW:
		return v < l->low;
	case RULE_OUTSIDE:
		return v < l->low || v > l->high;
	case RULE_EQUALS:
		return v == l->low;
	case RULE_FULL_IN:
		return v < limit_low(r, l);
	case RULE_ABSENT:
		return v >= limit_low(r, l);
	}
	return false;
}

/* Not past `clear` yet. */
static bool lingers(const struct rule *r, const struct rule_limit *l, double v)
{
	switch (r->compare) {
	case RULE_ABOVE:
		return v > l->clear;
	case RULE_BELOW:
		return v < l->clear;
	case RULE_OUTSIDE: /* as far inside from either end */
		return v < l->clear || v > l->high - (l->clear - l->low);
	case RULE_FULL_IN:
		return v < limit_clear(r, l);
	case RULE_EQUALS:
	case RULE_ABSENT:
		break;
	}
	return false;
}

enum severity rule_judge(const struct rule *r, double value, enum severity now)
{
	if (isnan(value))
		return now;
	for (enum severity s = SEVERITY_CRITICAL; s > SEVERITY_NONE; s--) {
		const struct rule_limit *l = &r->limits[s];

		if (l->set && (beyond(r, l, value) || (now >= s && lingers(r, l, value))))
			return s;
	}
	return SEVERITY_NONE;
}

bool rule_is_high(const struct rule *r, enum severity s, double value)
{
	/* clear lies on either side of the middle: what lingers is at the nearer end. */
	return r->compare == RULE_OUTSIDE && value > (r->limits[s].low + r->limits[s].high) / 2;
}

double rule_threshold(const struct rule *r, enum severity s, bool high)
{
	const struct rule_limit *l = &r->limits[s];

	return !l->set ? NAN : high && r->compare == RULE_OUTSIDE ? l->high : limit_low(r, l);
}

/* --- hours --- */

#define DAY_MIN 1440

bool rule_in_hours(const struct rule *r, int weekday, int minute)
{
	for (size_t i = 0; i < r->nhours; i++) {
		const struct rule_hours *h = &r->hours[i];
		bool today = h->days >> weekday & 1, yesterday = h->days >> (weekday + 6) % 7 & 1;

		if (h->from_min < h->to_min ? today && minute >= h->from_min && minute < h->to_min :
			(today && minute >= h->from_min) || (yesterday && minute < h->to_min))
			return true;
	}
	return !r->nhours;
}

static bool parse_day(const char **at, int *day)
{
	static const char names[] = "sunmontuewedthufrisat";

	for (int i = 0; i < 7; i++)
		if (strncasecmp(*at, names + 3 * i, 3) == 0 && !isalpha((unsigned char)(*at)[3])) {
			*at += 3;
			*day = i;
			return true;
		}
	return false;
}

/* mon-fri,sun; fri-mon goes over the end of the week. */
static bool parse_days(const char **at, uint8_t *days)
{
	int from, to;

	do {
		if (!parse_day(at, &from))
			return false;
		to = from;
		if (**at == '-' && (++*at, !parse_day(at, &to)))
			return false;
		*days = (uint8_t)(*days | 1 << from);
		for (int d = from; d != to; d = (d + 1) % 7)
			*days = (uint8_t)(*days | 1 << (d + 1) % 7);
	} while (**at == ',' && ++*at);
	return true;
}

static bool parse_minute(const char **at, uint16_t *out)
{
	const char *p = *at;

	if (strspn(p, "0123456789") != 2 || p[2] != ':' || strspn(p + 3, "0123456789") != 2)
		return false;
	*out = (uint16_t)(((p[0] - '0') * 10 + p[1] - '0') * 60 + (p[3] - '0') * 10 + p[4] - '0');
	*at += 5;
	return p[3] < '6' && *out <= DAY_MIN;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

bool rule_hours_parse(const char *text, struct rule_hours *out)
{
	struct rule_hours h = {0, 0, DAY_MIN};
	const char *at = skip_blanks(text);

	if (isalpha((unsigned char)*at)) {
		if (!parse_days(&at, &h.days) || (*at && *at != ' ' && *at != '\t'))
			return false;
		at = skip_blanks(at);
	} else {
		h.days = 0x7f;
	}
	if (*at && (!parse_minute(&at, &h.from_min) || *at++ != '-' || !parse_minute(&at, &h.to_min)))
		return false;
	if (!h.days || *skip_blanks(at) || h.from_min == h.to_min || h.from_min == DAY_MIN || !*skip_blanks(text))
		return false;
	*out = h;
	return true;
}

/* --- the end --- */

static void free_texts(char **at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(at[i]);
	free(at);
}

void rule_release(struct rule *r)
{
	free(r->name);
	free(r->type);
	free(r->metric);
	free(r->summary);
	free(r->runbook);
	free_texts(r->labels, r->nlabels);
	free_texts(r->inhibited_by, r->ninhibited_by);
	free_texts(r->inhibits, r->ninhibits);
	free_texts(r->channels, r->nchannels);
	free(r->hours);
	*r = (struct rule){0};
}
