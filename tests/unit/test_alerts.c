/* test_alerts.c: alerts from the first sample over the limit to their end, on a clock of our own: a second a turn, each with the
 * samples that came and a tick. What was told is a line: second, change, severity, series, value, and ! where channels hear of it. */
#include "check.h"

#include "alerts/alerts.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

#define T0 INT64_C(1700000040000)
#define MAX_SERIES 12
#define MAX_RULES 4
#define UNKNOWN NAN            /* says that it is unknown */
#define SILENT INFINITY        /* says nothing */
#define GONE (-INFINITY)       /* is retired */
#define I SEVERITY_INFO
#define W SEVERITY_WARNING
#define C SEVERITY_CRITICAL
#define ABOVE(at, back) {.set = true, .low = at, .clear = back}

#define SAVED(i, r, s, who, text, is, st, v) \
	{.id = i, .rule = r, .series = s, .by = who, .note = text, .severity = is, .state = st, .value = v, .starts_ms = T0 - 5000}

/* ---- a world with a clock ---- */

struct world {
	struct store *store;
	struct alerts *alerts;
	int64_t now_ms;
	int weekday, minute;
	uint32_t interval_s;
	const char *unit;
	enum store_kind kind;
	struct {
		const char *id;
		store_ref ref;
		double value;
	} series[MAX_SERIES];
	struct buf told;
	bool verbose;          /* state, by and note, too */
	bool threshold;        /* likewise */
	char last_id[ALERT_ID_LEN + 1];
	struct buf silences;   /* those that ended with their alert, and when */
};

static const char *const changes[] = {"started", "raised", "changed", "ended"};

static void on_change(void *user, enum alert_change what, const struct alert_view *v, bool notify)
{
	struct world *w = user;

	assert_int_equal(strlen(v->id), ALERT_ID_LEN);
	assert_int_equal(v->changed_ms, w->now_ms);
	assert_true((what == ALERT_ENDED) == (v->state == ALERT_RESOLVED));
	assert_true((v->ends_ms != 0) == (what == ALERT_ENDED));
	assert_true(v->state != ALERT_PENDING);
	memcpy(w->last_id, v->id, sizeof w->last_id);
	buf_addf(&w->told, "%lld %s %s %s %g", (long long)(w->now_ms - T0) / 1000, changes[what], severity_name(v->severity), v->series,
		v->value);
	if (w->verbose)
		buf_addf(&w->told, " %s by %s (%s)%s%s%s", alert_state_name(v->state), v->by ? v->by : "-", v->note ? v->note : "-",
			v->flapping ? " flapping" : "", v->inhibited ? " inhibited by " : "", v->inhibited_by ? v->inhibited_by : "");
	if (w->threshold)
		buf_addf(&w->told, " of %g", v->threshold);
	if (v->told && v->told->n) {
		buf_adds(&w->told, " heard by ");
		told_json(v->told, &w->told);
	}
	buf_adds(&w->told, notify ? " !\n" : "\n");
}

static void on_silence_ended(void *user, const struct silence *s, int64_t now_ms)
{
	struct world *w = user;

	buf_addf(&w->silences, "%s %lld;", s->id, (long long)(now_ms - T0) / 1000);
}

static const char *resolve(const char *metric)
{
	return strcmp(metric, "cpu") == 0 ? "cpu.usage" : metric;
}

