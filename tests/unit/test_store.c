/* test_store.c: registration, publishing, draining, the catalog, clocks that jump, and the ceiling of memory. */
#include "check.h"

#include "base/clock.h"
#include "store/store.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define T0 INT64_C(1700000040000) /* a whole minute, years ago */
#define MINUTE INT64_C(60000)

static struct store *small(uint32_t max_series)
{
	return store_new(&(struct store_config){max_series, 3600, 86400, 1000}, -1);
}

static store_ref named(struct store *st, const char *id)
{
	return store_series(st, &(struct store_info){id, "percent", "a line", "cpu", STORE_GAUGE, 1000});
}

static void put(struct store *st, store_ref ref, int64_t t_ms, double value)
{
	store_publish(st, t_ms, &(struct store_sample){ref, value}, 1);
}

static double last_of(struct store *st, store_ref ref)
{
	int64_t t;
	double v;

	return store_last(st, ref, &t, &v) ? v : NAN;
}

/* The values of [from, to) in steps of step_ms; the caller frees. */
static double *values(struct store *st, store_ref ref, int64_t from, int64_t to, int64_t step_ms, enum store_fold fold)
{
	struct store_query q = {from, to, STORE_MAX_POINTS, fold};
	struct store_range r;

	assert_true(store_query_take(st, ref, &q, from, step_ms, (size_t)((to - from) / step_ms), &r));
	free(r.min);
	free(r.max);
	return r.value;
}

static double one(struct store *st, store_ref ref, int64_t from, int64_t step_ms, enum store_fold fold)
{
	double *v = values(st, ref, from, from + step_ms, step_ms, fold), first = v[0];

	free(v);
	return first;
}

/* ---- registration ---- */

static void test_registers(void **state)
{
	struct store *st = small(3);
	store_ref a = named(st, "a"), b = named(st, "b/1"), c = named(st, "c");
	uint64_t generation = store_generation(st);
	(void)state;

	assert_true(a != STORE_NONE && b != STORE_NONE && c != STORE_NONE && a != b && b != c);
	assert_true(named(st, "a") == a);
	assert_true(store_generation(st) == generation);
	assert_true(store_find(st, "b/1") == b);
	assert_true(store_find(st, "b") == STORE_NONE);
	assert_int_equal(store_count(st), 3);

	assert_true(named(st, "d") == STORE_NONE);
	assert_int_equal(store_refused(st), 1);
	assert_true(store_generation(st) == generation);
	store_free(st);
}

/* A thousand interfaces leave room for what the host has once. */
static void test_instances_leave_room(void **state)
{
	struct store *st = small(320);
	store_ref last = STORE_NONE;
	char id[40];
	(void)state;

	for (int i = 0; i < 300; i++) {
		sprintf(id, "net.rx_bytes/veth%d", i);
		last = named(st, id);
		CHECK(last != STORE_NONE, "%d", i);
	}
	assert_true(named(st, "net.rx_bytes/one more") == STORE_NONE);
	assert_int_equal(store_refused(st), 1);
	for (int i = 0; i < 20; i++) {
		sprintf(id, "host.n%d", i);
		CHECK(named(st, id) != STORE_NONE, "%d", i);
	}
	assert_true(named(st, "host.one_more") == STORE_NONE);
	store_retire(st, last);
	assert_true(named(st, "net.rx_bytes/one more") == STORE_NONE); /* the room is for those who have none */
	assert_true(named(st, "host.one_more") != STORE_NONE);
	store_free(st);
}

static void test_refuses_bad_ids(void **state)
{
	struct store *st = small(3);
	char id[STORE_MAX_ID + 2];
	(void)state;

	memset(id, 'x', sizeof id);
	id[STORE_MAX_ID + 1] = '\0';
	assert_true(named(st, id) == STORE_NONE);
	assert_true(named(st, "") == STORE_NONE);
	assert_int_equal(store_refused(st), 2);
	id[STORE_MAX_ID] = '\0';
	assert_true(named(st, id) != STORE_NONE);
	store_free(st);
}

