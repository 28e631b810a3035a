/* test_turns.c: requests that take long: a share of a turn, each client in order, clients one after another, and ceilings. */
#include "check.h"

#include "app/turns.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <stdlib.h>

static struct buf done;
static int64_t each_ms;

/* A request is its name; it takes each_ms. */
static void on_turn(void *request)
{
	int64_t until = clock_mono_ms() + each_ms;

	buf_addf(&done, "%s ", (char *)request);
	free(request);
	while (clock_mono_ms() < until)
		;
}

static bool later(struct turns *t, const void *client, const char *name, size_t bytes)
{
	char *request = xstrdup(name);
	bool taken = turns_later(t, client, bytes, on_turn, request);

	if (!taken)
		free(request);
	return taken;
}

static struct loop *set_up(struct turns **t, int64_t ms)
{
	struct loop *l;

	assert_int_equal(loop_new(&l), 0);
	*t = turns_new(l);
	buf_init(&done, 1 << 20);
	each_ms = ms;
	return l;
}

static void tear_down(struct loop *l, struct turns *t)
{
	turns_free(t);
	loop_free(l);
	buf_release(&done);
}

static void test_clients_take_turns(void **state)
{
	struct turns *t;
	struct loop *l = set_up(&t, 0);
	int a, b, c;

	(void)state;
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof name, "a%d", i);
		assert_true(later(t, &a, name, 1000));
	}
	assert_true(later(t, &b, "b0", 0) && later(t, &b, "b1", 0) && later(t, &c, "c0", 0));
	assert_false(turns_now(t)); /* whoever comes now is behind them */
	while (!turns_now(t))
		loop_turn(l, 100);
	assert_string_equal(done.data, "a0 b0 c0 a1 b1 a2 a3 ");
	tear_down(l, t);
}

/* Each takes longer than a share: one in a turn, and others get theirs between. */
static void test_a_turn_has_a_share(void **state)
{
	struct turns *t;
	struct loop *l = set_up(&t, 12);
	uint64_t first;
	int a;

	(void)state;
	loop_turn(l, 0);
	assert_true(turns_now(t));
	on_turn(xstrdup("now"));
	assert_false(turns_now(t)); /* the share of this turn is spent */
	for (int i = 0; i < 5; i++)
		assert_true(later(t, &a, "x", 0));
	first = loop_turns(l);
	for (size_t had = done.len; done.len < strlen("now x x x x x "); had = done.len) {
		loop_turn(l, 100);
		assert_true(done.len <= had + 2);
	}
	assert_true(loop_turns(l) - first >= 5);
	loop_turn(l, 0);
	assert_true(turns_now(t));
	tear_down(l, t);
}

static void test_ceilings(void **state)
{
	struct turns *t;
	struct loop *l = set_up(&t, 0);
	int a, b;

	(void)state;
	for (int i = 0; i < LIMIT_HEAVY_REQUESTS; i++)
		assert_true(later(t, &a, "a", 0));
	assert_false(later(t, &a, "a", 0));
	assert_true(later(t, &b, "b", 0)); /* of another one */
	assert_false(later(t, &b, "b", LIMIT_HEAVY_BYTES));
	assert_true(later(t, &b, "b", LIMIT_HEAVY_BYTES / 2));
	assert_false(later(t, &b, "b", LIMIT_HEAVY_BYTES / 2));
	assert_false(later(t, &done, "c", SIZE_MAX)); /* and this client is forgotten */
	while (!turns_now(t))
		loop_turn(l, 100);
	assert_int_equal(done.len, 2 * (LIMIT_HEAVY_REQUESTS + 2));
	assert_true(later(t, &b, "b", LIMIT_HEAVY_BYTES / 2)); /* there is room again */
	tear_down(l, t);               /* does it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_take_turns),
		cmocka_unit_test(test_a_turn_has_a_share),
		cmocka_unit_test(test_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