static char **copies(char **at, size_t n)
{
	char **out = xcalloc(n, sizeof *out);

	for (size_t i = 0; i < n; i++)
		out[i] = xstrdup(at[i]);
	return out;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/* Rules of a row, as the configuration would give them: owned. A row ends with a rule without a name. */
static struct rule *rules_of(const struct rule *from, size_t *n)
{
	struct rule *out = xcalloc(MAX_RULES, sizeof *out);
	char why[300];
	size_t which;

	for (*n = 0; *n < MAX_RULES && from[*n].name; ++*n) {
		struct rule *r = &out[*n];

		*r = from[*n];
		CHECK(rule_check(r, why, sizeof why), "%s", why);
		r->name = copy(r->name);
		r->type = copy(r->type);
		r->metric = copy(r->metric);
		r->summary = copy(r->summary);
		r->runbook = copy(r->runbook);
		r->labels = copies(r->labels, r->nlabels);
		r->inhibited_by = copies(r->inhibited_by, r->ninhibited_by);
		r->inhibits = copies(r->inhibits, r->ninhibits);
		r->channels = NULL;
		r->hours = r->nhours ? xmemdup(r->hours, r->nhours * sizeof *r->hours) : NULL;
	}
	CHECK(rules_check(out, *n, &which, why, sizeof why), "%s", why);
	return out;
}

static struct alerts *alerts_of(struct world *w, const struct rule *rules)
{
	const struct alerts_hooks hooks = {.user = w, .changed = on_change, .silence_ended = on_silence_ended, .resolve = resolve};
	size_t n;
	struct rule *mine = rules_of(rules, &n);

	return alerts_new(w->store, "box", mine, n, &hooks);
}

static void world_init(struct world *w, const struct rule *rules)
{
	*w = (struct world){.now_ms = T0, .weekday = 3, .minute = 600, .interval_s = 1, .unit = "percent"};
	w->store = store_new(&(struct store_config){64, 3600, 86400, 1000}, -1);
	buf_init(&w->told, 1 << 20);
	buf_init(&w->silences, 1 << 20);
	w->alerts = alerts_of(w, rules);
}

static void world_release(struct world *w)
{
	alerts_free(w->alerts);
	store_free(w->store);
	buf_release(&w->told);
	buf_release(&w->silences);
}

static size_t series_at(struct world *w, const char *id)
{
	size_t i = 0;

	while (i < MAX_SERIES && w->series[i].id && strcmp(w->series[i].id, id) != 0)
		i++;
	assert_true(i < MAX_SERIES);
	if (!w->series[i].id) {
		w->series[i].id = id;
		w->series[i].value = SILENT;
	}
	return i;
}

/* From now on id has this value, at each of its times. */
static void set(struct world *w, const char *id, double value)
{
	size_t i = series_at(w, id);

	if (value == GONE)
		store_retire(w->store, w->series[i].ref);
	else if (w->series[i].ref == STORE_NONE || w->series[i].value == GONE)
		w->series[i].ref = store_series(w->store,
			&(struct store_info){id, w->unit, "a line", "test", w->kind, w->interval_s * 1000});
	w->series[i].value = value;
}

static void drain(struct world *w)
{
	struct store_fresh fresh[MAX_SERIES];
	size_t n;

	while ((n = store_drain(w->store, fresh, MAX_SERIES, NULL)) > 0)
		for (size_t i = 0; i < n; i++)
			alerts_sample(w->alerts, &fresh[i], w->now_ms);
}

static void tick(struct world *w)
{
	alerts_tick(w->alerts, w->now_ms, w->weekday, w->minute);
}

/* One second: what came, then the tick. Then the next second begins. */
static void turn(struct world *w)
{
	struct store_sample batch[MAX_SERIES];
	size_t n = 0;

	for (size_t i = 0; i < MAX_SERIES && w->series[i].id; i++)
		if (!isinf(w->series[i].value) && (w->now_ms - T0) / 1000 % w->interval_s == 0)
			batch[n++] = (struct store_sample){w->series[i].ref, w->series[i].value};
	if (n)
		store_publish(w->store, w->now_ms, batch, n);
	drain(w);
	tick(w);
	w->now_ms += 1000;
}

static void run(struct world *w, int seconds)
{
	while (seconds--)
		turn(w);
}

#define EXPECT(w, want)                                                                                   \
	do {                                                                                              \
		if (strcmp((w)->told.data, want) != 0)                                                    \
			fail_msg("told:\n%s--- instead of:\n%s", (w)->told.data, want);                   \
		buf_reset(&(w)->told);                                                                    \
	} while (0)

/* The same numbers every time. */
static unsigned seed = 1;

static unsigned draw(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* ---- rows: values over time, and what is told ---- */

struct change {
	int at_s;
	const char *id;
	double value;
};

#define CPU {.name = "CPU", .metric = "cpu", .limits[W] = ABOVE(80, 80)}

static const struct row {
	const char *name;
	struct rule rules[MAX_RULES];
	uint32_t interval_s;   /* 0: 1 */
	int seconds;
	struct change changes[16];
	const char *want;
} rows[] = {
	{"a value above fires with its sample and resolves with the next", {CPU}, 0, 10,
		{{0, "cpu.usage", 50}, {3, "cpu.usage", 93}, {5, "cpu.usage", 80}},
		"3 started warning cpu.usage 93 !\n5 ended warning cpu.usage 80 !\n"},
	{"the first sample of a series counts", {CPU}, 0, 3, {{1, "cpu.usage", 93}}, "1 started warning cpu.usage 93 !\n"},
	{"values are followed silently", {CPU}, 0, 10, {{0, "cpu.usage", 90}, {3, "cpu.usage", 99}, {6, "cpu.usage", 81}, {9, "cpu.usage", 1}},
		"0 started warning cpu.usage 90 !\n9 ended warning cpu.usage 1 !\n"},
	{"hysteresis", {{.name = "A", .metric = "cpu", .limits[W] = ABOVE(80, 75)}}, 0, 10,
		{{0, "cpu.usage", 78}, {2, "cpu.usage", 81}, {3, "cpu.usage", 76}, {6, "cpu.usage", 75}, {7, "cpu.usage", 80}},
		"2 started warning cpu.usage 81 !\n6 ended warning cpu.usage 75 !\n"},
	{"a severity rises and falls", {{.name = "A", .metric = "cpu", .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}}, 0, 10,
		{{0, "cpu.usage", 85}, {2, "cpu.usage", 95}, {4, "cpu.usage", 85}, {6, "cpu.usage", 5}, {8, "cpu.usage", 95}},
		"0 started warning cpu.usage 85 !\n2 raised critical cpu.usage 95 !\n4 changed warning cpu.usage 85 !\n"
		"6 ended warning cpu.usage 5 !\n8 started critical cpu.usage 95 !\n"},

	{"for: too short is nothing", {{.name = "A", .metric = "cpu", .for_ms = 5000, .limits[W] = ABOVE(80, 80)}}, 0, 20,
		{{0, "cpu.usage", 50}, {1, "cpu.usage", 90}, {6, "cpu.usage", 50}, {7, "cpu.usage", 90}, {8, "cpu.usage", 50}}, ""},
	{"for: long enough fires", {{.name = "A", .metric = "cpu", .for_ms = 5000, .limits[W] = ABOVE(80, 80)}}, 0, 20,
		{{1, "cpu.usage", 90}, {9, "cpu.usage", 50}}, "6 started warning cpu.usage 90 !\n9 ended warning cpu.usage 50 !\n"},
	{"for: each severity has its own", {{.name = "A", .metric = "cpu", .for_ms = 5000, .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}}, 0, 20,
		{{0, "cpu.usage", 85}, {3, "cpu.usage", 95}, {12, "cpu.usage", 85}},
		"5 started warning cpu.usage 95 !\n8 raised critical cpu.usage 95 !\n12 changed warning cpu.usage 85 !\n"},
	{"for: is over the time of a slow collector", {{.name = "A", .metric = "cpu", .for_ms = 15000, .limits[W] = ABOVE(80, 80)}}, 10, 40,
		{{0, "cpu.usage", 90}}, "15 started warning cpu.usage 90 !\n"},
	{"keep: a short calm does not resolve", {{.name = "A", .metric = "cpu", .keep_ms = 5000, .limits[W] = ABOVE(80, 80)}}, 0, 30,
		{{0, "cpu.usage", 90}, {3, "cpu.usage", 10}, {7, "cpu.usage", 90}, {10, "cpu.usage", 10}},
		"0 started warning cpu.usage 90 !\n15 ended warning cpu.usage 10 !\n"},
	{"keep: the lower severity waits too", {{.name = "A", .metric = "cpu", .keep_ms = 5000, .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}}, 0, 30,
		{{0, "cpu.usage", 95}, {3, "cpu.usage", 85}, {6, "cpu.usage", 10}},
		"0 started critical cpu.usage 95 !\n8 changed warning cpu.usage 10 !\n11 ended warning cpu.usage 10 !\n"},

	{"unknown keeps the state", {CPU}, 0, 20,
		{{0, "cpu.usage", 90}, {2, "cpu.usage", UNKNOWN}, {6, "cpu.usage", SILENT}, {9, "cpu.usage", 91}, {10, "cpu.usage", UNKNOWN}, {12, "cpu.usage", 1}},
		"0 started warning cpu.usage 90 !\n12 ended warning cpu.usage 1 !\n"},
	{"unknown never fires", {CPU}, 0, 20, {{0, "cpu.usage", UNKNOWN}, {5, "cpu.usage", SILENT}}, ""},
	{"unknown does not count for `for`", {{.name = "A", .metric = "cpu", .for_ms = 10000, .limits[W] = ABOVE(80, 80)}}, 0, 60,
		{{0, "cpu.usage", 90}, {5, "cpu.usage", SILENT}, {35, "cpu.usage", 90}}, "41 started warning cpu.usage 90 !\n"},
	{"a sample that is a little late does not matter", {{.name = "A", .metric = "cpu", .for_ms = 10000, .limits[W] = ABOVE(80, 80)}}, 0, 20,
		{{0, "cpu.usage", 90}, {3, "cpu.usage", SILENT}, {5, "cpu.usage", 90}}, "10 started warning cpu.usage 90 !\n"},
	{"nor for `keep`", {{.name = "A", .metric = "cpu", .keep_ms = 10000, .limits[W] = ABOVE(80, 80)}}, 0, 60,
		{{0, "cpu.usage", 90}, {5, "cpu.usage", 10}, {8, "cpu.usage", UNKNOWN}, {38, "cpu.usage", 10}},
		"0 started warning cpu.usage 90 !\n46 ended warning cpu.usage 10 !\n"},

	{"below", {{.name = "A", .metric = "x", .compare = RULE_BELOW, .limits[C] = ABOVE(10, 15)}}, 0, 9,
		{{0, "x", 10}, {1, "x", 9}, {3, "x", 14}, {5, "x", 15}}, "1 started critical x 9 !\n5 ended critical x 15 !\n"},
	{"outside", {{.name = "A", .metric = "x", .compare = RULE_OUTSIDE, .limits[I] = {true, 10, 40, 12}}}, 0, 12,
		{{0, "x", 10}, {2, "x", 41}, {4, "x", 39}, {6, "x", 38}, {8, "x", 5}}, "2 started info x 41 !\n6 ended info x 38 !\n8 started info x 5 !\n"},
	{"equals", {{.name = "A", .metric = "net.link/*", .compare = RULE_EQUALS, .limits[C] = ABOVE(0, 0)}}, 0, 9,
		{{0, "net.link/eth0", 1}, {0, "net.link/eth1", 0}, {3, "net.link/eth0", 0}, {5, "net.link/eth1", 1}},
		"0 started critical net.link/eth1 0 !\n3 started critical net.link/eth0 0 !\n5 ended critical net.link/eth1 1 !\n"},

	{"a pattern makes one alert for each series", {{.name = "A", .metric = "disk.busy/*", .limits[W] = ABOVE(90, 90)}}, 0, 12,
		{{0, "disk.busy/sda", 95}, {0, "disk.busy/sdb", 5}, {0, "disk.await/sda", 95}, {4, "disk.busy/sdc", 99}, {6, "disk.busy/sda", 1}, {8, "disk.busy/sdb", 91}},
		"0 started warning disk.busy/sda 95 !\n4 started warning disk.busy/sdc 99 !\n6 ended warning disk.busy/sda 1 !\n"
		"8 started warning disk.busy/sdb 91 !\n"},
	{"two rules on one series", {CPU, {.name = "B", .metric = "cpu.*", .limits[C] = ABOVE(90, 90)}}, 0, 9, {{0, "cpu.usage", 85}, {3, "cpu.usage", 95}},
		"0 started warning cpu.usage 85 !\n3 started critical cpu.usage 95 !\n"},
	{"a series that goes is waited for, then its alert ends", {{.name = "A", .metric = "disk.busy/*", .limits[W] = ABOVE(90, 90)}}, 0, 700,
		{{0, "disk.busy/sda", 95}, {0, "disk.busy/sdb", 95}, {10, "disk.busy/sda", GONE}, {10, "disk.busy/sdb", GONE}, {100, "disk.busy/sdb", 96}},
		"0 started warning disk.busy/sda 95 !\n0 started warning disk.busy/sdb 95 !\n310 ended warning disk.busy/sda 95 !\n"},
	{"likewise of an exact id, which goes on waiting", {CPU}, 0, 700, {{0, "cpu.usage", 95}, {10, "cpu.usage", GONE}, {400, "cpu.usage", 96}},
		"0 started warning cpu.usage 95 !\n310 ended warning cpu.usage 95 !\n400 started warning cpu.usage 96 !\n"},
	{"pending does not survive its series", {{.name = "A", .metric = "disk.busy/*", .for_ms = 10000, .limits[W] = ABOVE(90, 90)}}, 0, 40,
		{{0, "disk.busy/sda", 95}, {5, "disk.busy/sda", GONE}, {6, "disk.busy/sda", 95}}, "16 started warning disk.busy/sda 95 !\n"},

	{"absent: an exact id, never seen", {{.name = "A", .metric = "x", .compare = RULE_ABSENT, .absent_ms = 5000, .limits[W] = {.set = true}}}, 0, 20,
		{{8, "x", 1}}, "5 started warning x 5000 !\n8 ended warning x 0 !\n"},
	{"absent: silent, then back", {{.name = "A", .metric = "x", .compare = RULE_ABSENT, .absent_ms = 5000, .limits[W] = {.set = true}}}, 0, 30,
		{{0, "x", 1}, {10, "x", SILENT}, {20, "x", 1}}, "14 started warning x 5000 !\n20 ended warning x 0 !\n"},
	{"absent: unknown is silence", {{.name = "A", .metric = "x", .compare = RULE_ABSENT, .absent_ms = 5000, .limits[W] = {.set = true}}}, 0, 30,
		{{0, "x", 1}, {10, "x", UNKNOWN}}, "14 started warning x 5000 !\n"},
	{"absent: longer is worse", {{.name = "A", .metric = "x", .compare = RULE_ABSENT, .absent_ms = 5000, .limits = {[W] = {.set = true}, [C] = ABOVE(10000, 0)}}}, 0, 30,
		{{0, "x", 1}, {3, "x", SILENT}}, "7 started warning x 5000 !\n12 raised critical x 10000 !\n"},
	{"absent: a pattern, of what it matched", {{.name = "A", .metric = "dev/*", .compare = RULE_ABSENT, .absent_ms = 5000, .limits[W] = {.set = true}}}, 0, 40,
		{{10, "dev/a", 1}, {10, "dev/b", 1}, {15, "dev/a", GONE}, {30, "dev/a", 1}},
		"19 started warning dev/a 5000 !\n30 ended warning dev/a 0 !\n"},

	{"avg of a window", {{.name = "A", .metric = "cpu", .fold = RULE_AVG, .window_ms = 10000, .limits[W] = ABOVE(80, 80)}}, 0, 40,
		{{0, "cpu.usage", 70}, {20, "cpu.usage", 100}, {30, "cpu.usage", 0}},
		"23 started warning cpu.usage 82 !\n31 ended warning cpu.usage 80 !\n"},
	{"a window that is mostly empty says nothing", {{.name = "A", .metric = "cpu", .fold = RULE_MAX, .window_ms = 20000, .limits[W] = ABOVE(80, 80)}}, 0, 20,
		{{0, "cpu.usage", 100}, {1, "cpu.usage", 1}}, "10 started warning cpu.usage 100 !\n"},
	{"min and max", {{.name = "A", .metric = "x", .fold = RULE_MIN, .window_ms = 5000, .limits[W] = ABOVE(80, 80)},
		{.name = "B", .metric = "x", .fold = RULE_MAX, .window_ms = 5000, .limits[C] = ABOVE(80, 80)}}, 0, 40,
		{{0, "x", 10}, {20, "x", 90}, {30, "x", 10}},
		"20 started critical x 90 !\n24 started warning x 90 !\n30 ended warning x 10 !\n34 ended critical x 10 !\n"},
	{"delta", {{.name = "A", .metric = "x", .fold = RULE_DELTA, .window_ms = 10000, .limits[W] = ABOVE(5, 5)}}, 0, 40,
		{{0, "x", 1}, {20, "x", 7}}, "20 started warning x 6 !\n29 ended warning x 0 !\n"},
	{"rate", {{.name = "A", .metric = "x", .fold = RULE_RATE, .window_ms = 3000, .limits[W] = ABOVE(5, 5)}}, 0, 40,
		{{0, "x", 0}, {20, "x", 20}}, "20 started warning x 10 !\n22 ended warning x 0 !\n"},
	{"percentile", {{.name = "A", .metric = "x", .fold = RULE_PERCENTILE, .percentile = 50, .window_ms = 10000, .limits[W] = ABOVE(80, 80)}}, 0, 40,
		{{0, "x", 10}, {20, "x", 90}, {21, "x", 95}}, "25 started warning x 92.5 !\n"},
	{"a window whose series is silent says nothing new", {{.name = "A", .metric = "x", .fold = RULE_AVG, .window_ms = 10000, .limits[W] = ABOVE(80, 80)}}, 0, 60,
		{{0, "x", 90}, {20, "x", SILENT}}, "5 started warning x 90 !\n"},
	{"though what is left in it would", {{.name = "A", .metric = "x", .fold = RULE_MAX, .window_ms = 30000, .limits[W] = ABOVE(80, 80)}}, 0, 60,
		{{0, "x", 90}, {21, "x", 10}, {25, "x", SILENT}}, "15 started warning x 90 !\n"},
	{"no peak is lost in a long window", {{.name = "A", .metric = "x", .fold = RULE_MAX, .window_ms = 600000, .limits[W] = ABOVE(80, 80)}}, 0, 900,
		{{0, "x", 0}, {401, "x", 100}, {402, "x", 0}}, "410 started warning x 100 !\n"},
};

static void play(const struct row *row)
{
	struct world w;

	world_init(&w, row->rules);
	w.interval_s = row->interval_s ? row->interval_s : 1;
	for (int s = 0; s < row->seconds; s++) {
		for (size_t i = 0; i < COUNT(row->changes); i++)
			if (row->changes[i].id && row->changes[i].at_s == s)
				set(&w, row->changes[i].id, row->changes[i].value);
		turn(&w);
	}
	if (strcmp(w.told.data, row->want) != 0)
		fail_msg("%s:\n%s--- instead of:\n%s", row->name, w.told.data, row->want);
	world_release(&w);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		play(&rows[i]);
}

/* ---- forecasts and counters ---- */

static void test_forecast(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "FILLS", .metric = "fs/*", .compare = RULE_FULL_IN, .full_in_ms = 3600000, .limits[W] = {.set = true}}};
	struct world w;
	double used = 50;
	(void)state;

	world_init(&w, rules);
	w.interval_s = 10;
	set(&w, "fs/level", 90);
	/* A tenth of a percent in ten seconds: 100 after 5000 s; within the hour from 1400 s on. */
	for (int s = 0; s < 1500; s++) {
		set(&w, "fs/a", used = s % 10 == 0 ? 50 + s / 100.0 : used);
		turn(&w);
	}
	assert_memory_equal(w.told.data, "14", 2);
	assert_non_null(strstr(w.told.data, " started warning fs/a 3"));
	assert_ptr_equal(strchr(w.told.data, '\n'), w.told.data + w.told.len - 1);
	/* Somebody made room. */
	buf_reset(&w.told);
	set(&w, "fs/a", 20);
	run(&w, 900);
	assert_non_null(strstr(w.told.data, " ended warning fs/a "));
	world_release(&w);

	/* What is not in percent has no known end. */
	world_init(&w, rules);
	w.unit = "bytes";
	for (int s = 0; s < 700; s++) {
		set(&w, "fs/a", 50 + s / 20.0);
		turn(&w);
	}
	EXPECT(&w, "");
	world_release(&w);
}

