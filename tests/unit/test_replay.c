/* test_replay.c: what rules make of minutes of which only the lowest, average and highest value are left. */
#include "check.h"

#include "app/replay_minutes.h"

#include <math.h>

#define W SEVERITY_WARNING
#define C SEVERITY_CRITICAL
#define FIVE .window_ms = 300000
#define TEN_S .window_ms = 10000

static const struct row {
	const char *name;
	struct rule rule;
	struct minute minute;
	double sure, maybe;
} rows[] = {
	{"above: one value is enough", {.compare = RULE_ABOVE, .limits[W] = {true, 5, 0, 5}}, {1, 2, 9}, 9, 9},
	{"above for: all of them", {.compare = RULE_ABOVE, .limits[W] = {true, 5, 0, 5}, .for_ms = 1000}, {1, 2, 9}, 1, 9},
	{"below", {.compare = RULE_BELOW, .limits[W] = {true, 5, 0, 5}}, {1, 2, 9}, 1, 1},
	{"below for", {.compare = RULE_BELOW, .limits[W] = {true, 5, 0, 5}, .for_ms = 1000}, {1, 2, 9}, 9, 1},
	{"outside, low", {.compare = RULE_OUTSIDE, .limits[W] = {true, 5, 9, 5}}, {1, 2, 9}, 1, 1},
	{"outside, high", {.compare = RULE_OUTSIDE, .limits[W] = {true, 5, 9, 5}}, {5, 6, 10}, 10, 10},
	{"outside, the worse of both", {.compare = RULE_OUTSIDE, .limits = {[W] = {true, 5, 9, 5}, [C] = {true, 0, 10, 0}}}, {4, 6, 11}, 11, 11},
	{"outside, neither: the nearer to a limit", {.compare = RULE_OUTSIDE, .limits[W] = {true, 0, 10, 0}}, {4, 6, 9}, 9, 9},
	{"outside for: it was inside", {.compare = RULE_OUTSIDE, .limits[W] = {true, 4, 8, 4}, .for_ms = 1000}, {1, 2, 9}, 6, 1},
	{"outside for: never inside", {.compare = RULE_OUTSIDE, .limits[W] = {true, 4, 8, 4}, .for_ms = 1000}, {9, 10, 11}, 9, 11},
	{"equals: the lowest was there", {.compare = RULE_EQUALS, .limits[W] = {true, 1, 0, 1}}, {1, 2, 9}, 1, 1},
	{"equals: the highest was", {.compare = RULE_EQUALS, .limits[W] = {true, 9, 0, 9}}, {1, 2, 9}, 9, 9},
	{"equals: the average may be chance", {.compare = RULE_EQUALS, .limits[W] = {true, 2, 0, 2}}, {1, 2, 9}, INFINITY, 2},
	{"equals: not at all", {.compare = RULE_EQUALS, .limits[W] = {true, 10, 0, 10}}, {1, 2, 9}, INFINITY, INFINITY},
	{"equals for: not always", {.compare = RULE_EQUALS, .limits[W] = {true, 1, 0, 1}, .for_ms = 1000}, {1, 2, 9}, INFINITY, 1},
	{"equals for: always", {.compare = RULE_EQUALS, .limits[W] = {true, 1, 0, 1}, .for_ms = 1000}, {1, 1, 1}, 1, 1},
	{"equals: a sample", {.compare = RULE_EQUALS, .limits[W] = {true, 1, 0, 1}}, {3, 3, 3}, 3, 3},
	{"equals: the worse", {.compare = RULE_EQUALS, .limits = {[W] = {true, 1, 0, 1}, [C] = {true, 9, 0, 9}}}, {1, 2, 9}, 9, 9},
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		double sure = minute_value(&rows[i].rule, &rows[i].minute, true), maybe = minute_value(&rows[i].rule, &rows[i].minute, false);

		CHECK(!(sure < rows[i].sure) && !(sure > rows[i].sure), "%s: surely %g", rows[i].name, sure);
		CHECK(!(maybe < rows[i].maybe) && !(maybe > rows[i].maybe), "%s: maybe %g", rows[i].name, maybe);
	}
}

/* Of a sample nothing is in doubt. */
static void test_samples(void **state)
{
	static const double values[] = {-1, 0, 1, 4.9, 5, 9, 11};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		for (size_t k = 0; k < ROWS(values) * 2; k++) {
			double v = values[k / 2], is = minute_value(&rows[i].rule, &(struct minute){v, v, v}, k % 2);

			CHECK(!(is < v) && !(is > v), "%s: %g is %g", rows[i].name, v, is);
		}
}