static void test_renews_info(void **state)
{
	struct store *st = small(3);
	store_ref a = named(st, "a");
	uint64_t generation = store_generation(st);
	char help[600];
	struct store_list list;
	(void)state;

	memset(help, 'h', sizeof help - 1);
	help[sizeof help - 1] = '\0';
	put(st, a, T0, 5);
	assert_true(store_series(st, &(struct store_info){"a", "bytes", help, "mem", STORE_COUNTER, 250}) == a);
	assert_true(store_generation(st) != generation);
	generation = store_generation(st);
	assert_true(store_series(st, &(struct store_info){"a", "bytes", help, "mem", STORE_COUNTER, 250}) == a);
	assert_true(store_generation(st) == generation);
	store_match_take(st, "a", &list);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.at[0].unit, "bytes");
	assert_int_equal(strlen(list.at[0].help), 255);
	assert_string_equal(list.at[0].collector, "mem");
	assert_int_equal(list.at[0].kind, STORE_COUNTER);
	assert_int_equal(list.at[0].interval_ms, 250);
	assert_true(list.at[0].t_ms == T0 && list.at[0].last == 5);
	store_list_release(&list);
	store_free(st);
}

static void test_retires_and_reuses(void **state)
{
	struct store *st = small(2);
	store_ref a = named(st, "a"), b = named(st, "b"), c, again;
	struct store_range r;
	struct store_query q = {T0, T0 + 1000, 1, STORE_LAST};
	(void)state;

	put(st, a, T0, 1);
	put(st, b, T0, 2);
	store_retire(st, a);
	store_retire(st, a);
	assert_int_equal(store_count(st), 1);
	assert_true(store_find(st, "a") == STORE_NONE);
	put(st, a, T0 + 1000, 9);
	assert_true(last_of(st, a) == 1);                    /* readable, but nobody writes there */
	assert_true(one(st, a, T0, 1000, STORE_LAST) == 1);

	again = named(st, "a");                              /* comes back before its room was needed */
	assert_true(again == a && last_of(st, a) == 1);
	store_retire(st, b);
	store_retire(st, a);
	c = named(st, "c");                                  /* b went first */
	assert_true(c != STORE_NONE && c != b);
	assert_false(store_query_take(st, b, &q, T0, 1000, 1, &r));
	put(st, b, T0 + 2000, 3);
	assert_true(isnan(last_of(st, c)) && isnan(one(st, c, T0, 1000, STORE_LAST)));
	assert_true(last_of(st, a) == 1);
	assert_true(named(st, "b") != STORE_NONE && isnan(last_of(st, a)));
	assert_int_equal(store_refused(st), 0);
	store_free(st);
}

/* Live ones, and what a retired one still holds, until its room is needed. */
static void test_lists_what_is_held(void **state)
{
	struct store *st = small(3);
	store_ref a = named(st, "x/a"), b = named(st, "x/b");
	struct store_list list;
	(void)state;

	put(st, a, T0, 1);
	put(st, a, T0 + 1000, 2);
	put(st, b, T0 + 2000, 3);
	store_retire(st, a);
	store_held_take(st, "x/*", &list);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.at[0].id, "x/a");
	assert_true(list.at[0].retired > 0 && !list.at[1].retired);
	assert_true(list.at[0].oldest_ms <= T0 && list.at[0].t_ms == T0 + 1000 && list.at[0].last == 2);
	store_list_release(&list);
	store_held_take(st, "x/a", &list);
	assert_int_equal(list.n, 1);
	store_list_release(&list);
	store_held_take(st, "x/c", &list);
	assert_int_equal(list.n, 0);
	store_list_release(&list);

	named(st, "x/c");
	store_held_take(st, "x/c", &list); /* live, and nothing is known of it yet */
	assert_true(list.n == 1 && !list.at[0].retired && list.at[0].oldest_ms == INT64_MAX);
	store_list_release(&list);
	named(st, "x/d");                  /* takes a's place */
	store_held_take(st, "x/*", &list);
	assert_int_equal(list.n, 3);
	for (size_t i = 0; i < list.n; i++)
		assert_true(!list.at[i].retired);
	store_list_release(&list);
	store_free(st);
}