static void test_counter_starts_over(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "D", .metric = "x", .fold = RULE_DELTA, .window_ms = 10000, .compare = RULE_BELOW, .limits[W] = ABOVE(0, 0)}};
	const char *const want[] = {[STORE_GAUGE] = "30 started warning x -21 !\n39 ended warning x 9 !\n", [STORE_COUNTER] = ""};
	(void)state;

	for (enum store_kind kind = STORE_GAUGE; kind <= STORE_COUNTER; kind += STORE_COUNTER) {
		struct world w;

		world_init(&w, rules);
		w.kind = kind;
		for (int s = 0; s < 60; s++) {
			set(&w, "x", s % 30);
			turn(&w);
		}
		EXPECT(&w, want[kind]);
		world_release(&w);
	}
}

/* ---- people ---- */

static void note_id(void *user, const struct alert_view *v)
{
	memcpy(user, v->id, ALERT_ID_LEN + 1);
}

static void test_acknowledges(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "A", .metric = "cpu", .for_ms = 3000, .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}};
	char id[ALERT_ID_LEN + 1] = "";
	const char *why = NULL;
	struct alert_view v;
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	set(&w, "cpu.usage", 85);
	run(&w, 2);
	alerts_each(w.alerts, note_id, id);
	assert_true(alerts_find(w.alerts, id, &v) && v.state == ALERT_PENDING && v.severity == W && v.starts_ms == T0);
	assert_int_equal(alerts_acknowledge(w.alerts, id, "eve", NULL, w.now_ms, &why), -EINVAL);
	assert_string_equal(why, "it does not fire yet");
	run(&w, 3);
	EXPECT(&w, "3 started warning cpu.usage 85 firing by - (-) !\n");
	assert_string_equal(w.last_id, id);
	assert_true(alerts_find(w.alerts, id, &v) && v.starts_ms == T0 + 3000);

	assert_int_equal(alerts_acknowledge(w.alerts, "nobody", "eve", NULL, w.now_ms, &why), -ENOENT);
	assert_int_equal(alerts_acknowledge(w.alerts, id, "eve", "seen", w.now_ms, &why), 0);
	EXPECT(&w, "5 changed warning cpu.usage 85 acknowledged by eve (seen) !\n");
	assert_int_equal(alerts_acknowledge(w.alerts, id, "bob", NULL, w.now_ms, &why), -EINVAL);
	assert_string_equal(why, "it is acknowledged already");

	/* Worse than what was seen: it fires again. */
	set(&w, "cpu.usage", 95);
	run(&w, 5);
	EXPECT(&w, "8 raised critical cpu.usage 95 firing by - (-) !\n");
	assert_int_equal(alerts_acknowledge(w.alerts, id, "bob", NULL, w.now_ms, &why), 0);
	EXPECT(&w, "10 changed critical cpu.usage 95 acknowledged by bob (-) !\n");
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	EXPECT(&w, "10 changed warning cpu.usage 85 acknowledged by bob (-) !\n");
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "11 ended warning cpu.usage 1 resolved by bob (-) !\n");
	assert_string_equal(w.last_id, id);
	assert_false(alerts_find(w.alerts, id, &v));
	assert_int_equal(alerts_acknowledge(w.alerts, id, "bob", NULL, w.now_ms, &why), -ENOENT);

	/* The next one is another. */
	set(&w, "cpu.usage", 85);
	run(&w, 5);
	assert_string_not_equal(w.last_id, id);
	world_release(&w);
}

static struct silence silence_of(const struct world *w, const char *id, const char *matcher, int from_s, int until_s)
{
	struct silence s = {.matcher = (char *)(uintptr_t)matcher, .by = (char *)(uintptr_t)"eve", .note = NULL,
		.from_ms = w->now_ms + from_s * 1000, .until_ms = w->now_ms + until_s * 1000};

	snprintf(s.id, sizeof s.id, "%s", id);
	return s;
}

static void silence(struct world *w, const char *id, const char *matcher, int from_s, int until_s)
{
	struct silence s = silence_of(w, id, matcher, from_s, until_s);

	assert_int_equal(alerts_silence(w->alerts, &s, w->now_ms), 0);
}

static void test_silences(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU};
	const char *why;
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	EXPECT(&w, "0 started warning cpu.usage 85 firing by - (-) !\n");
	silence(&w, "s1", "rule=CPU", 0, 10);
	EXPECT(&w, "1 changed warning cpu.usage 85 silenced by eve (-)\n");
	run(&w, 12);
	/* Channels knew of it before: nothing new for them. */
	EXPECT(&w, "11 changed warning cpu.usage 85 firing by - (-)\n");

	/* One that started while it was silenced is told when the silence ends; its end, because its beginning was. */
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	silence(&w, "s2", "rule=C*, series=cpu.usage", 2, 10);
	set(&w, "cpu.usage", 1);
	run(&w, 3);
	set(&w, "cpu.usage", 85);
	run(&w, 10);
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "13 ended warning cpu.usage 1 resolved by - (-) !\n17 started warning cpu.usage 85 silenced by eve (-)\n"
		"24 changed warning cpu.usage 85 firing by - (-) !\n27 ended warning cpu.usage 1 resolved by - (-) !\n");

	/* One that came and went in silence. */
	world_release(&w);
	world_init(&w, rules);
	w.verbose = true;
	silence(&w, "s3", "severity=warning", 0, 100);
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "0 started warning cpu.usage 85 silenced by eve (-)\n1 ended warning cpu.usage 1 resolved by - (-)\n");

	/* An id that exists is replaced; until in the past ends it. */
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	silence(&w, "s3", "severity=critical", 0, 100);
	EXPECT(&w, "2 started warning cpu.usage 85 silenced by eve (-)\n3 changed warning cpu.usage 85 firing by - (-) !\n");
	silence(&w, "s3", "severity=*", 0, 100);
	EXPECT(&w, "3 changed warning cpu.usage 85 silenced by eve (-)\n");
	silence(&w, "s3", "severity=*", 0, 0);
	EXPECT(&w, "3 changed warning cpu.usage 85 firing by - (-)\n");

	/* Of two people who spoke, the later is shown; under a silence nobody is told of an acknowledgement. */
	silence(&w, "s4", "metric=cpu", 0, 5);
	assert_int_equal(alerts_acknowledge(w.alerts, w.last_id, "bob", "mine", w.now_ms, &why), 0);
	EXPECT(&w, "3 changed warning cpu.usage 85 silenced by eve (-)\n3 changed warning cpu.usage 85 acknowledged by bob (mine)\n");
	run(&w, 6);
	EXPECT(&w, "");
	silence(&w, "s5", "metric=cpu", 0, 2);
	EXPECT(&w, "9 changed warning cpu.usage 85 silenced by eve (-)\n");
	run(&w, 3);
	EXPECT(&w, "11 changed warning cpu.usage 85 acknowledged by bob (mine)\n");
	world_release(&w);

	/* The later one also when both spoke in the same millisecond, or the clock was set back between them. */
	for (int back = 0; back < 2; back++) {
		world_init(&w, rules);
		w.verbose = true;
		set(&w, "cpu.usage", 85);
		run(&w, 1);
		assert_int_equal(alerts_acknowledge(w.alerts, w.last_id, "bob", "mine", w.now_ms, &why), 0);
		w.now_ms -= back * 500;
		buf_reset(&w.told);
		silence(&w, "s6", "metric=cpu", 0, 5);
		EXPECT(&w, back ? "0 changed warning cpu.usage 85 silenced by eve (-)\n" : "1 changed warning cpu.usage 85 silenced by eve (-)\n");
		world_release(&w);
	}

	/* One that begins later. */
	world_init(&w, rules);
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	silence(&w, "s", "rule=CPU", 3, 5);
	run(&w, 7);
	EXPECT(&w, "0 started warning cpu.usage 85 !\n4 changed warning cpu.usage 85\n6 changed warning cpu.usage 85\n");
	world_release(&w);
}

