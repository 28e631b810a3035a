/* test_rule.c: what a rule makes of values, hours, windows and texts; and every impossible rule beside its good twin. */
#include "check.h"

#include "alerts/inner.h"
#include "alerts/rule.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NO NAN

#define N SEVERITY_NONE
#define I SEVERITY_INFO
#define W SEVERITY_WARNING
#define C SEVERITY_CRITICAL

/* ---- judging ---- */

/* Values in turn, and the severity after each. */
static const struct judged {
	const char *name;
	struct rule rule;
	size_t n;
	struct {
		double value;
		enum severity severity;
	} steps[12];
} judgements[] = {
	{"above", {.compare = RULE_ABOVE, .limits[W] = {true, 80, 0, 80}},
		7, {{80, N}, {80.001, W}, {NO, W}, {80, N}, {NO, N}, {INFINITY, W}, {-INFINITY, N}}},
	{"above with clear", {.compare = RULE_ABOVE, .limits[W] = {true, 80, 0, 75}},
		7, {{78, N}, {81, W}, {78, W}, {75.1, W}, {75, N}, {78, N}, {80, N}}},
	{"above, three severities", {.compare = RULE_ABOVE, .limits = {[I] = {true, 60, 0, 60}, [W] = {true, 80, 0, 70}, [C] = {true, 90, 0, 85}}},
		10, {{61, I}, {91, C}, {86, C}, {85, W}, {71, W}, {70, I}, {60, N}, {85, W}, {95, C}, {10, N}}},
	{"warning's clear holds what was critical", {.compare = RULE_ABOVE, .limits = {[W] = {true, 80, 0, 70}, [C] = {true, 90, 0, 90}}},
		4, {{95, C}, {75, W}, {70, N}, {75, N}}},
	{"below", {.compare = RULE_BELOW, .limits = {[W] = {true, 20, 0, 25}, [C] = {true, 10, 0, 10}}},
		7, {{20, N}, {19, W}, {24, W}, {9, C}, {10, W}, {25, N}, {24, N}}},
	{"outside", {.compare = RULE_OUTSIDE, .limits[W] = {true, 10, 40, 12}},
		9, {{10, N}, {40, N}, {9, W}, {11, W}, {12, N}, {41, W}, {39, W}, {38, N}, {39, N}}},
	{"outside without clear", {.compare = RULE_OUTSIDE, .limits[W] = {true, -5, 5, -5}}, 6, {{-5, N}, {5, N}, {5.1, W}, {5, N}, {-6, W}, {-5, N}}},
	{"equals", {.compare = RULE_EQUALS, .limits[C] = {true, 0, 0, 0}}, 5, {{1, N}, {0, C}, {NO, C}, {-0.0, C}, {1e-9, N}}},
	{"full in", {.compare = RULE_FULL_IN, .full_in_ms = 4000, .limits[W] = {.set = true}}, 6, {{INFINITY, N}, {4000, N}, {3999, W}, {0, W}, {NO, W}, {4000, N}}},
	{"full in with own limits and clear",
		{.compare = RULE_FULL_IN, .limits = {[W] = {true, 4000, 0, 6000}, [C] = {true, 1000, 0, 0}}},
		6, {{5000, N}, {3000, W}, {5000, W}, {900, C}, {1000, W}, {6000, N}}},
	{"absent", {.compare = RULE_ABSENT, .absent_ms = 30000, .limits[W] = {.set = true}}, 5, {{0, N}, {29999, N}, {30000, W}, {31000, W}, {0, N}}},
	{"absent, then long", {.compare = RULE_ABSENT, .absent_ms = 30000, .limits = {[W] = {.set = true}, [C] = {true, 60000, 0, 0}}},
		3, {{30000, W}, {60000, C}, {100, N}}},
};

static void test_judges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(judgements); i++) {
		const struct judged *j = &judgements[i];
		enum severity now = SEVERITY_NONE;

		for (size_t k = 0; k < j->n; k++) {
			now = rule_judge(&j->rule, j->steps[k].value, now);
			CHECK(now == j->steps[k].severity, "%s, step %zu: %s", j->name, k, severity_name(now));
		}
	}
}

static void test_thresholds(void **state)
{
	struct rule r = {.compare = RULE_ABOVE, .limits = {[W] = {true, 80, 0, 80}}};
	struct rule out = {.compare = RULE_OUTSIDE, .limits = {[W] = {true, 10, 20, 12}}};
	struct rule full = {.compare = RULE_FULL_IN, .full_in_ms = 500, .limits = {[W] = {.set = true}, [C] = {true, 100, 0, 0}}};
	(void)state;

	assert_true(rule_threshold(&r, W, false) == 80 && isnan(rule_threshold(&r, C, false)) && isnan(rule_threshold(&r, N, false)));
	assert_true(rule_threshold(&full, W, false) == 500 && rule_threshold(&full, C, false) == 100);
	assert_true(rule_threshold(&r, W, true) == 80);
	assert_true(rule_threshold(&out, W, false) == 10 && rule_threshold(&out, W, true) == 20 && isnan(rule_threshold(&out, C, true)));
	assert_true(rule_is_high(&out, W, 21) && rule_is_high(&out, W, 19) && !rule_is_high(&out, W, 11) && !rule_is_high(&out, W, 9));
	assert_false(rule_is_high(&r, W, 90) || rule_is_high(&out, W, NAN));
}