static void test_ignores_foreign_refs(void **state)
{
	static const store_ref foreign[] = {STORE_NONE, 1, 0xffffffff, UINT64_C(1) << 32 | 7, UINT64_C(2) << 32, UINT64_MAX};
	struct store *st = small(8);
	store_ref a = named(st, "a");
	struct store_range r;
	struct store_query q = {T0, T0 + 1000, 1, STORE_LAST};
	(void)state;

	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		put(st, foreign[i], T0, 1);
		store_retire(st, foreign[i]);
		CHECK(isnan(last_of(st, foreign[i])), "%zu", i);
		CHECK(!store_query_take(st, foreign[i], &q, T0, 1000, 1, &r), "%zu", i);
	}
	assert_true(isnan(last_of(st, a)));
	assert_int_equal(store_count(st), 1);
	assert_int_equal(store_drain(st, NULL, 0, NULL), 0);
	store_free(st);
}

/* ---- samples ---- */

static void test_time_of_samples(void **state)
{
	int64_t future = clock_wall_ms() + 3600000;
	const struct row {
		const char *what;
		int64_t at[4];         /* published with values 1, 2, 3, 4; 0: no more */
		double last;
	} rows[] = {
		{"in order", {T0, T0 + 1000, T0 + 2000}, 3},
		{"the same time twice", {T0, T0}, 2},
		{"late", {T0 + 5000, T0 + 1000}, 1},
		{"late, then on", {T0 + 5000, T0 + 1000, T0 + 6000}, 3},
		{"far ahead and on", {T0, T0 + 400 * 86400000LL, T0 + 400 * 86400000LL + 1000}, 3},
		{"clock set back an hour", {future, T0, T0 + 1000}, 3},
		{"clock set back a little", {future, future + 1000, future - 5000}, 3},
		{"no time", {-5}, NAN},
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store *st = small(2);
		store_ref a = named(st, "a");
		double got;

		for (int k = 0; k < 4 && rows[i].at[k]; k++)
			put(st, a, rows[i].at[k], k + 1);
		got = last_of(st, a);
		CHECK(got == rows[i].last || (isnan(got) && isnan(rows[i].last)), "%s: %g", rows[i].what, got);
		store_free(st);
	}
}

/* What was recorded under a clock that was ahead is gone as far as it lies ahead, and the minute goes on. */
static void test_clock_set_back(void **state)
{
	int64_t t = (clock_wall_ms() / MINUTE + 100) * MINUTE;
	struct store *st = small(1);
	store_ref a = named(st, "a");
	(void)state;

	for (int s = 0; s < 600; s++)
		put(st, a, t + s * 1000, s);
	put(st, a, t + 150500, 7000); /* into second 150 of 600 */
	assert_true(one(st, a, t + 149000, 1000, STORE_LAST) == 149);
	assert_true(one(st, a, t + 150000, 1000, STORE_LAST) == 7000);
	assert_true(isnan(one(st, a, t + 151000, 1000, STORE_LAST)));
	assert_true(one(st, a, t + MINUTE, MINUTE, STORE_MAX) == 119);
	assert_true(one(st, a, t + 2 * MINUTE, MINUTE, STORE_MIN) == 120);
	assert_true(one(st, a, t + 2 * MINUTE, MINUTE, STORE_MAX) == 7000);
	assert_true(isnan(one(st, a, t + 3 * MINUTE, MINUTE, STORE_MAX)));
	put(st, a, t - MINUTE, 5);    /* before everything */
	assert_true(isnan(one(st, a, t, MINUTE, STORE_MAX)));
	assert_true(isnan(one(st, a, t, 1000, STORE_MAX)));
	assert_true(one(st, a, t - MINUTE, MINUTE, STORE_AVG) == 5);
	store_free(st);
}