/* A silence that has begun goes on when the clock is set back to before its beginning; whoever fires meanwhile is not told. */
static void test_silences_outlast_the_clock(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU, {.name = "X", .metric = "x", .limits[W] = ABOVE(80, 80)}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	run(&w, 1);
	silence(&w, "s", "rule=*", 0, 20);
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	EXPECT(&w, "1 started warning cpu.usage 85\n");
	w.now_ms -= 3600000;
	set(&w, "x", 85);
	run(&w, 5);
	EXPECT(&w, "-3598 started warning x 85\n");
	w.now_ms += 3600000 - 6000;
	run(&w, 30);
	EXPECT(&w, "21 changed warning cpu.usage 85 !\n21 changed warning x 85 !\n");
	world_release(&w);
}

static void count_silence(void *user, const struct silence *s)
{
	buf_addf(user, "%s %s;", s->id, s->matcher);
}

static void test_lists_silences(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU};
	struct world w;
	struct silence bad;
	(void)state;

	world_init(&w, rules);
	silence(&w, "before", "rule=*", 0, 5); /* before the first tick */
	run(&w, 1);
	silence(&w, "later", "rule=X", 10, 20);
	silence(&w, "over", "rule=X", -20, -10);
	bad = silence_of(&w, "bad", "rule", 0, 5);
	assert_int_equal(alerts_silence(w.alerts, &bad, w.now_ms), -EINVAL);
	bad = silence_of(&w, "", "rule=*", 0, 5);
	assert_int_equal(alerts_silence(w.alerts, &bad, w.now_ms), -EINVAL);
	alerts_each_silence(w.alerts, count_silence, &w.told);
	EXPECT(&w, "before rule=*;later rule=X;");
	run(&w, 25);
	alerts_each_silence(w.alerts, count_silence, &w.told);
	EXPECT(&w, "");
	world_release(&w);
}

/* One of a single alert: it ends with that alert, is given back with it after a restart, and covers no other. */
static void test_silenced_until_resolved(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU};
	struct alert_saved saved = SAVED("aaaaaaaaaaaaaaaaaaaa", "CPU", "cpu.usage", "eve", "", W, ALERT_SILENCED, 85);
	struct silence s;
	struct alert_view v;
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	s = silence_of(&w, "mine", "rule=CPU,series=cpu.usage", 0, 0);
	s.until_ms = SILENCE_UNTIL_RESOLVED;
	snprintf(s.alert, sizeof s.alert, "%s", saved.id);
	assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), 0); /* before the alert is given back */
	snprintf(s.id, sizeof s.id, "lost");
	snprintf(s.alert, sizeof s.alert, "bbbbbbbbbbbbbbbbbbbb");
	assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), 0); /* and one whose alert ended meanwhile */
	alerts_restore(w.alerts, &saved);
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	assert_string_equal(w.silences.data, "lost 0;");
	assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), -ENOENT);
	assert_true(alerts_find(w.alerts, saved.id, &v) && v.state == ALERT_SILENCED);
	CHECK(strcmp(v.silence, "mine") == 0 && v.silenced_ms == SILENCE_UNTIL_RESOLVED, "%s %lld", v.silence, (long long)v.silenced_ms);
	EXPECT(&w, "");
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	assert_string_equal(w.silences.data, "lost 0;mine 1;");
	alerts_each_silence(w.alerts, count_silence, &w.told);
	EXPECT(&w, "1 ended warning cpu.usage 1 resolved by - (-) !\n");
	set(&w, "cpu.usage", 90);
	run(&w, 1);
	EXPECT(&w, "2 started warning cpu.usage 90 firing by - (-) !\n"); /* another alert */

	/* With an end of its own, and ended by hand. */
	snprintf(s.id, sizeof s.id, "hour");
	snprintf(s.alert, sizeof s.alert, "%s", w.last_id);
	s.until_ms = w.now_ms + 3600000;
	assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), 0);
	EXPECT(&w, "3 changed warning cpu.usage 90 silenced by eve (-)\n");
	s.until_ms += 1000; /* who looks is told until when */
	assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), 0);
	assert_true(alerts_find(w.alerts, w.last_id, &v) && v.silenced_ms == s.until_ms);
	EXPECT(&w, "3 changed warning cpu.usage 90 silenced by eve (-)\n");
	s.until_ms = 1;
	assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), 0);
	assert_true(alerts_find(w.alerts, w.last_id, &v) && !v.silence && !v.silenced_ms);
	assert_string_equal(w.silences.data, "lost 0;mine 1;"); /* who ends one by hand knows it */
	world_release(&w);
}

static char *labels[] = {"team=web", "mount={instance}"};

static const struct {
	const char *matcher;
	bool matches;
} matchers[] = {
	{"rule=*", true}, {"rule=FULL", true}, {"rule=FU*L", true}, {"rule=full", false}, {"rule=FUL", false}, {" rule = FULL ", true},
	{"series=fs//var", true}, {"series=*var", true}, {"series=fs", false}, {"instance=/var", true}, {"instance=/", false},
	{"type=DISK", true}, {"type=FULL", false}, {"metric=fs/*", true}, {"severity=warning", true}, {"severity=critical", false},
	{"severity=*i*", true}, {"team=web", true}, {"team=w*", true}, {"team=db", false}, {"mount=/var", true}, {"mount={*", false},
	{"tea=web", false}, {"nolabel=*", false}, {"rule=FULL,team=web", true}, {"rule=FULL,team=db", false}, {"rule=FULL,", true},
	{"rule=FULL , series=fs//v*,severity=warning", true},
};

static void test_matches(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "FULL", .type = "DISK", .metric = "fs/*", .labels = labels, .nlabels = 2, .limits[W] = ABOVE(80, 80)}};
	(void)state;

	for (size_t i = 0; i < COUNT(matchers); i++) {
		struct alert_view v;
		struct world w;

		world_init(&w, rules);
		set(&w, "fs//var", 90);
		run(&w, 1);
		silence(&w, "s", matchers[i].matcher, 0, 10);
		assert_true(alerts_find(w.alerts, w.last_id, &v));
		CHECK((v.state == ALERT_SILENCED) == matchers[i].matches, "%s", matchers[i].matcher);
		world_release(&w);
	}
}

static const struct {
	const char *matcher, *why;
} bad_matchers[] = {
	{"", "empty"}, {"  ", "empty"}, {"HIGH_CPU", "is not name=pattern"}, {"rule=A,B", "\"B\" is not name=pattern"}, {"rule=", "rule= is empty"},
	{"rule= ,a=b", "rule= is empty"}, {"=x", "is no name"}, {"a-b=c", "is no name"}, {"severity=warn", "severity is info"},
	{"severity=none", "severity is info"}, {"rule=A,,team=x", "is not name=pattern"},
};

static void test_refuses_matchers(void **state)
{
	char why[200], longest[1003];
	(void)state;

	for (size_t i = 0; i < COUNT(bad_matchers); i++) {
		CHECK(!silence_matcher_check(bad_matchers[i].matcher, why, sizeof why), "%s", bad_matchers[i].matcher);
		CHECK(strstr(why, bad_matchers[i].why), "%s: %s", bad_matchers[i].matcher, why);
	}
	memset(longest, '*', sizeof longest);
	memcpy(longest, "a=", 2);
	longest[1001] = '\0';
	assert_false(silence_matcher_check(longest, why, sizeof why));
	longest[1000] = '\0';
	assert_true(silence_matcher_check(longest, why, sizeof why));
}

/* ---- inhibition, hours, flapping ---- */

static char *by_a[] = {"A"}, *by_b[] = {"B"}, *by_c[] = {"C"};
#define BY(at) .inhibited_by = at, .ninhibited_by = 1

static void test_inhibits(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "A", .metric = "full/*", .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}},
		{.name = "B", .metric = "slow/*", BY(by_a), .limits[W] = ABOVE(80, 80)},
		{.name = "C", .metric = "worse/*", BY(by_a), .limits[C] = ABOVE(80, 80)}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	set(&w, "full/a", 85);
	set(&w, "slow/a", 85);
	set(&w, "slow/b", 85);
	set(&w, "worse/a", 85);
	run(&w, 2);
	/* Of the same instance, and not of a milder one. */
	EXPECT(&w, "0 started warning full/a 85 firing by - (-) !\n0 started warning slow/a 85 firing by - (-) inhibited by A\n"
		"0 started warning slow/b 85 firing by - (-) !\n0 started critical worse/a 85 firing by - (-) !\n");
	set(&w, "full/a", 95);
	run(&w, 1);
	EXPECT(&w, "2 raised critical full/a 95 firing by - (-) !\n2 changed critical worse/a 85 firing by - (-) inhibited by A\n");
	/* When the cause is gone and the effect is not, the effect is told. */
	set(&w, "full/a", 5);
	run(&w, 1);
	EXPECT(&w, "3 ended critical full/a 5 resolved by - (-) !\n3 changed warning slow/a 85 firing by - (-) !\n"
		"3 changed critical worse/a 85 firing by - (-)\n");
	world_release(&w);
}

static void test_host_inhibits_the_rest(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "down", .limits[C] = ABOVE(0, 0)}, {.name = "B", .metric = "slow/*", BY(by_a), .limits[W] = ABOVE(80, 80)}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	set(&w, "down", 1);
	set(&w, "slow/a", 85);
	set(&w, "slow/b", 85);
	run(&w, 2);
	EXPECT(&w, "0 started critical down 1 !\n0 started warning slow/a 85\n0 started warning slow/b 85\n");
	set(&w, "slow/a", 5);
	run(&w, 1);
	EXPECT(&w, "2 ended warning slow/a 5\n");
	world_release(&w);
}

/* The host's rule names none of the rest, and the rest do not name it. */
static void test_inhibits_by_pattern(void **state)
{
	static char *all[] = {"*"}, *by[] = {"SL*"};
	const struct rule rules[MAX_RULES] = {{.name = "DOWN", .metric = "link/eth0", .inhibits = all, .ninhibits = 1, .limits[W] = ABOVE(0, 0)},
		{.name = "SLOW", .metric = "slow/*", .limits[W] = ABOVE(80, 80)},
		{.name = "WORSE", .metric = "worse/*", .limits[C] = ABOVE(80, 80)},
		{.name = "B", .metric = "b", .inhibited_by = by, .ninhibited_by = 1, .limits[W] = ABOVE(80, 80)}};
	struct world w;
	struct buf out;
	(void)state;

	world_init(&w, rules);
	buf_init(&out, 10000);
	set(&w, "slow/a", 85);
	set(&w, "worse/a", 85);
	run(&w, 1);
	set(&w, "b", 85);
	run(&w, 1);
	EXPECT(&w, "0 started warning slow/a 85 !\n0 started critical worse/a 85 !\n1 started warning b 85\n");
	assert_true(alerts_explain(w.alerts, "B", &out));
	assert_non_null(strstr(out.data, "; fires, warning; inhibited by SLOW on slow/a\n"));
	/* Its own alert speaks, and so does what is worse. */
	set(&w, "link/eth0", 1);
	run(&w, 1);
	EXPECT(&w, "2 started warning link/eth0 1 !\n2 changed warning slow/a 85\n");
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "SLOW", &out));
	assert_non_null(strstr(out.data, "; inhibited by DOWN on link/eth0\n"));
	set(&w, "link/eth0", 0);
	run(&w, 1);
	EXPECT(&w, "3 ended warning link/eth0 0 !\n3 changed warning slow/a 85\n");
	buf_release(&out);
	world_release(&w);
}