static void test_severities(void **state)
{
	enum severity s;
	(void)state;

	for (enum severity i = N; i <= C; i++)
		assert_true(severity_parse(severity_name(i), &s) && s == i);
	assert_false(severity_parse("Warning", &s));
	assert_false(severity_parse("", &s));
}

/* ---- hours ---- */

enum { SUN = 1, MON = 2, TUE = 4, WED = 8, THU = 16, FRI = 32, SAT = 64, DAILY = 127 };

static const struct {
	const char *text;
	uint8_t days;          /* 0: refused */
	uint16_t from, to;
} hours[] = {
	{"mon-fri 08:00-18:00", MON | TUE | WED | THU | FRI, 480, 1080},
	{"  Mon-Fri\t08:00-18:00 ", MON | TUE | WED | THU | FRI, 480, 1080},
	{"sat,sun", SAT | SUN, 0, 1440},
	{"22:00-06:00", DAILY, 1320, 360},
	{"fri-mon 18:00-24:00", FRI | SAT | SUN | MON, 1080, 1440},
	{"mon,wed-thu,sun 00:00-00:01", MON | WED | THU | SUN, 0, 1},
	{"wed", WED, 0, 1440},
	{"sun-sat", DAILY, 0, 1440},
	{"", 0, 0, 0}, {"   ", 0, 0, 0}, {"mon-", 0, 0, 0}, {"mon,", 0, 0, 0}, {"monday", 0, 0, 0}, {"mon-fri08:00-18:00", 0, 0, 0},
	{"8:00-18:00", 0, 0, 0}, {"08:00", 0, 0, 0}, {"08:00-", 0, 0, 0}, {"08:60-09:00", 0, 0, 0}, {"08:00-24:01", 0, 0, 0},
	{"25:00-26:00", 0, 0, 0}, {"08:00-08:00", 0, 0, 0}, {"24:00-08:00", 0, 0, 0}, {"08:00-18:00 x", 0, 0, 0}, {"08:00 - 18:00", 0, 0, 0},
	{"mon fri 08:00-18:00", 0, 0, 0}, {"-", 0, 0, 0}, {"08:000-18:00", 0, 0, 0},
};

static void test_parses_hours(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hours); i++) {
		struct rule_hours h = {0};
		bool ok = rule_hours_parse(hours[i].text, &h);

		CHECK(ok == (hours[i].days != 0), "%s", hours[i].text);
		if (ok)
			CHECK(h.days == hours[i].days && h.from_min == hours[i].from && h.to_min == hours[i].to, "%s: %x %u %u", hours[i].text,
				h.days, h.from_min, h.to_min);
	}
}

static const struct {
	const char *hours[2];
	int weekday, minute;
	bool in;
} moments[] = {
	{{NULL}, 3, 100, true},
	{{"mon-fri 08:00-18:00"}, 1, 480, true}, {{"mon-fri 08:00-18:00"}, 1, 479, false}, {{"mon-fri 08:00-18:00"}, 5, 1079, true},
	{{"mon-fri 08:00-18:00"}, 5, 1080, false}, {{"mon-fri 08:00-18:00"}, 6, 600, false}, {{"mon-fri 08:00-18:00"}, 0, 600, false},
	{{"fri 22:00-06:00"}, 5, 1320, true}, {{"fri 22:00-06:00"}, 6, 359, true}, {{"fri 22:00-06:00"}, 6, 360, false},
	{{"fri 22:00-06:00"}, 5, 100, false}, {{"sat 22:00-06:00"}, 0, 100, true},
	{{"sat", "mon 08:00-09:00"}, 6, 0, true}, {{"sat", "mon 08:00-09:00"}, 1, 500, true}, {{"sat", "mon 08:00-09:00"}, 1, 600, false},
	{{"sat"}, 6, 1439, true},
};

static void test_knows_the_hour(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(moments); i++) {
		struct rule_hours h[2];
		struct rule r = {.hours = h};

		for (; r.nhours < 2 && moments[i].hours[r.nhours]; r.nhours++)
			assert_true(rule_hours_parse(moments[i].hours[r.nhours], &h[r.nhours]));
		CHECK(rule_in_hours(&r, moments[i].weekday, moments[i].minute) == moments[i].in, "%zu", i);
	}
}

/* ---- windows ---- */