static void test_odd_values(void **state)
{
	static const struct row {
		double in, last, chart;
	} rows[] = {
		{0, 0, 0}, {-0.0, 0, 0}, {NAN, NAN, NAN}, {INFINITY, NAN, NAN}, {-INFINITY, NAN, NAN},
		{16777217, 16777217, 16777216}, /* the first whole number that float has not */
		{1e300, 1e300, 3.4028234663852886e38}, {-1e300, -1e300, -3.4028234663852886e38}, {1e-320, 1e-320, 0},
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store *st = small(1);
		store_ref a = named(st, "a");
		double last, chart;

		put(st, a, T0, rows[i].in);
		last = last_of(st, a);
		chart = one(st, a, T0, 1000, STORE_AVG);
		CHECK(last == rows[i].last || (isnan(last) && isnan(rows[i].last)), "%zu: %g", i, last);
		CHECK(chart == rows[i].chart || (isnan(chart) && isnan(rows[i].chart)), "%zu: %g", i, chart);
		store_free(st);
	}
}

/* ---- what is fresh ---- */

static void test_drains_in_order(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct store *st = store_new(&(struct store_config){4, 60, 600, 1000}, fd);
	store_ref a = named(st, "a"), b = named(st, "b");
	struct store_fresh out[8];
	uint64_t lost = 0;
	eventfd_t woken;
	(void)state;

	assert_int_equal(eventfd_read(fd, &woken), -1);
	put(st, a, T0, 1);
	put(st, b, T0, NAN);
	put(st, a, T0 - 1, 2);        /* late: no news */
	assert_int_equal(eventfd_read(fd, &woken), 0);
	assert_true(woken == 1);
	assert_int_equal(store_drain(st, out, 1, &lost), 1);
	assert_true(out[0].series == a && out[0].value == 1 && out[0].t_ms == T0);
	assert_int_equal(eventfd_read(fd, &woken), -1);
	put(st, a, T0 + 1, 3);
	assert_int_equal(eventfd_read(fd, &woken), 0);
	assert_int_equal(store_drain(st, out, 8, &lost), 2);
	assert_true(out[0].series == b && isnan(out[0].value) && out[1].value == 3 && lost == 0);
	assert_int_equal(store_drain(st, out, 8, &lost), 0);
	store_publish(st, T0 + 5, NULL, 0);
	assert_int_equal(eventfd_read(fd, &woken), -1);
	store_free(st);
	close(fd);
}

static void test_drain_overflows(void **state)
{
	struct store *st = small(2);
	store_ref a = named(st, "a");
	struct store_fresh out[20];
	uint64_t lost = 1;
	(void)state;

	for (int i = 0; i < 20; i++)
		put(st, a, T0 + i, i);
	assert_int_equal(store_drain(st, out, 20, &lost), 8);
	assert_true(lost == 1 + 12);
	for (int i = 0; i < 8; i++)
		CHECK(out[i].value == 12 + i, "%d: %g", i, out[i].value);
	put(st, a, T0 + 50, 50);
	assert_int_equal(store_drain(st, out, 20, &lost), 1);
	assert_true(lost == 13 && out[0].value == 50);
	store_free(st);
}

/* ---- catalog ---- */