/* Of two that silence everything the older speaks, or the worse. */
static void test_two_inhibit_all(void **state)
{
	static char *all[] = {"*"};
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "a", .inhibits = all, .ninhibits = 1, .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}},
		{.name = "B", .metric = "b", .inhibits = all, .ninhibits = 1, .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	set(&w, "a", 85);
	run(&w, 1);
	set(&w, "b", 85);
	run(&w, 2);
	EXPECT(&w, "0 started warning a 85 !\n1 started warning b 85\n");
	set(&w, "b", 95);
	run(&w, 2);
	EXPECT(&w, "3 raised critical b 95 !\n3 changed warning a 85\n");
	world_release(&w);
}

/* Nobody hears of the cause at night, so the effect speaks, until the hours of the cause begin. */
static void test_inhibitor_out_of_hours(void **state)
{
	static struct rule_hours office[] = {{62, 480, 1080}};
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "a", .hours = office, .nhours = 1, .limits[W] = ABOVE(80, 80)},
		{.name = "B", .metric = "b", BY(by_a), .limits[W] = ABOVE(80, 80)}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.minute = 479;
	set(&w, "a", 85);
	set(&w, "b", 85);
	run(&w, 2);
	EXPECT(&w, "0 started warning a 85\n0 started warning b 85 !\n");
	w.minute = 480;
	run(&w, 2);
	EXPECT(&w, "2 changed warning a 85 !\n2 changed warning b 85\n");
	w.minute = 1080;
	run(&w, 1);
	EXPECT(&w, "4 changed warning b 85\n");
	world_release(&w);
}

/* An alert says at its end which of the two limits it had crossed, also after a restart. */
static void test_outside_keeps_its_end(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "a", .compare = RULE_OUTSIDE, .limits = {[W] = {true, -1, 6, -1}, [C] = {true, -5, 60, -5}}}};
	const struct alert_saved saved = {.id = "aaaaaaaaaaaaaaaaaaaa", .rule = "A", .series = "a", .severity = W, .state = ALERT_FIRING, .value = 7, .starts_ms = T0};
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.threshold = true;
	set(&w, "a", 7);
	run(&w, 1);
	set(&w, "a", 70);
	run(&w, 1);
	set(&w, "a", 0);
	run(&w, 1);
	set(&w, "a", -2);
	run(&w, 1);
	set(&w, "a", 5);
	run(&w, 1);
	EXPECT(&w, "0 started warning a 7 of 6 !\n1 raised critical a 70 of 60 !\n2 ended critical a 0 of 60 !\n"
		"3 started warning a -2 of -1 !\n4 ended warning a 5 of -1 !\n");
	world_release(&w);

	world_init(&w, rules);
	w.threshold = true;
	alerts_restore(w.alerts, &saved);
	set(&w, "a", 0);
	run(&w, 1);
	EXPECT(&w, "0 ended warning a 0 of 6 !\n");
	world_release(&w);
}

/* What channels believe is put right when the silence is over. */
static void test_lowered_in_silence(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "cpu", .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	set(&w, "cpu.usage", 95);
	run(&w, 1);
	silence(&w, "s", "rule=A", 0, 5);
	set(&w, "cpu.usage", 85);
	run(&w, 7);
	EXPECT(&w, "0 started critical cpu.usage 95 !\n1 changed critical cpu.usage 95\n1 changed warning cpu.usage 85\n"
		"6 changed warning cpu.usage 85 !\n");
	world_release(&w);
}

/* Clients write matchers: whatever they say, it is refused or it works. */
static void test_any_matcher(void **state)
{
	static const char letters[] = "rulesvty=*,, \t{}a/-\"";
	const struct rule rules[MAX_RULES] = {{.name = "FULL", .metric = "fs/*", .labels = labels, .nlabels = 2, .limits[W] = ABOVE(80, 80)}};
	struct world w;
	int taken = 0;
	(void)state;

	world_init(&w, rules);
	set(&w, "fs//var", 90);
	run(&w, 1);
	for (int n = 0; n < 20000; n++) {
		char *text = xmalloc(20), why[50];
		size_t len = draw(19);

		for (size_t i = 0; i < len; i++)
			text[i] = letters[draw(sizeof letters - 1)];
		text[len] = '\0';
		if (silence_matcher_check(text, why, sizeof why)) {
			taken++;
			silence(&w, "s", text, 0, 10);
		}
		free(text);
	}
	assert_true(taken > 20);
	world_release(&w);
}

/* Rules that inhibit each other, directly or around a corner: never are all of them silent. */
static void test_mutual_inhibition(void **state)
{
	const struct rule two[MAX_RULES] = {{.name = "A", .metric = "a", BY(by_b), .limits[W] = ABOVE(80, 80)}, {.name = "B", .metric = "b", BY(by_a), .limits[W] = ABOVE(80, 80)}};
	const struct rule three[MAX_RULES] = {{.name = "A", .metric = "a", BY(by_b), .limits[W] = ABOVE(80, 80)},
		{.name = "B", .metric = "b", BY(by_c), .limits[W] = ABOVE(80, 80)}, {.name = "C", .metric = "c", BY(by_a), .limits[W] = ABOVE(80, 80)}};
	struct world w;
	(void)state;

	world_init(&w, two);
	set(&w, "a", 85);
	set(&w, "b", 85);
	run(&w, 3);
	EXPECT(&w, "0 started warning a 85 !\n0 started warning b 85\n");
	set(&w, "a", 1);
	run(&w, 1);
	set(&w, "a", 85);
	run(&w, 2);
	EXPECT(&w, "3 ended warning a 1 !\n3 changed warning b 85 !\n4 started warning a 85\n");
	world_release(&w);

	world_init(&w, three);
	set(&w, "a", 85);
	set(&w, "b", 85);
	set(&w, "c", 85);
	run(&w, 3);
	assert_non_null(strstr(w.told.data, "!"));
	world_release(&w);
}

static void test_hours(void **state)
{
	static struct rule_hours office[] = {{62, 480, 1080}};
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "cpu", .hours = office, .nhours = 1, .limits[W] = ABOVE(80, 80)}};
	const char *why;
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.minute = 479;
	set(&w, "cpu.usage", 85);
	run(&w, 2);
	EXPECT(&w, "0 started warning cpu.usage 85\n");
	w.minute = 480;
	run(&w, 2);
	EXPECT(&w, "2 changed warning cpu.usage 85 !\n");
	w.weekday = 0;
	run(&w, 1);
	EXPECT(&w, "");
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "5 ended warning cpu.usage 1 !\n");

	/* Whoever has seen it in the night needs no telling in the morning. */
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	assert_int_equal(alerts_acknowledge(w.alerts, w.last_id, "eve", NULL, w.now_ms, &why), 0);
	w.weekday = 1;
	run(&w, 2);
	EXPECT(&w, "6 started warning cpu.usage 85\n7 changed warning cpu.usage 85\n");
	world_release(&w);
}

/* A busy host: the value moves about the limit each second. */
static void test_damps_flapping(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "CPU", .metric = "cpu", .limits[W] = ABOVE(80, 75)}};
	struct alert_view v;
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	for (int i = 0; i < 1800; i++) {
		set(&w, "cpu.usage", i % 2 ? 1 : 85);
		run(&w, 1);
	}
	/* Half an hour of it is six messages; the last says that the end will be told when it is calm. */
	EXPECT(&w, "0 started warning cpu.usage 85 firing by - (-) !\n1 ended warning cpu.usage 1 resolved by - (-) !\n"
		"2 started warning cpu.usage 85 firing by - (-) !\n3 ended warning cpu.usage 1 resolved by - (-) !\n"
		"4 started warning cpu.usage 85 firing by - (-) !\n5 changed warning cpu.usage 1 firing by - (-) flapping !\n");
	assert_true(alerts_find(w.alerts, w.last_id, &v) && v.flapping && v.state == ALERT_FIRING);
	/* It was below in the last second. */
	run(&w, 299);
	EXPECT(&w, "");
	run(&w, 1);
	EXPECT(&w, "2099 ended warning cpu.usage 1 resolved by - (-) !\n");
	world_release(&w);
}

static void test_flapping_ends_while_it_fires(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU};
	const char *why;
	struct world w;
	(void)state;

	for (int acked = 0; acked < 2; acked++) {
		world_init(&w, rules);
		w.verbose = true;
		for (int i = 0; i < 7; i++) {
			set(&w, "cpu.usage", i % 2 ? 1 : 85);
			run(&w, 1);
		}
		if (acked)
			assert_int_equal(alerts_acknowledge(w.alerts, w.last_id, "eve", NULL, w.now_ms, &why), 0);
		buf_reset(&w.told);
		run(&w, 299);
		EXPECT(&w, "");
		run(&w, 2);
		/* Whoever was told that it comes and goes is told that it stays; but not who looks after it. */
		EXPECT(&w, acked ? "306 changed warning cpu.usage 85 acknowledged by eve (-)\n" : "306 changed warning cpu.usage 85 firing by - (-) !\n");
		/* And from there on it is as any other. */
		buf_reset(&w.told);
		set(&w, "cpu.usage", 1);
		run(&w, 1);
		EXPECT(&w, acked ? "308 ended warning cpu.usage 1 resolved by eve (-) !\n" : "308 ended warning cpu.usage 1 resolved by - (-) !\n");
		world_release(&w);
	}
}

/* Worse is told at once, whatever it did before; only that it is better has to last. */
static void test_flapping_rises(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "CPU", .metric = "cpu", .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	for (int i = 0; i < 10; i++) {
		set(&w, "cpu.usage", i % 2 ? 85 : 95);
		run(&w, 1);
	}
	EXPECT(&w, "0 started warning cpu.usage 85 firing by - (-) !\n1 raised critical cpu.usage 95 firing by - (-) !\n"
		"2 changed warning cpu.usage 85 firing by - (-) !\n3 raised critical cpu.usage 95 firing by - (-) !\n"
		"4 changed warning cpu.usage 85 firing by - (-) !\n5 raised critical cpu.usage 95 firing by - (-) flapping !\n");
	run(&w, 400);
	EXPECT(&w, "310 changed warning cpu.usage 85 firing by - (-) !\n");
	world_release(&w);
}