static void test_windows(void **state)
{
	static const struct {
		const char *name;
		struct rule rule;
		enum store_kind kind;
		enum minute_part sure, maybe;
		enum minute_grasp grasp;
	} windows[] = {
		{"avg", {FIVE, .fold = RULE_AVG}, STORE_GAUGE, MINUTE_MEAN, MINUTE_MEAN, MINUTE_JUDGED},
		{"min", {FIVE, .fold = RULE_MIN}, STORE_GAUGE, MINUTE_LOW, MINUTE_LOW, MINUTE_JUDGED},
		{"max", {FIVE, .fold = RULE_MAX}, STORE_GAUGE, MINUTE_HIGH, MINUTE_HIGH, MINUTE_JUDGED},
		{"p95 above", {FIVE, .fold = RULE_PERCENTILE}, STORE_GAUGE, MINUTE_LOW, MINUTE_HIGH, MINUTE_DOUBT},
		{"p95 below", {FIVE, .fold = RULE_PERCENTILE, .compare = RULE_BELOW}, STORE_GAUGE, MINUTE_HIGH, MINUTE_LOW, MINUTE_DOUBT},
		{"p95 outside", {FIVE, .fold = RULE_PERCENTILE, .compare = RULE_OUTSIDE}, STORE_GAUGE, MINUTE_NONE, MINUTE_NONE, MINUTE_UNKNOWN},
		{"delta of a gauge", {FIVE, .fold = RULE_DELTA}, STORE_GAUGE, MINUTE_NONE, MINUTE_NONE, MINUTE_UNKNOWN},
		{"delta of a counter", {FIVE, .fold = RULE_DELTA}, STORE_COUNTER, MINUTE_HIGH, MINUTE_HIGH, MINUTE_JUDGED},
		{"rate within a minute", {TEN_S, .fold = RULE_RATE}, STORE_COUNTER, MINUTE_NONE, MINUTE_NONE, MINUTE_UNKNOWN},
		{"avg within a minute", {TEN_S, .fold = RULE_AVG}, STORE_GAUGE, MINUTE_LOW, MINUTE_HIGH, MINUTE_DOUBT},
		{"max within a minute", {TEN_S, .fold = RULE_MAX}, STORE_GAUGE, MINUTE_HIGH, MINUTE_HIGH, MINUTE_JUDGED},
		{"max within a minute, for", {TEN_S, .fold = RULE_MAX, .for_ms = 1000}, STORE_GAUGE, MINUTE_LOW, MINUTE_HIGH, MINUTE_DOUBT},
		{"min within a minute", {TEN_S, .fold = RULE_MIN, .compare = RULE_BELOW}, STORE_GAUGE, MINUTE_LOW, MINUTE_LOW, MINUTE_JUDGED},
		{"min within a minute above", {TEN_S, .fold = RULE_MIN}, STORE_GAUGE, MINUTE_LOW, MINUTE_HIGH, MINUTE_DOUBT},
		{"full in", {.compare = RULE_FULL_IN}, STORE_GAUGE, MINUTE_MEAN, MINUTE_MEAN, MINUTE_JUDGED},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(windows); i++) {
		const struct rule *r = &windows[i].rule;
		enum store_kind kind = windows[i].kind;

		CHECK(minute_part(r, kind, true) == windows[i].sure, "%s: surely %d", windows[i].name, (int)minute_part(r, kind, true));
		CHECK(minute_part(r, kind, false) == windows[i].maybe, "%s: maybe %d", windows[i].name, (int)minute_part(r, kind, false));
		CHECK(minute_grasp(r, kind) == windows[i].grasp, "%s: %d", windows[i].name, (int)minute_grasp(r, kind));
	}
}

static void test_grasp(void **state)
{
	(void)state;
	assert_int_equal(minute_grasp(&(struct rule){.compare = RULE_ABOVE}, STORE_GAUGE), MINUTE_JUDGED);
	assert_int_equal(minute_grasp(&(struct rule){.compare = RULE_ABOVE, .for_ms = 1}, STORE_GAUGE), MINUTE_DOUBT);
	assert_int_equal(minute_grasp(&(struct rule){.compare = RULE_EQUALS}, STORE_GAUGE), MINUTE_DOUBT);
	assert_int_equal(minute_grasp(&(struct rule){.compare = RULE_ABSENT}, STORE_GAUGE), MINUTE_SILENCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_grasp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