static const struct {
	const char *text;
	bool ok;
	enum rule_fold fold;
	double percentile;
} fold_names[] = {
	{"last", true, RULE_LAST, 0}, {"avg", true, RULE_AVG, 0}, {"min", true, RULE_MIN, 0}, {"max", true, RULE_MAX, 0},
	{"rate", true, RULE_RATE, 0}, {"delta", true, RULE_DELTA, 0}, {"p95", true, RULE_PERCENTILE, 95},
	{"p99.9", true, RULE_PERCENTILE, 99.9}, {"p0", true, RULE_PERCENTILE, 0}, {"p100", true, RULE_PERCENTILE, 100},
	{"p", false, 0, 0}, {"p101", false, 0, 0}, {"p1e1", false, 0, 0}, {"p-1", false, 0, 0}, {"p9.9.9", false, 0, 0}, {"p95.", false, 0, 0},
	{"p.5", false, 0, 0}, {"pnan", false, 0, 0}, {"P95", false, 0, 0}, {"mean", false, 0, 0}, {"", false, 0, 0}, {"p95 ", false, 0, 0},
};

static void test_parses_folds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(fold_names); i++) {
		enum rule_fold fold = RULE_LAST;
		double percentile = 0;
		bool ok = rule_fold_parse(fold_names[i].text, &fold, &percentile);

		CHECK(ok == fold_names[i].ok, "%s", fold_names[i].text);
		CHECK(!ok || (fold == fold_names[i].fold && percentile == fold_names[i].percentile), "%s", fold_names[i].text);
	}
}

/* Samples a second apart. */
static const struct {
	struct rule rule;
	size_t n;
	double v[6], want;
} windows[] = {
	{{.fold = RULE_LAST}, 3, {1, 2, NO}, 2},
	{{.fold = RULE_AVG}, 4, {1, NO, 2, 6}, 3},
	{{.fold = RULE_AVG}, 3, {0.1, 0.1, 0.1}, 0.1},
	{{.fold = RULE_MIN}, 4, {4, NO, -2, 6}, -2},
	{{.fold = RULE_MAX}, 4, {4, NO, -2, 6}, 6},
	{{.fold = RULE_DELTA}, 4, {NO, 10, 3, 7}, -3},
	{{.fold = RULE_DELTA}, 2, {NO, 10}, NO},
	{{.fold = RULE_RATE}, 5, {10, NO, NO, NO, 30}, 5},
	{{.fold = RULE_RATE}, 1, {10}, NO},
	{{.fold = RULE_PERCENTILE, .percentile = 50}, 5, {5, 1, NO, 3, 9}, 4},
	{{.fold = RULE_PERCENTILE, .percentile = 0}, 3, {5, 1, 3}, 1},
	{{.fold = RULE_PERCENTILE, .percentile = 100}, 3, {5, 1, 3}, 5},
	{{.fold = RULE_PERCENTILE, .percentile = 75}, 3, {0, 10, 20}, 15},
	{{.fold = RULE_PERCENTILE, .percentile = 95}, 1, {7}, 7},
	{{.fold = RULE_AVG}, 2, {NO, NO}, NO},
	{{.fold = RULE_MAX}, 0, {0}, NO},
	{{.fold = RULE_PERCENTILE, .percentile = 95}, 1, {NO}, NO},
};

static bool same(double a, double b)
{
	return (isnan(a) && isnan(b)) || a == b || fabs(a - b) < 1e-9 * fabs(b);
}

static void test_folds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(windows); i++) {
		int64_t t[6];
		double got;

		for (int k = 0; k < 6; k++)
			t[k] = 1700000000000 + 1000 * k;
		got = rule_fold_window(&windows[i].rule, t, windows[i].v, windows[i].n);
		CHECK(same(got, windows[i].want), "%zu: %g, not %g", i, got, windows[i].want);
	}
}

#define NOW INT64_C(1700000000000)

/* Samples a minute apart, the last one now. */
static const struct {
	size_t n;
	double v[5], want;     /* minutes */
} forecasts[] = {
	{5, {50, 60, 70, 80, 90}, 1},
	{5, {90, 91, 92, 93, 94}, 6},
	{5, {90, NO, 92, NO, 94}, 6},
	{4, {50, 50, 50, 50}, INFINITY},
	{4, {50, 49, 48, 47}, INFINITY},
	{3, {0.1, 0.1, 0.1}, INFINITY},
	{5, {50, 50, 50, 50, 50.000000000001}, INFINITY},
	{3, {98, 99, 100}, 0},
	{3, {100, 100, 100}, 0},
	{3, {101, 102, 103}, 0},
	{2, {50, 60}, NO},
	{3, {NO, 50, 60}, NO},
	{0, {0}, NO},
	{4, {10, 12, 10, 12}, 88.4 / 0.4},   /* noise about a rising line: 0.4 a minute, 11.6 now */
};

static void test_forecasts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forecasts); i++) {
		int64_t t[5];
		double got, want = forecasts[i].want * 60000;

		for (size_t k = 0; k < 5; k++)
			t[k] = NOW - 60000 * ((int64_t)forecasts[i].n - 1 - (int64_t)k);
		got = rule_full_in(t, forecasts[i].v, forecasts[i].n, 100, NOW);
		CHECK(same(got, want) || fabs(got - want) < 1, "%zu: %.12g, not %.12g", i, got, want);
	}
}

/* ---- impossible rules ---- */