static void test_is_no_flapping(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU};
	struct world w;
	(void)state;

	/* Five changes in a row, and a long calm before the next. */
	world_init(&w, rules);
	w.verbose = true;
	for (int i = 0; i < 5; i++) {
		set(&w, "cpu.usage", i % 2 ? 1 : 85);
		run(&w, 1);
	}
	run(&w, 700);
	buf_reset(&w.told);
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "705 ended warning cpu.usage 1 resolved by - (-) !\n");
	run(&w, 700);

	/* Six changes in more than ten minutes are none of that. */
	for (int i = 0; i < 20; i++) {
		set(&w, "cpu.usage", i % 2 ? 1 : 85);
		run(&w, 125);
	}
	assert_null(strstr(w.told.data, "flapping"));

	/* Nor when the clock is set back to before them. (The samples go around the store, which drops what is late.) */
	w.now_ms -= 3600000;
	for (int i = 0; i < 4; i++, w.now_ms += 1000) {
		alerts_sample(w.alerts, &(struct store_fresh){w.series[0].ref, w.now_ms, i < 2 ? 85 : 1}, w.now_ms);
		tick(&w);
	}
	assert_non_null(strstr(w.told.data, "ended warning cpu.usage 1 resolved by - (-) !\n"));
	assert_null(strstr(w.told.data, "flapping"));
	world_release(&w);
}

/* ---- restarts and reloads ---- */

static void restart(struct world *w, const struct rule *rules)
{
	alerts_free(w->alerts);
	w->alerts = alerts_of(w, rules);
	w->now_ms += 60000;
	drain(w); /* nobody asked before */
}

static void test_restores(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "cpu", .for_ms = 5000, .limits = {[W] = ABOVE(80, 70), [C] = ABOVE(90, 90)}}};
	const char id[] = "abcdefghijklmnopqrst";
	struct alert_saved saved = SAVED(id, "A", "cpu.usage", "eve", "seen", W, ALERT_ACKNOWLEDGED, 85);
	struct alert_view v;
	struct world w;
	(void)state;

	world_init(&w, rules);
	w.verbose = true;
	alerts_restore(w.alerts, &saved);
	assert_true(alerts_find(w.alerts, id, &v) && v.state == ALERT_ACKNOWLEDGED && v.starts_ms == T0 - 5000 && v.value == 85);
	assert_string_equal(v.summary, "cpu is 85, above 80"); /* the unit comes with the series */
	run(&w, 20);
	EXPECT(&w, "");
	/* Its hysteresis goes on, and so does its acknowledgement. */
	set(&w, "cpu.usage", 75);
	run(&w, 20);
	EXPECT(&w, "");
	assert_true(alerts_find(w.alerts, id, &v));
	assert_string_equal(v.summary, "cpu is 85 %, above 80 %");
	set(&w, "cpu.usage", 95);
	run(&w, 10);
	EXPECT(&w, "45 raised critical cpu.usage 95 firing by - (-) !\n");
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "50 ended critical cpu.usage 1 resolved by - (-) !\n");
	assert_string_equal(w.last_id, id);

	/* Its series never comes back: it ends. */
	restart(&w, rules);
	set(&w, "cpu.usage", GONE);
	saved.state = ALERT_FIRING;
	alerts_restore(w.alerts, &saved);
	run(&w, 299);
	EXPECT(&w, "");
	run(&w, 2);
	EXPECT(&w, "411 ended warning cpu.usage 85 resolved by - (-) !\n");
	world_release(&w);
}

static void test_restores_what_fits(void **state)
{
	const struct rule rules[MAX_RULES] = {CPU, {.name = "P", .metric = "p/*", .limits[W] = ABOVE(80, 80)}};
	const struct alert_saved saved[] = {
		SAVED("aaaaaaaaaaaaaaaaaaaa", "NONE", "x", NULL, NULL, W, ALERT_FIRING, 85),  /* no such rule */
		SAVED("bbbbbbbbbbbbbbbbbbbb", "CPU", "x", NULL, NULL, W, ALERT_FIRING, 85),   /* of another series now */
		SAVED("cccccccccccccccccccc", "P", "p/a", NULL, NULL, C, ALERT_SILENCED, 85), /* no such severity now */
		SAVED("dddddddddddddddddddd", "P", "p/b", NULL, NULL, W, ALERT_PENDING, 85),
		SAVED("eeeeeeeeeeeeeeeeeeee", "P", "p/c", NULL, NULL, W, ALERT_RESOLVED, 85),
		SAVED("ffffffffffffffffffff", "CPU", "cpu.usage", NULL, NULL, W, ALERT_FIRING, 85),
		SAVED("gggggggggggggggggggg", "CPU", "cpu.usage", NULL, NULL, W, ALERT_FIRING, 85), /* twice */
		SAVED("cccccccccccccccccccc", "P", "p/d", NULL, NULL, W, ALERT_FIRING, 85),   /* an id twice */
		SAVED("short", "CPU", "cpu.usage", NULL, NULL, W, ALERT_FIRING, 85),
	};
	struct world w;
	(void)state;

	world_init(&w, rules);
	set(&w, "cpu.usage", 90);
	set(&w, "p/a", 90);
	for (size_t i = 0; i < COUNT(saved); i++)
		alerts_restore(w.alerts, &saved[i]);
	run(&w, 3);
	EXPECT(&w, "0 ended warning x 85 !\n0 ended warning x 85 !\n0 ended warning cpu.usage 85 !\n"
		"0 changed warning p/a 90 !\n");
	world_release(&w);
}

/* Of two people who spoke the later is shown, after a restart as before it; and the other is not forgotten. */
static void test_restores_acknowledgements(void **state)
{
	static const struct {
		enum alert_state said;
		int acked_s, silenced_s;       /* since T0 */
		const char *shown, *later;     /* with its silence, and after that */
	} cases[] = {
		{ALERT_SILENCED, -100, -50, "silenced by ann (quiet)", "2 changed warning cpu.usage 85 acknowledged by eve (seen)\n"},
		{ALERT_ACKNOWLEDGED, -50, -100, "acknowledged by eve (seen)", ""},
		{ALERT_ACKNOWLEDGED, -100, -50, "silenced by ann (quiet)", "2 changed warning cpu.usage 85 acknowledged by eve (seen)\n"}, /* while we were away */
	};
	const struct rule rules[MAX_RULES] = {CPU};
	(void)state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct alert_saved saved = SAVED("aaaaaaaaaaaaaaaaaaaa", "CPU", "cpu.usage", "ann", "quiet", W, cases[i].said, 85);
		struct silence s;
		struct alert_view v;
		char shown[100];
		struct world w;

		world_init(&w, rules);
		w.verbose = true;
		s = silence_of(&w, "s", "rule=CPU", cases[i].silenced_s, 2);
		s.by = (char *)(uintptr_t)"ann";
		s.note = (char *)(uintptr_t)"quiet";
		saved.acked_ms = T0 + cases[i].acked_s * 1000;
		saved.acked_by = "eve";
		saved.acked_note = "seen";
		assert_int_equal(alerts_silence(w.alerts, &s, w.now_ms), 0);
		alerts_restore(w.alerts, &saved);
		set(&w, "cpu.usage", 85);
		run(&w, 1);
		assert_true(alerts_find(w.alerts, saved.id, &v));
		snprintf(shown, sizeof shown, "%s by %s (%s)", alert_state_name(v.state), v.by, v.note);
		CHECK(strcmp(shown, cases[i].shown) == 0, "%zu: %s", i, shown);
		CHECK(v.acked_ms == saved.acked_ms && strcmp(v.acked_by, "eve") == 0 && strcmp(v.acked_note, "seen") == 0, "%zu", i);
		buf_reset(&w.told);
		run(&w, 3);
		EXPECT(&w, cases[i].later);
		set(&w, "cpu.usage", 1);
		run(&w, 1);
		EXPECT(&w, "4 ended warning cpu.usage 1 resolved by eve (seen) !\n");
		world_release(&w);
	}
}

/* What is told of the end of an alert whose rule is gone: all that its beginning said. */
static void on_orphan(void *user, enum alert_change what, const struct alert_view *v, bool notify)
{
	struct buf *out = user;

	assert_true(what == ALERT_ENDED && notify && !v->rule);
	alert_json(v, "box", T0, out);
}

static void test_end_without_its_rule(void **state)
{
	static const char want[] = "{\"id\":\"aaaaaaaaaaaaaaaaaaaa\",\"rule\":\"GONE\",\"type\":\"KIND\",\"metric\":\"fs/*\",\"series\":\"fs/a\",\"value\":85,"
		"\"threshold\":null,\"severity\":\"warning\",\"state\":\"resolved\",\"startsAt\":1700000035000,\"endsAt\":1700000040000,"
		"\"timestamp\":1700000040000,\"host\":\"box\",\"summary\":\"a is full\",\"by\":null,\"note\":null,"
		"\"acknowledgedAt\":null,\"silencedUntil\":null,\"silence\":null,\"labels\":{\"team\":\"ops\"},"
		"\"runbook\":\"https://wiki/a\",\"flapping\":false,\"inhibited\":false}";
	struct alert_saved saved = SAVED("aaaaaaaaaaaaaaaaaaaa", "GONE", "fs/a", NULL, NULL, W, ALERT_FIRING, 85);
	struct alerts_hooks hooks = {.changed = on_orphan};
	struct alerts *a;
	struct buf out;
	struct store *st = store_new(&(struct store_config){64, 3600, 86400, 1000}, -1);
	(void)state;

	saved.type = "KIND";
	saved.metric = "fs/*";
	saved.summary = "a is full";
	saved.labels = "{\"team\":\"ops\"}";
	saved.runbook = "https://wiki/a";
	buf_init(&out, 10000);
	hooks.user = &out;
	a = alerts_new(st, "box", NULL, 0, &hooks);
	alerts_restore(a, &saved);
	alerts_tick(a, T0, 3, 600);
	assert_string_equal(out.data, want);
	alerts_free(a);
	store_free(st);
	buf_release(&out);
}

static void test_restores_absence(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "dev/*", .compare = RULE_ABSENT, .absent_ms = 30000, .limits[W] = {.set = true}}};
	const struct alert_saved saved = SAVED("aaaaaaaaaaaaaaaaaaaa", "A", "dev/a", NULL, NULL, W, ALERT_FIRING, 30000);
	struct world w;
	(void)state;

	world_init(&w, rules);
	alerts_restore(w.alerts, &saved);
	run(&w, 400);
	EXPECT(&w, "");
	set(&w, "dev/a", 1);
	run(&w, 2);
	EXPECT(&w, "400 ended warning dev/a 0 !\n");
	world_release(&w);
}