static void test_patterns(void **state)
{
	static const struct row {
		const char *pattern, *id;
		bool match;
	} rows[] = {
		{"cpu.usage", "cpu.usage", true}, {"cpu.usage", "cpu.usage/0", false}, {"cpu.usage/0", "cpu.usage", false},
		{"*", "", true}, {"*", "a/b/c", true}, {"", "", true}, {"", "a", false}, {"**", "x", true},
		{"cpu.*", "cpu.usage/0", true}, {"cpu.*", "cpu", false}, {"*/0", "cpu.usage/0", true}, {"*/0", "cpu/01", false},
		{"*usage*", "memory.usage", true}, {"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c*", "xxcxxbxxaxx", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*ab", "aaab", true}, {"*aab", "aaaab", true}, {"?", "a", false},
		{"fs.*//var", "fs.used//var", true}, {"a*", "", false}, {"é*", "été", true}, {"ét*", "été", true},
	};
	char pattern[240], id[256];
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CHECK(store_pattern_match(rows[i].pattern, rows[i].id) == rows[i].match, "%s %s", rows[i].pattern, rows[i].id);

	/* What sends a backtracking matcher to the end of days: *a*a*a…b against aaaa… */
	for (size_t i = 0; i + 2 < sizeof pattern; i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + sizeof pattern - 2, "b", 2);
	memset(id, 'a', sizeof id);
	id[sizeof id - 1] = '\0';
	assert_false(store_pattern_match(pattern, id));
}

static void test_lists_in_natural_order(void **state)
{
	static const char *const mixed[] = {"cpu.usage/10", "cpu.usage", "cpu.usage/2", "net.rx/eth10", "cpu.usage/02",
		"net.rx/eth9", "disk.busy/sda", "cpu.usage/0", "a/99999999999999999999998", "a/99999999999999999999999"};
	static const struct row {
		const char *pattern, *ids;
	} rows[] = {
		{"*", "a/99999999999999999999998 a/99999999999999999999999 cpu.usage cpu.usage/0 cpu.usage/02 cpu.usage/2 "
			"cpu.usage/10 disk.busy/sda net.rx/eth9 net.rx/eth10 "},
		{"cpu.usage", "cpu.usage "}, {"cpu.usage/*", "cpu.usage/0 cpu.usage/02 cpu.usage/2 cpu.usage/10 "},
		{"none*", ""}, {"none", ""}, {"", ""},
	};
	struct store *st = small(20);
	(void)state;

	for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++)
		named(st, mixed[i]);
	store_retire(st, named(st, "cpu.gone"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_list list;
		char got[400] = "";

		store_match_take(st, rows[i].pattern, &list);
		for (size_t k = 0; k < list.n; k++) {
			strcat(got, list.at[k].id);
			strcat(got, " ");
			CHECK(list.at[k].t_ms == 0 && isnan(list.at[k].last), "%s", list.at[k].id);
			CHECK(store_find(st, list.at[k].id) == list.at[k].series, "%s", list.at[k].id);
		}
		CHECK(strcmp(got, rows[i].ids) == 0, "%s: %s", rows[i].pattern, got);
		store_list_release(&list);
	}
	store_free(st);
}

static void test_words(void **state)
{
	enum store_fold fold = STORE_MAX;
	(void)state;

	assert_true(store_fold_parse("last", &fold) && fold == STORE_LAST);
	assert_true(store_fold_parse("avg", &fold) && fold == STORE_AVG);
	assert_true(store_fold_parse("min", &fold) && fold == STORE_MIN);
	assert_true(store_fold_parse("max", &fold) && fold == STORE_MAX);
	assert_true(store_fold_parse("range", &fold) && fold == STORE_RANGE);
	assert_false(store_fold_parse("mean", &fold) || store_fold_parse("", &fold) || store_fold_parse("LAST", &fold));
	assert_true(fold == STORE_RANGE);
	assert_string_equal(store_kind_name(STORE_GAUGE), "gauge");
	assert_string_equal(store_kind_name(STORE_RATE), "rate");
	assert_string_equal(store_kind_name(STORE_COUNTER), "counter");
}

/* ---- memory ---- */

static void test_raw_points_fit(void **state)
{
	struct store_config raw_only = {500, 3600, 0, 1000}, none = {500, 0, 0, 1000};
	(void)state;

	/* 500 series at 1 s for an hour: 8 MB, all that is not the catalog. */
	assert_true(store_limit_bytes(&raw_only) - store_limit_bytes(&none) < 8000000);
}

/* The worst that can be told to a store: no two values alike, intervals that change, series that come and go. */
static void test_limit_is_never_passed(void **state)
{
	static const struct row {
		struct store_config config;
		int seconds;
		uint32_t step_ms;
	} rows[] = {
		{{20, 120, 3600, 1000}, 9000, 1000}, {{3, 60, 600, 100}, 1500, 100}, {{1, 1, 60, 1000}, 500, 1000},
		{{8, 3600, 86400, 1000}, 100000, 7000}, {{2, 3600, 60, 3600000}, 1000000, 90000},
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store *st = store_new(&rows[i].config, -1);
		size_t limit = store_limit_bytes(&rows[i].config), most = store_bytes(st);
		char id[STORE_MAX_ID + 1], help[300];
		unsigned n = rows[i].config.max_series;

		memset(id, 'i', sizeof id);
		memset(help, 'h', sizeof help);
		help[sizeof help - 1] = id[STORE_MAX_ID] = '\0';
		for (int64_t t = 0; t < rows[i].seconds * 1000LL; t += rows[i].step_ms)
			for (unsigned k = 0; k < n; k++) {
				unsigned turn = (unsigned)(t / 3000000) % 2 && k < 2 ? 5000 + (unsigned)(t / 3000000) : 0;
				uint32_t interval = t % 1000000 < 3000 ? 100 : 1000;
				store_ref ref;
				int digits = sprintf(id, "%u", k + turn);

				id[digits] = 'i';
				if (turn)
					store_retire(st, store_find(st, id));
				ref = store_series(st, &(struct store_info){id, help, help, help, STORE_GAUGE, interval});
				put(st, ref, T0 + t, (double)(t + k) * 1.37);
				most = store_bytes(st) > most ? store_bytes(st) : most;
			}
		CHECK(most <= limit, "%zu: %zu of %zu", i, most, limit);
		CHECK(most > limit / 4, "%zu: %zu of %zu", i, most, limit); /* the limit is no fantasy */
		store_free(st);
	}
}

static void test_constant_series_cost_nothing(void **state)
{
	struct store *st = small(4);
	store_ref same = named(st, "same"), moving = named(st, "moving"), unknown = named(st, "unknown");
	size_t before = store_bytes(st);
	(void)state;

	for (int s = 0; s < 20000; s++) {
		put(st, same, T0 + s * 1000, 42.5);
		put(st, unknown, T0 + s * 1000, NAN);
	}
	assert_int_equal(store_bytes(st), before);
	for (int s = 0; s < 3600; s++)
		put(st, moving, T0 + s * 1000, s);
	assert_true(store_bytes(st) > before + 3600 * 4);
	store_free(st);
}

/* ---- threads ---- */

static atomic_bool stop_writing;

struct writer {
	struct store *st;
	int number;
};

static void *write_on(void *arg)
{
	const struct writer *w = arg;
	struct store_sample batch[10];
	char id[40];

	for (int64_t t = T0; !atomic_load(&stop_writing); t += 1000) {
		for (int i = 0; i < 10; i++) {
			sprintf(id, "w.%d/%d", w->number, i);
			batch[i] = (struct store_sample){named(w->st, id), (double)(t - T0)};
		}
		store_publish(w->st, t, batch, 10);
		if (t / 1000 % 50 == 0)
			store_retire(w->st, batch[9].series);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct store *st = small(16); /* too few, so that they push each other out */
	struct writer writers[2] = {{st, 0}, {st, 1}};
	struct store_fresh out[64];
	pthread_t threads[2];
	size_t drained = 0;
	(void)state;

	atomic_store(&stop_writing, false);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, write_on, &writers[i]);
	for (int round = 0; round < 300 || !drained; round++) {
		struct store_list list;

		store_match_take(st, "w.*", &list);
		for (size_t i = 0; i < list.n; i++) {
			struct store_query q = {T0, T0 + 600000, 300, STORE_RANGE};
			struct store_range r;

			if (store_query_take(st, list.at[i].series, &q, T0, 2000, 300, &r))
				store_range_release(&r);
		}
		store_list_release(&list);
		drained += store_drain(st, out, 64, NULL);
		assert_true(store_count(st) <= 16);
	}
	atomic_store(&stop_writing, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	store_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_instances_leave_room),
		cmocka_unit_test(test_refuses_bad_ids),
		cmocka_unit_test(test_renews_info),
		cmocka_unit_test(test_retires_and_reuses),
		cmocka_unit_test(test_lists_what_is_held),
		cmocka_unit_test(test_ignores_foreign_refs),
		cmocka_unit_test(test_time_of_samples),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_odd_values),
		cmocka_unit_test(test_drains_in_order),
		cmocka_unit_test(test_drain_overflows),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_lists_in_natural_order),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_raw_points_fit),
		cmocka_unit_test(test_limit_is_never_passed),
		cmocka_unit_test(test_constant_series_cost_nothing),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