static char *texts[][3] = {
	{"team=web", "mount={instance}", NULL}, {"team", NULL, NULL}, {"team=a", "team=b", NULL}, {"9=a", NULL, NULL}, {"=a", NULL, NULL},
	{"a-b=c", NULL, NULL}, {"x={nothing}", NULL, NULL}, {"team=", "te=x", NULL}, {"SELF", NULL, NULL}, {"", NULL, NULL}, {"OTHER", NULL, NULL},
	{"severity=x", NULL, NULL}, {"severities=x", "my_instance=x", NULL},
};
enum { L_GOOD, L_NO_VALUE, L_TWICE, L_DIGIT, L_NO_NAME, L_DASH, L_HOLE, L_EMPTY, T_SELF, T_NONE, T_OTHER, L_TAKEN, L_NEAR };
#define LABELS(i, count) .labels = texts[i], .nlabels = (count)
#define ONE .name = "SELF", .metric = "cpu"
#define ABOVE_80 .limits = {[W] = {true, 80, 0, 80}}

static struct rule_hours good_hours[] = {{MON, 0, 1440}}, no_days[] = {{0, 0, 10}}, no_length[] = {{MON, 10, 10}}, past_day[] = {{MON, 0, 1441}};
static char long_name[102], long_metric[300];

/* why NULL: a good rule; else a piece of what is said. A bad one stands beside its good twin. */
static const struct {
	const char *why;
	struct rule rule;
} rules[] = {
	{NULL, {ONE, ABOVE_80}},
	{"needs a name", {.metric = "cpu", ABOVE_80}},
	{"needs a name", {.name = "", .metric = "cpu", ABOVE_80}},
	{"commas, stars", {.name = "A,B", .metric = "cpu", ABOVE_80}},
	{"commas, stars", {.name = "A*", .metric = "cpu", ABOVE_80}},
	{"commas, stars", {.name = "A\n", .metric = "cpu", ABOVE_80}},
	{"at most 100 bytes", {.name = long_name, .metric = "cpu", ABOVE_80}},
	{"type is empty", {ONE, .type = "", ABOVE_80}},
	{NULL, {ONE, .type = "CPU", ABOVE_80}},
	{"needs a metric", {.name = "A", ABOVE_80}},
	{"needs a metric", {.name = "A", .metric = "", ABOVE_80}},
	{"longer than 255", {.name = "A", .metric = long_metric, ABOVE_80}},
	{"control", {.name = "A", .metric = "cpu\t", ABOVE_80}},
	{NULL, {.name = "A", .metric = "disk.busy/*", ABOVE_80}},

	{"for is negative", {ONE, ABOVE_80, .for_ms = -1}},
	{"keep is negative", {ONE, ABOVE_80, .keep_ms = -1}},
	{"window is negative", {ONE, ABOVE_80, .window_ms = -1}},
	{"full_in is negative", {ONE, ABOVE_80, .full_in_ms = -1}},
	{"absent is negative", {ONE, ABOVE_80, .absent_ms = -1}},
	{NULL, {ONE, ABOVE_80, .for_ms = 600000, .keep_ms = 1}},

	{NULL, {ONE, ABOVE_80, .fold = RULE_AVG, .window_ms = 60000}},
	{NULL, {ONE, ABOVE_80, .fold = RULE_AVG, .window_ms = 60000, .for_ms = 300000}},
	{"needs a window", {ONE, ABOVE_80, .fold = RULE_AVG}},
	{"needs an aggregate", {ONE, ABOVE_80, .window_ms = 60000}},
	{"shorter than two seconds", {ONE, ABOVE_80, .fold = RULE_AVG, .window_ms = 1999}},
	{"longer than a day", {ONE, ABOVE_80, .fold = RULE_AVG, .window_ms = 86400001}},
	{NULL, {ONE, ABOVE_80, .fold = RULE_PERCENTILE, .percentile = 95, .window_ms = 60000}},
	{"a percentile is", {ONE, ABOVE_80, .fold = RULE_PERCENTILE, .percentile = 100.1, .window_ms = 60000}},
	{"a percentile is", {ONE, ABOVE_80, .fold = RULE_PERCENTILE, .percentile = -1, .window_ms = 60000}},
	{"a percentile is", {ONE, ABOVE_80, .fold = RULE_PERCENTILE, .percentile = NAN, .window_ms = 60000}},

	{"needs a limit", {ONE}},
	{"limit of warning", {ONE, .limits[W] = {true, NAN, 0, 80}}},
	{"limit of warning", {ONE, .limits[W] = {true, INFINITY, 0, 80}}},
	{"limit of critical", {ONE, .limits[C] = {true, 80, 0, NAN}}},
	{NULL, {ONE, .limits[W] = {true, 80, 0, 75}}},
	{"clear 85 is on the wrong side of above 80", {ONE, .limits[W] = {true, 80, 0, 85}}},
	{NULL, {ONE, .limits = {[I] = {true, 70, 0, 60}, [W] = {true, 80, 0, 75}, [C] = {true, 90, 0, 75}}}},
	{"critical at 80 would hide warning at 90: it must be higher", {ONE, .limits = {[W] = {true, 90, 0, 90}, [C] = {true, 80, 0, 80}}}},
	{"critical at 80 would hide warning at 80", {ONE, .limits = {[W] = {true, 80, 0, 80}, [C] = {true, 80, 0, 80}}}},
	{"critical at 60 would hide info at 70", {ONE, .limits = {[I] = {true, 70, 0, 70}, [C] = {true, 60, 0, 60}}}},

	{NULL, {ONE, .compare = RULE_BELOW, .limits = {[W] = {true, 20, 0, 25}, [C] = {true, 10, 0, 10}}}},
	{"clear 15 is on the wrong side of below 20", {ONE, .compare = RULE_BELOW, .limits[W] = {true, 20, 0, 15}}},
	{"it must be lower", {ONE, .compare = RULE_BELOW, .limits = {[W] = {true, 10, 0, 10}, [C] = {true, 20, 0, 20}}}},

	{NULL, {ONE, .compare = RULE_OUTSIDE, .limits = {[W] = {true, 10, 40, 12}, [C] = {true, 5, 45, 5}}}},
	{"the first number is the lower", {ONE, .compare = RULE_OUTSIDE, .limits[W] = {true, 40, 10, 40}}},
	{"the first number is the lower", {ONE, .compare = RULE_OUTSIDE, .limits[W] = {true, 40, 40, 40}}},
	{"limit of warning", {ONE, .compare = RULE_OUTSIDE, .limits[W] = {true, 40, NAN, 40}}},
	{"leaves no room", {ONE, .compare = RULE_OUTSIDE, .limits[W] = {true, 10, 40, 9}}},
	{"leaves no room", {ONE, .compare = RULE_OUTSIDE, .limits[W] = {true, 10, 40, 25}}},
	{"its range must be wider", {ONE, .compare = RULE_OUTSIDE, .limits = {[W] = {true, 10, 40, 10}, [C] = {true, 5, 35, 5}}}},
	{"its range must be wider", {ONE, .compare = RULE_OUTSIDE, .limits = {[W] = {true, 10, 40, 10}, [C] = {true, 10, 40, 10}}}},

	{NULL, {ONE, .compare = RULE_EQUALS, .limits[C] = {true, 0, 0, 0}}},
	{"knows no clear", {ONE, .compare = RULE_EQUALS, .limits[C] = {true, 1, 0, 0}}},
	{"another value", {ONE, .compare = RULE_EQUALS, .limits = {[W] = {true, 1, 0, 1}, [C] = {true, 1, 0, 1}}}},

	{NULL, {ONE, .compare = RULE_FULL_IN, .full_in_ms = 14400000, .limits[W] = {.set = true}}},
	{NULL, {ONE, .compare = RULE_FULL_IN, .full_in_ms = 14400000, .window_ms = 600000, .limits[W] = {.set = true}}},
	{NULL, {ONE, .compare = RULE_FULL_IN, .limits = {[W] = {true, 14400000, 0, 18000000}, [C] = {true, 3600000, 0, 0}}}},
	{"needs a duration", {ONE, .compare = RULE_FULL_IN, .limits[W] = {.set = true}}},
	{"no use for an aggregate", {ONE, .compare = RULE_FULL_IN, .full_in_ms = 14400000, .fold = RULE_MAX, .window_ms = 60000, .limits[W] = {.set = true}}},
	{"full before anyone is told", {ONE, .compare = RULE_FULL_IN, .full_in_ms = 14400000, .for_ms = 14400000, .limits[W] = {.set = true}}},
	{"shorter than a minute", {ONE, .compare = RULE_FULL_IN, .full_in_ms = 59999, .limits[W] = {.set = true}}},
	{"clear is shorter", {ONE, .compare = RULE_FULL_IN, .limits[W] = {true, 14400000, 0, 3600000}}},
	{"a shorter time", {ONE, .compare = RULE_FULL_IN, .limits = {[W] = {true, 3600000, 0, 0}, [C] = {true, 14400000, 0, 0}}}},

	{NULL, {ONE, .compare = RULE_ABSENT, .absent_ms = 30000, .limits[C] = {.set = true}}},
	{"needs a duration", {ONE, .compare = RULE_ABSENT, .limits[C] = {.set = true}}},
	{"shorter than a second", {ONE, .compare = RULE_ABSENT, .absent_ms = 999, .limits[C] = {.set = true}}},
	{"no use for an aggregate", {ONE, .compare = RULE_ABSENT, .absent_ms = 30000, .fold = RULE_AVG, .limits[C] = {.set = true}}},
	{"leave window out", {ONE, .compare = RULE_ABSENT, .absent_ms = 30000, .window_ms = 60000, .limits[C] = {.set = true}}},
	{"a longer time", {ONE, .compare = RULE_ABSENT, .absent_ms = 30000, .limits = {[W] = {.set = true}, [C] = {true, 20000, 0, 0}}}},

	{NULL, {ONE, ABOVE_80, LABELS(L_GOOD, 2)}},
	{NULL, {ONE, ABOVE_80, LABELS(L_EMPTY, 2)}},
	{"name=value", {ONE, ABOVE_80, LABELS(L_NO_VALUE, 1)}},
	{"there twice", {ONE, ABOVE_80, LABELS(L_TWICE, 2)}},
	{"name=value", {ONE, ABOVE_80, LABELS(L_DIGIT, 1)}},
	{"name=value", {ONE, ABOVE_80, LABELS(L_NO_NAME, 1)}},
	{"name=value", {ONE, ABOVE_80, LABELS(L_DASH, 1)}},
	{"label severity: every message says that of the alert itself; give the label another name, such as my_severity",
		{ONE, ABOVE_80, LABELS(L_TAKEN, 1)}},
	{NULL, {ONE, ABOVE_80, LABELS(L_NEAR, 2)}},
	{"label: unknown placeholder {nothing}", {ONE, ABOVE_80, LABELS(L_HOLE, 1)}},
	{NULL, {ONE, ABOVE_80, .summary = "{rule} on {host}: {series} is {value}, {labels.team}", LABELS(L_GOOD, 2)}},
	{"summary: unknown placeholder {valeu}", {ONE, ABOVE_80, .summary = "is {valeu}"}},
	{"summary: \"{value\" opens", {ONE, ABOVE_80, .summary = "is {value"}},
	{"summary: unknown placeholder { value }", {ONE, ABOVE_80, .summary = "is { value }"}},
	{"summary: {labels.x}: the rule has no such label", {ONE, ABOVE_80, .summary = "{labels.x}", LABELS(L_GOOD, 2)}},
	{"summary: unknown placeholder {}", {ONE, ABOVE_80, .summary = "{}"}},
	{NULL, {ONE, ABOVE_80, .runbook = "https://wiki/{rule}"}},
	{"runbook: unknown placeholder {name}", {ONE, ABOVE_80, .runbook = "https://wiki/{name}"}},

	{NULL, {ONE, ABOVE_80, .inhibited_by = texts[T_OTHER], .ninhibited_by = 1}},
	{"cannot inhibit itself", {ONE, ABOVE_80, .inhibited_by = texts[T_SELF], .ninhibited_by = 1}},
	{"inhibited_by holds an empty name", {ONE, ABOVE_80, .inhibited_by = texts[T_NONE], .ninhibited_by = 1}},
	{NULL, {ONE, ABOVE_80, .inhibits = texts[T_OTHER], .ninhibits = 1}},
	{"cannot inhibit itself", {ONE, ABOVE_80, .inhibits = texts[T_SELF], .ninhibits = 1}},
	{"inhibits holds an empty name", {ONE, ABOVE_80, .inhibits = texts[T_NONE], .ninhibits = 1}},
	{NULL, {ONE, ABOVE_80, .channels = texts[T_OTHER], .nchannels = 1}},
	{"empty name", {ONE, ABOVE_80, .channels = texts[T_NONE], .nchannels = 1}},
	{NULL, {ONE, ABOVE_80, .hours = good_hours, .nhours = 1}},
	{"hours are written", {ONE, ABOVE_80, .hours = no_days, .nhours = 1}},
	{"hours are written", {ONE, ABOVE_80, .hours = no_length, .nhours = 1}},
	{"hours are written", {ONE, ABOVE_80, .hours = past_day, .nhours = 1}},
};