/* Started out of hours, restarted in the night: in the morning it is told. */
static void test_restores_untold(void **state)
{
	static struct rule_hours office[] = {{127, 480, 1080}};
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "cpu", .hours = office, .nhours = 1, .limits[W] = ABOVE(80, 80)}};
	struct alert_saved saved = SAVED("aaaaaaaaaaaaaaaaaaaa", "A", "cpu.usage", NULL, NULL, W, ALERT_FIRING, 85);
	struct world w;
	(void)state;

	world_init(&w, rules);
	set(&w, "cpu.usage", 85);
	w.minute = 400;
	alerts_restore(w.alerts, &saved);
	run(&w, 2);
	EXPECT(&w, "");
	w.minute = 480;
	run(&w, 2);
	EXPECT(&w, "2 changed warning cpu.usage 85 !\n");

	restart(&w, rules);
	saved.untold = true;
	alerts_restore(w.alerts, &saved);
	run(&w, 2);
	EXPECT(&w, "64 changed warning cpu.usage 85 !\n");
	world_release(&w);
}

/* Who heard of it is known to its end: while it gets milder, is restarted, or loses its rule. */
static void test_remembers_who_heard(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "cpu", .limits = {[W] = ABOVE(80, 80), [C] = ABOVE(90, 90)}}};
	static const char *const no_list[] = {NULL, "", "{\"ops\":1}", "[\"ops\"", "\"ops\"", "[1,null]"};
	struct alert_saved saved = SAVED("aaaaaaaaaaaaaaaaaaaa", "A", "cpu.usage", NULL, NULL, C, ALERT_FIRING, 95);
	struct world w;
	(void)state;

	world_init(&w, rules);
	set(&w, "cpu.usage", 95);
	run(&w, 1);
	EXPECT(&w, "0 started critical cpu.usage 95 !\n");
	alerts_told(w.alerts, w.last_id, "ops");
	alerts_told(w.alerts, w.last_id, "a \"b\"");
	alerts_told(w.alerts, w.last_id, "ops");
	alerts_told(w.alerts, "zzzzzzzzzzzzzzzzzzzz", "ops"); /* nobody knows it */
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	EXPECT(&w, "1 changed warning cpu.usage 85 heard by [\"ops\",\"a \\\"b\\\"\"] !\n");
	set(&w, "cpu.usage", 1);
	run(&w, 1);
	EXPECT(&w, "2 ended warning cpu.usage 1 heard by [\"ops\",\"a \\\"b\\\"\"] !\n");
	set(&w, "cpu.usage", 85);
	run(&w, 1);
	EXPECT(&w, "3 started warning cpu.usage 85 !\n"); /* another alert */

	restart(&w, rules);
	set(&w, "cpu.usage", 85);
	saved.told = "[\"ops\",\"a \\\"b\\\"\"]";
	alerts_restore(w.alerts, &saved);
	run(&w, 1);
	EXPECT(&w, "64 changed warning cpu.usage 85 heard by [\"ops\",\"a \\\"b\\\"\"] !\n");
	saved.rule = "GONE";
	saved.id = "bbbbbbbbbbbbbbbbbbbb";
	restart(&w, rules);
	alerts_restore(w.alerts, &saved);
	run(&w, 1);
	EXPECT(&w, "125 ended critical cpu.usage 95 heard by [\"ops\",\"a \\\"b\\\"\"] !\n125 started warning cpu.usage 85 !\n");
	for (size_t i = 0; i < COUNT(no_list); i++) { /* whatever stands there */
		restart(&w, rules);
		saved.told = no_list[i];
		alerts_restore(w.alerts, &saved);
		run(&w, 1);
		CHECK(!strstr(w.told.data, "heard"), "%zu: %s", i, w.told.data);
	}
	world_release(&w);
}

static void reload(struct world *w, const struct rule *rules)
{
	size_t n;
	struct rule *mine = rules_of(rules, &n);

	alerts_reload(w->alerts, mine, n);
}

static void test_reloads(void **state)
{
	const struct rule before[MAX_RULES] = {CPU, {.name = "GOES", .metric = "cpu", .limits[W] = ABOVE(80, 80)}, {.name = "MOVES", .metric = "disk/*", .limits[W] = ABOVE(80, 80)}};
	const struct rule after[MAX_RULES] = {
		{.name = "MOVES", .metric = "disk/a", .limits[W] = ABOVE(80, 80)},
		{.name = "NEW", .metric = "cpu", .limits[C] = ABOVE(10, 10)},
		{.name = "CPU", .metric = "cpu.*", .limits = {[W] = ABOVE(70, 70), [C] = ABOVE(90, 90)}},
	};
	struct alert_view v;
	char id[ALERT_ID_LEN + 1];
	const char *why;
	struct world w;
	(void)state;

	world_init(&w, before);
	w.verbose = true;
	set(&w, "cpu.usage", 85);
	set(&w, "disk/a", 85);
	set(&w, "disk/b", 85);
	run(&w, 3);
	assert_non_null(strstr(w.told.data, "0 started warning cpu.usage 85 firing by - (-) !\n0 started warning cpu.usage 85"));
	buf_reset(&w.told);
	alerts_each(w.alerts, note_id, id);
	assert_true(alerts_find(w.alerts, id, &v));

	w.now_ms -= 1000; /* a reload knows the time of the last tick */
	reload(&w, after);
	w.now_ms += 1000;
	EXPECT(&w, "2 ended warning cpu.usage 85 resolved by - (-) !\n2 ended warning disk/b 85 resolved by - (-) !\n");
	run(&w, 2);
	EXPECT(&w, "3 started critical cpu.usage 85 firing by - (-) !\n");
	set(&w, "cpu.usage", 75);
	run(&w, 1);
	EXPECT(&w, "");
	set(&w, "cpu.usage", 95);
	run(&w, 1);
	EXPECT(&w, "6 raised critical cpu.usage 95 firing by - (-) !\n");
	assert_int_equal(alerts_acknowledge(w.alerts, w.last_id, "eve", NULL, w.now_ms, &why), 0);
	buf_reset(&w.told);

	w.now_ms -= 1000;
	reload(&w, after);
	w.now_ms += 1000;
	run(&w, 5);
	EXPECT(&w, "");
	assert_true(alerts_find(w.alerts, w.last_id, &v) && v.state == ALERT_ACKNOWLEDGED);
	w.now_ms -= 1000;
	reload(&w, &(struct rule){0});
	EXPECT(&w, "11 ended warning disk/a 85 resolved by - (-) !\n11 ended critical cpu.usage 95 resolved by - (-) !\n"
		"11 ended critical cpu.usage 95 resolved by eve (-) !\n");
	world_release(&w);
}

/* ---- clocks ---- */

static void test_clock_leaps(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "S", .metric = "x", .compare = RULE_ABSENT, .absent_ms = 30000, .limits[W] = {.set = true}},
		{.name = "L", .metric = "x", .for_ms = 20000, .limits[C] = ABOVE(80, 80)}};
	struct world w;
	(void)state;

	/* The host sleeps for an hour: nobody was absent, nothing lasted that long. */
	world_init(&w, rules);
	set(&w, "x", 85);
	run(&w, 10);
	w.now_ms += 3600000;
	tick(&w);
	EXPECT(&w, "");
	run(&w, 10);
	EXPECT(&w, "");
	run(&w, 5);
	assert_non_null(strstr(w.told.data, "started critical"));
	buf_reset(&w.told);
	set(&w, "x", SILENT);
	run(&w, 35);
	assert_non_null(strstr(w.told.data, "started warning"));
	world_release(&w);

	/* Or for less than a minute: likewise. */
	world_init(&w, rules);
	set(&w, "x", 1);
	run(&w, 10);
	set(&w, "x", SILENT);
	w.now_ms += 45000;
	run(&w, 29);
	EXPECT(&w, "");
	run(&w, 2);
	assert_non_null(strstr(w.told.data, "started warning"));
	world_release(&w);

	/* The clock is set back by an hour: what lasts goes on lasting from there. (The store drops what is late by the real
	 * clock: here the samples go around it.) */
	world_init(&w, rules);
	set(&w, "x", 85);
	run(&w, 10);
	w.now_ms -= 3600000;
	for (int s = 0; s < 21; s++, w.now_ms += 1000) {
		alerts_sample(w.alerts, &(struct store_fresh){w.series[0].ref, w.now_ms, 85}, w.now_ms);
		tick(&w);
	}
	assert_non_null(strstr(w.told.data, "started critical"));
	buf_reset(&w.told);
	set(&w, "x", SILENT);
	run(&w, 9);
	w.now_ms -= 3600000;
	run(&w, 29);
	EXPECT(&w, "");
	run(&w, 2);
	assert_non_null(strstr(w.told.data, "started warning"));
	world_release(&w);
}

/* Whoever replays history does so in large steps. */
static void test_replays(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "L", .metric = "x", .for_ms = 300000, .limits[C] = ABOVE(80, 80)},
		{.name = "S", .metric = "x", .compare = RULE_ABSENT, .absent_ms = 300000, .limits[W] = {.set = true}}};
	struct world w;
	(void)state;

	world_init(&w, rules);
	for (int step = 0; step < 20; step++) {
		set(&w, "x", step > 9 ? SILENT : 85);
		turn(&w);
		w.now_ms += 119000;
	}
	/* The first step is a leap, until it is known that all are as large. */
	EXPECT(&w, "480 started critical x 85 !\n1440 started warning x 360000 !\n");
	world_release(&w);
}

/* ---- properties ---- */

struct watcher {
	bool open;
	char id[ALERT_ID_LEN + 1];
	enum severity severity;
	bool told;
	unsigned starts, ends;
};

/* What a receiver may rely on, of one series. */
static void follow(void *user, enum alert_change what, const struct alert_view *v, bool notify)
{
	struct watcher *w = user;

	if (what == ALERT_STARTED) {
		assert_false(w->open);
		w->open = true;
		w->told = false;
		w->starts++;
		memcpy(w->id, v->id, sizeof w->id);
	}
	assert_true(w->open);
	assert_string_equal(w->id, v->id);
	if (what == ALERT_RAISED)
		assert_true(v->severity > w->severity);
	w->severity = v->severity;
	if (what == ALERT_ENDED) {
		assert_true(notify == w->told); /* whoever heard of the beginning hears of the end */
		w->open = false;
		w->ends++;
	}
	w->told |= notify;
}