static void test_refuses_impossible_rules(void **state)
{
	(void)state;
	memset(long_name, 'x', sizeof long_name - 1);
	memset(long_metric, 'x', sizeof long_metric - 1);
	for (size_t i = 0; i < COUNT(rules); i++) {
		char why[400] = "", cut[8];
		bool ok = rule_check(&rules[i].rule, why, sizeof why);

		CHECK(ok == !rules[i].why, "%zu: %s", i, ok ? rules[i].why : why);
		if (ok)
			continue;
		CHECK(strstr(why, rules[i].why), "%zu: \"%s\", not \"%s\"", i, why, rules[i].why);
		assert_false(rule_check(&rules[i].rule, cut, sizeof cut));
		assert_true(strlen(cut) < sizeof cut);
	}
}

static void test_refuses_impossible_sets(void **state)
{
	static char *a[] = {"A"}, *b[] = {"B"}, *all[] = {"*"}, *later[] = {"LATER_*"};
	struct rule good[] = {{.name = "A", .inhibited_by = b, .ninhibited_by = 1}, {.name = "B", .inhibited_by = a, .ninhibited_by = 1}};
	struct rule patterns[] = {{.name = "A", .inhibits = all, .ninhibits = 1}, {.name = "B", .inhibited_by = later, .ninhibited_by = 1}};
	struct rule twice[] = {{.name = "A"}, {.name = "B"}, {.name = "A"}};
	struct rule unknown[] = {{.name = "A"}, {.name = "C", .inhibited_by = b, .ninhibited_by = 1}};
	struct rule unknown_too[] = {{.name = "A"}, {.name = "C", .inhibits = b, .ninhibits = 1}};
	char why[200];
	size_t which;
	(void)state;

	assert_true(rules_check(good, 2, &which, why, sizeof why));
	assert_true(rules_check(patterns, 2, &which, why, sizeof why));
	assert_true(rules_check(good, 0, &which, why, sizeof why));
	assert_false(rules_check(twice, 3, &which, why, sizeof why));
	assert_int_equal(which, 2);
	assert_string_equal(why, "there are two rules of the name A");
	assert_false(rules_check(unknown, 2, &which, why, sizeof why));
	assert_int_equal(which, 1);
	assert_string_equal(why, "inhibited_by: there is no rule of the name B");
	assert_false(rules_check(unknown_too, 2, &which, why, sizeof why));
	assert_string_equal(why, "inhibits: there is no rule of the name B");
}

/* ---- texts ---- */

static char *labels[] = {"team=web", "mount=on {instance}", "loop={labels.team}"};
static const struct rule words_rule = {.name = "FULL", .metric = "fs.used_percent/*", .labels = labels, .nlabels = 3};
static const struct rule silent_rule = {.name = "S", .metric = "s", .compare = RULE_ABSENT};

static const struct {
	const struct rule *rule;
	const char *text, *want;
} fills[] = {
	{&words_rule, "", ""},
	{&words_rule, "plain", "plain"},
	{&words_rule, "{value} of {threshold}", "93.1 of 90"},
	{&words_rule, "{series}|{metric}|{instance}|{rule}|{severity}|{host}", "fs.used_percent//var|fs.used_percent/*|/var|FULL|critical|box"},
	{&words_rule, "{value_text}, limit {limit_text}", "93.1 %, limit 90 %"},
	{&silent_rule, "{value_text} {limit_text}", "93 ms 90 ms"},
	{&words_rule, "{labels.team}: {labels.mount}", "web: on /var"},
	{&words_rule, "{labels.loop}", "{labels.team}"},
	{&words_rule, "{unknown} {labels.none} {", "{unknown} {labels.none} {"},
	{&words_rule, "{{value}}", "{{value}}"},
	{&words_rule, "}{value}", "}93.1"},
	{&silent_rule, "{value} {threshold}", "93 ms 90 ms"},
};