static void walk(unsigned with)
{
	static struct rule_hours office[] = {{62, 480, 1080}};
	const struct rule rules[MAX_RULES] = {{.name = "A", .metric = "x*", .for_ms = with & 1 ? 3000 : 0, .keep_ms = with & 2 ? 4000 : 0,
		.fold = with & 4 ? RULE_AVG : RULE_LAST, .window_ms = with & 4 ? 5000 : 0, .hours = office, .nhours = with & 8 ? 1 : 0,
		.limits = {[I] = ABOVE(50, 45), [W] = ABOVE(60, 60), [C] = ABOVE(70, 62)}}};
	struct watcher watcher = {0};
	const struct alerts_hooks hooks = {.user = &watcher, .changed = follow};
	struct world w;
	double value = 50;
	const char *why;
	size_t n;
	struct rule *mine;

	world_init(&w, rules);
	alerts_free(w.alerts);
	mine = rules_of(rules, &n);
	w.alerts = alerts_new(w.store, "box", mine, n, &hooks);
	for (int s = 0; s < 8000; s++) {
		value += (double)draw(21) - 10;
		value = value < 0 ? 0 : value > 100 ? 100 : value;
		if (s % 1000 > 400)
			value = 0; /* long enough to end even what is damped */
		set(&w, "x", draw(50) == 0 ? UNKNOWN : draw(50) == 0 ? SILENT : draw(200) == 0 ? GONE : value);
		w.minute = s % 1440;
		if (draw(40) == 0)
			silence(&w, draw(2) ? "a" : "b", draw(2) ? "severity=critical" : "rule=A", (int)draw(5), (int)draw(30));
		if (draw(40) == 0 && watcher.open)
			alerts_acknowledge(w.alerts, watcher.id, "eve", NULL, w.now_ms, &why);
		if (draw(100) == 0) {
			mine = rules_of(rules, &n);
			alerts_reload(w.alerts, mine, n);
		}
		turn(&w);
	}
	assert_true(watcher.starts > 5 && watcher.starts - watcher.ends == watcher.open);
	world_release(&w);
}

static void test_random_walks(void **state)
{
	(void)state;
	for (unsigned with = 0; with < 16; with++)
		walk(with);
}

/* ---- what is shown ---- */

static void test_json(void **state)
{
	const struct rule rules[MAX_RULES] = {{.name = "FULL", .type = "DISK", .metric = "fs.used/*", .labels = labels, .nlabels = 2,
		.runbook = "https://wiki/{rule}{instance}", .limits[W] = ABOVE(80, 80)}};
	struct alert_view v;
	struct world w;
	struct buf out, want;
	(void)state;

	world_init(&w, rules);
	set(&w, "fs.used//var", 93.14);
	run(&w, 1);
	assert_true(alerts_find(w.alerts, w.last_id, &v));
	buf_init(&out, 10000);
	buf_init(&want, 10000);
	alert_json(&v, "box", T0 + 500, &out);
	buf_addf(&want, "{\"id\":\"%s\",\"rule\":\"FULL\",\"type\":\"DISK\",\"metric\":\"fs.used/*\",\"series\":\"fs.used//var\",\"value\":93.14,"
		"\"threshold\":80,\"severity\":\"warning\",\"state\":\"firing\",\"startsAt\":%lld,\"endsAt\":null,\"timestamp\":%lld,\"host\":\"box\","
		"\"summary\":\"fs.used//var is 93.1 %%, above 80 %%\",\"by\":null,\"note\":null,\"acknowledgedAt\":null,\"silencedUntil\":null,\"silence\":null,\"labels\":{\"team\":\"web\",\"mount\":\"/var\"},"
		"\"runbook\":\"https://wiki/FULL/var\",\"flapping\":false,\"inhibited\":false}", w.last_id, (long long)T0, (long long)T0 + 500);
	assert_string_equal(out.data, want.data);

	/* Its rule is gone, and what it says needs quotes. */
	buf_reset(&out);
	v = (struct alert_view){.id = "aaaaaaaaaaaaaaaaaaaa", .rule_name = "A\"B", .type = "T", .metric = "m", .series = "s", .summary = "",
		.severity = C, .state = ALERT_RESOLVED, .value = NAN, .threshold = NAN, .starts_ms = 1, .ends_ms = 2, .by = "e\nve", .note = "\\"};
	alert_json(&v, "box", 3, &out);
	assert_string_equal(out.data, "{\"id\":\"aaaaaaaaaaaaaaaaaaaa\",\"rule\":\"A\\\"B\",\"type\":\"T\",\"metric\":\"m\",\"series\":\"s\",\"value\":null,"
		"\"threshold\":null,\"severity\":\"critical\",\"state\":\"resolved\",\"startsAt\":1,\"endsAt\":2,\"timestamp\":3,\"host\":\"box\",\"summary\":\"\","
		"\"by\":\"e\\nve\",\"note\":\"\\\\\",\"acknowledgedAt\":null,\"silencedUntil\":null,\"silence\":null,\"labels\":{},\"runbook\":null,\"flapping\":false,\"inhibited\":false}");
	buf_release(&out);
	buf_release(&want);
	world_release(&w);
}

static void test_explains(void **state)
{
	const struct rule rules[MAX_RULES] = {
		{.name = "CPU", .metric = "cpu", .for_ms = 30000, .keep_ms = 60000, .file = "/etc/v.conf", .line = 12, .limits[W] = ABOVE(80, 75)},
		{.name = "FS", .metric = "fs/*", .compare = RULE_FULL_IN, .full_in_ms = 14400000, .limits[C] = {.set = true}}};
	struct world w;
	struct buf out;
	(void)state;

	world_init(&w, rules);
	buf_init(&out, 100000);
	assert_false(alerts_explain(w.alerts, "NONE", &out));
	run(&w, 1);
	assert_true(alerts_explain(w.alerts, "CPU", &out));
	assert_string_equal(out.data, "CPU: cpu (cpu.usage), from /etc/v.conf:12\n  warning when it is above 80, until it is back at 75\n"
		"  fires after 30 s of that\n  resolves after 1 min of calm\n  cpu.usage: waiting: there is no such series yet; does not fire\n");
	set(&w, "cpu.usage/0", 1);
	set(&w, "cpu.usage/1", 1);
	run(&w, 1);
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "CPU", &out));
	assert_non_null(strstr(out.data, "  cpu.usage: waiting: there is no such series yet, but cpu.usage/0; cpu.usage/* means all that begin so; does not fire\n"));
	set(&w, "cpu.usage", 93.1);
	run(&w, 13);
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "CPU", &out));
	assert_non_null(strstr(out.data, "\n  cpu.usage: 93.1 %; does not fire yet; warning for 12 s of 30 s\n"));
	run(&w, 30);
	silence(&w, "s", "rule=CPU", 0, 100);
	set(&w, "cpu.usage", 10);
	run(&w, 6);
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "CPU", &out));
	assert_non_null(strstr(out.data, "\n  cpu.usage: 10 %; fires, warning; calm for 5 s of 1 min; silenced (rule=CPU)\n"));
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "FS", &out));
	assert_string_equal(out.data, "FS: fs/*\n  critical when it is full in less than 4 h\n  looks at the last 1 h\n  waiting: no series matches yet\n");
	set(&w, "fs/a", 10);
	run(&w, 3);
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "FS", &out));
	assert_non_null(strstr(out.data, "\n  fs/a: too little is known yet; does not fire\n"));

	buf_reset(&out);
	alerts_rules_json(w.alerts, &out);
	assert_true(json_valid(slice_of(out.data, out.len), 10));
	assert_non_null(strstr(out.data, "{\"name\":\"CPU\",\"type\":\"CPU\",\"metric\":\"cpu\",\"compare\":\"above\",\"limits\":{\"warning\":"
		"{\"limit\":80,\"clear\":75}},\"aggregate\":\"last\",\"window\":0,\"for\":30000,\"keep\":60000,"));
	assert_non_null(strstr(out.data, "\"state\":\"firing\",\"series\":[{\"id\":\"cpu.usage\",\"value\":10,\"state\":\"firing\","));
	assert_non_null(strstr(out.data, "\"state\":\"ok\",\"series\":[{\"id\":\"fs/a\",\"value\":null,\"state\":\"ok\","));

	/* A series of a pattern that went is forgotten; what has ended no longer fires. */
	set(&w, "fs/a", GONE);
	run(&w, 61);
	buf_reset(&out);
	alerts_rules_json(w.alerts, &out);
	assert_non_null(strstr(out.data, "\"state\":\"ok\",\"series\":[{\"id\":\"cpu.usage\",\"value\":10,\"state\":\"ok\","));
	assert_non_null(strstr(out.data, "\"state\":\"waiting\",\"series\":[],\"matched\":0"));
	buf_release(&out);
	world_release(&w);
}

/* A value that was made in another way says nothing under the new rule. */
static void test_reload_forgets_values(void **state)
{
	const struct rule before[MAX_RULES] = {CPU};
	const struct rule after[MAX_RULES] = {{.name = "CPU", .metric = "cpu", .fold = RULE_AVG, .window_ms = 60000, .limits[W] = ABOVE(80, 80)}};
	struct world w;
	struct buf out;
	(void)state;

	world_init(&w, before);
	buf_init(&out, 10000);
	set(&w, "cpu.usage", 50);
	run(&w, 3);
	reload(&w, before);
	assert_true(alerts_explain(w.alerts, "CPU", &out) && strstr(out.data, "cpu.usage: 50 %"));
	reload(&w, after);
	buf_reset(&out);
	assert_true(alerts_explain(w.alerts, "CPU", &out) && strstr(out.data, "cpu.usage: too little is known yet"));
	buf_release(&out);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_forecast),
		cmocka_unit_test(test_counter_starts_over),
		cmocka_unit_test(test_acknowledges),
		cmocka_unit_test(test_silences),
		cmocka_unit_test(test_silenced_until_resolved),
		cmocka_unit_test(test_silences_outlast_the_clock),
		cmocka_unit_test(test_lists_silences),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_refuses_matchers),
		cmocka_unit_test(test_inhibits),
		cmocka_unit_test(test_host_inhibits_the_rest),
		cmocka_unit_test(test_mutual_inhibition),
		cmocka_unit_test(test_inhibits_by_pattern),
		cmocka_unit_test(test_two_inhibit_all),
		cmocka_unit_test(test_inhibitor_out_of_hours),
		cmocka_unit_test(test_outside_keeps_its_end),
		cmocka_unit_test(test_lowered_in_silence),
		cmocka_unit_test(test_any_matcher),
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_damps_flapping),
		cmocka_unit_test(test_flapping_ends_while_it_fires),
		cmocka_unit_test(test_flapping_rises),
		cmocka_unit_test(test_is_no_flapping),
		cmocka_unit_test(test_restores),
		cmocka_unit_test(test_restores_what_fits),
		cmocka_unit_test(test_restores_acknowledgements),
		cmocka_unit_test(test_end_without_its_rule),
		cmocka_unit_test(test_restores_absence),
		cmocka_unit_test(test_restores_untold),
		cmocka_unit_test(test_remembers_who_heard),
		cmocka_unit_test(test_reloads),
		cmocka_unit_test(test_reload_forgets_values),
		cmocka_unit_test(test_clock_leaps),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_random_walks),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_explains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