static void test_fills_templates(void **state)
{
	const struct rule_words w = {"fs.used_percent//var", "box", "critical", 93.14, 90, "percent"};
	(void)state;

	for (size_t i = 0; i < COUNT(fills); i++) {
		struct rule_words mine = w;
		struct buf out;

		if (fills[i].rule == &silent_rule)
			mine.value = 93;
		buf_init(&out, 1000);
		rule_fill(fills[i].rule, fills[i].text, &mine, &out);
		CHECK(strcmp(out.data, fills[i].want) == 0, "%s: %s", fills[i].text, out.data);
		buf_release(&out);
	}
}

static const struct {
	double value;
	const char *unit, *want;
} values[] = {
	{93.14, "percent", "93.1 %"}, {80, "percent", "80 %"}, {100, "percent", "100 %"}, {0.05, "percent", "0.05 %"}, {0, "", "0"},
	{-0.00001, "", "-1e-05"}, {-3.25, "°C", "-3.25 °C"}, {1234.5, "rpm", "1234 rpm"}, {999, "bytes", "999 B"},
	{1536, "bytes", "1.5 KiB"}, {5368709120, "bytes/s", "5 GiB/s"}, {NAN, "percent", "unknown"}, {1e20, "", "1e+20"},
	{9.999, "", "10"}, {123.456, "ms", "123.5 ms"}, {-0.0, "percent", "0 %"}, {1e300, "bytes", "8.88e+284 PiB"},
	{312345678, "bytes", "297.9 MiB"}, {1012, "bytes", "0.99 KiB"}, {12.5e6, "bits/s", "12.5 Mbit/s"}, {41.5, "celsius", "41.5 \xc2\xb0" "C"},
	{5400, "s", "90 min"}, {12345, "s", "3.43 h"}, {-50, "ms", "-50 ms"}, {0, "s", "0 ms"}, {INFINITY, "ms", "inf"}, {3, "widgets", "3 widgets"},
};

static void test_says_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct buf out;

		buf_init(&out, 1000);
		rule_say_value(&out, values[i].value, values[i].unit);
		CHECK(strcmp(out.data, values[i].want) == 0, "%g: %s", values[i].value, out.data);
		buf_release(&out);
	}
}

static const struct {
	double ms;
	const char *want;
} durations[] = {
	{0, "0 ms"}, {500, "500 ms"}, {1000, "1 s"}, {30000, "30 s"}, {45500, "45.5 s"}, {60000, "1 min"}, {90000, "90 s"}, {300000, "5 min"},
	{3600000, "1 h"}, {5400000, "90 min"}, {11520000, "3.2 h"}, {86400000, "1 d"}, {259200000, "3 d"},
};

static void test_says_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(durations); i++) {
		struct buf out;

		buf_init(&out, 1000);
		rule_say_duration(&out, durations[i].ms);
		CHECK(strcmp(out.data, durations[i].want) == 0, "%g: %s", durations[i].ms, out.data);
		buf_release(&out);
	}
}

static const struct {
	struct rule rule;
	const char *name, *unit;
	double value;
	const char *want;
} sentences[] = {
	{{ABOVE_80}, "cpu", "percent", 93.14, "cpu is 93.1 %, above 80 %"},
	{{.compare = RULE_BELOW, .limits[W] = {true, 1 << 30, 0, 1 << 30}}, "memory.available", "bytes", 512 << 20,
		"memory.available is 512 MiB, below 1 GiB"},
	{{.compare = RULE_OUTSIDE, .limits[W] = {true, 10, 40, 10}}, "temp", "°C", 43, "temp is 43 °C, above 40 °C"},
	{{.compare = RULE_OUTSIDE, .limits[W] = {true, 10, 40, 10}}, "temp", "°C", -2, "temp is -2 °C, below 10 °C"},
	{{.compare = RULE_OUTSIDE, .limits[W] = {true, 10, 40, 12}}, "temp", "°C", 39, "temp is 39 °C, above 40 °C"}, /* not past clear yet */
	{{.compare = RULE_EQUALS, .limits[W] = {true, 0, 0, 0}}, "net.link/eth0", "", 0, "net.link/eth0 is 0"},
	{{ABOVE_80, .fold = RULE_AVG, .window_ms = 300000}, "cpu", "percent", 90, "cpu (avg over 5 min) is 90 %, above 80 %"},
	{{ABOVE_80, .fold = RULE_PERCENTILE, .percentile = 99.9, .window_ms = 60000}, "cpu", "percent", 90,
		"cpu (p99.9 over 1 min) is 90 %, above 80 %"},
	{{ABOVE_80, .fold = RULE_RATE, .window_ms = 60000}, "x", "bytes", 90, "x (rate over 1 min) is 90, above 80"},
	{{.compare = RULE_FULL_IN, .full_in_ms = 14400000, .limits[W] = {.set = true}}, "fs.used_percent//", "percent", 11520000,
		"fs.used_percent// will be full in 3.2 h"},
	{{.compare = RULE_FULL_IN, .full_in_ms = 14400000, .limits[W] = {.set = true}}, "fs.used_percent//", "percent", 0, "fs.used_percent// is full"},
	{{.compare = RULE_ABSENT, .absent_ms = 30000, .limits[W] = {.set = true}}, "device.temp/b", "", 31000, "device.temp/b has been silent for 31 s"},
};

static void test_says_sentences(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sentences); i++) {
		struct buf out;

		buf_init(&out, 1000);
		rule_say(&sentences[i].rule, SEVERITY_WARNING, sentences[i].name, sentences[i].value, sentences[i].unit, &out);
		CHECK(strcmp(out.data, sentences[i].want) == 0, "%s", out.data);
		buf_release(&out);
	}
}

static const struct {
	struct rule rule;
	const char *unit;
	double value;
	const char *want;
} measures[] = {
	{{ABOVE_80}, "percent", 12.34, "12.3 %"},
	{{ABOVE_80, .fold = RULE_AVG, .window_ms = 300000}, "bytes/s", 2048, "2 KiB/s (avg over 5 min)"},
	{{ABOVE_80, .fold = RULE_RATE, .window_ms = 60000}, "bytes", 3, "3 (rate over 1 min)"},
	{{.compare = RULE_FULL_IN, .full_in_ms = 14400000, .limits[W] = {.set = true}}, "percent", 32400000, "full in 9 h"},
	{{.compare = RULE_FULL_IN, .full_in_ms = 14400000, .limits[W] = {.set = true}}, "percent", INFINITY, "does not fill up"},
};

static void test_says_measures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(measures); i++) {
		struct buf out;

		buf_init(&out, 1000);
		rule_say_measure(&measures[i].rule, measures[i].value, measures[i].unit, &out);
		CHECK(strcmp(out.data, measures[i].want) == 0, "%s", out.data);
		buf_release(&out);
	}
}

/* ---- the end ---- */

static void test_releases_all(void **state)
{
	struct rule r = {.name = xstrdup("a"), .type = xstrdup("b"), .metric = xstrdup("c"), .summary = xstrdup("d"), .runbook = xstrdup("e"),
		.labels = xcalloc(2, sizeof(char *)), .nlabels = 2, .channels = xcalloc(1, sizeof(char *)), .nchannels = 1,
		.inhibited_by = xcalloc(1, sizeof(char *)), .ninhibited_by = 1, .hours = xcalloc(1, sizeof(struct rule_hours)), .nhours = 1};
	(void)state;

	r.labels[0] = xstrdup("a=b");
	r.labels[1] = xstrdup("c=d");
	r.channels[0] = xstrdup("ops");
	r.inhibited_by[0] = xstrdup("x");
	rule_release(&r);
	assert_null(r.name);
	rule_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judges),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_parses_hours),
		cmocka_unit_test(test_knows_the_hour),
		cmocka_unit_test(test_parses_folds),
		cmocka_unit_test(test_folds),
		cmocka_unit_test(test_forecasts),
		cmocka_unit_test(test_refuses_impossible_rules),
		cmocka_unit_test(test_refuses_impossible_sets),
		cmocka_unit_test(test_fills_templates),
		cmocka_unit_test(test_says_values),
		cmocka_unit_test(test_says_durations),
		cmocka_unit_test(test_says_sentences),
		cmocka_unit_test(test_says_measures),
		cmocka_unit_test(test_releases_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
