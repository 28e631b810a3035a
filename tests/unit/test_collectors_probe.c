/* test_collectors_probe.c: mounts that never answer, and those beside them, which do.
 *
 * statfs(2) is the test's own here: a path that starts with /dead waits until
 * the test lets it go, as a mount does whose server has gone. */
#include "collectors/probe.h"

#include "base/clock.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool dead = true;
static unsigned calls, waiting;

static void wait_for_life(void)
{
	waiting++;
	pthread_cond_broadcast(&changed);
	while (dead)
		pthread_cond_wait(&changed, &lock);
	waiting--;
	pthread_cond_broadcast(&changed);
}

static unsigned calls_now(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = calls;
	pthread_mutex_unlock(&lock);
	return n;
}

int statfs(const char *path, struct statfs *st)
{
	pthread_mutex_lock(&lock);
	{
		calls++;
		if (!strncmp(path, "/dead", 5))
			wait_for_life();
	}
	pthread_mutex_unlock(&lock);
	if (!strcmp(path, "/gone")) {
		errno = ENOENT;
		return -1;
	}
	*st = (struct statfs){ .f_blocks = strlen(path) };
	return 0;
}

/* A thread that is given up may not have come to its call yet. */
static void await_waiting(unsigned n)
{
	pthread_mutex_lock(&lock);
	while (waiting < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void set_dead(bool is)
{
	pthread_mutex_lock(&lock);
	{
		dead = is;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
}

/* Waits until all threads that were left behind have gone. */
static void revive(void)
{
	set_dead(false);
	while (probe_lost())
		usleep(1000); /* the thread itself has no way to say that it is about to end */
}

static int64_t ask(struct probe *p, struct probe_target *t, size_t n)
{
	int64_t start_ms = clock_mono_ms();

	probe_ask(p, t, n);
	return clock_mono_ms() - start_ms;
}

static void ask_until_answered(struct probe *p, struct probe_target *t, size_t n, const struct probe_target *who)
{
	for (int i = 0; i < 10000 && who->hangs; i++, usleep(1000))
		probe_ask(p, t, n);
	assert_false(who->hangs);
}

static void test_answers(void **unused)
{
	struct probe_target t[] = { { .path = "/a" }, { .path = "/gone" }, { .path = "/remote", .remote = true } };
	struct probe *p = probe_new();

	(void)unused;
	probe_ask(p, t, 0);
	for (int i = 0; i < 50; i++) {
		probe_ask(p, t, 3);
		assert_true(!t[0].err && !t[0].hangs && t[0].st.f_blocks == 2);
		assert_true(t[1].err == -ENOENT && !t[1].hangs);
		assert_true(!t[2].err && t[2].st.f_blocks == 7);
	}
	assert_int_equal(probe_lost(), 0);
	probe_free(p);
}

static void test_one_dead(void **unused)
{
	struct probe_target t[] = { { .path = "/dead/1", .remote = true }, { .path = "/remote", .remote = true },
		                    { .path = "/local" } };
	struct probe *p = probe_new();
	int64_t ms;

	(void)unused;
	set_dead(true);
	ms = ask(p, t, 3);
	assert_true(ms >= PROBE_PATIENCE_MS && ms < 2 * PROBE_PATIENCE_MS);
	ask_until_answered(p, t, 3, &t[1]); /* at once, where threads get a processor in time */
	assert_true(t[0].hangs && t[1].st.f_blocks == 7 && !t[2].hangs && t[2].st.f_blocks == 6);
	assert_int_equal(probe_lost(), 1);

	t[1].st.f_blocks = t[2].st.f_blocks = 0;
	ms = ask(p, t, 3); /* from now on nobody waits for it, and no second thread goes there */
	assert_true(ms < PROBE_PATIENCE_MS && t[0].hangs && t[1].st.f_blocks == 7 && t[2].st.f_blocks == 6);
	assert_int_equal(probe_lost(), 1);

	revive();
	ms = ask(p, t, 3); /* and it is back by itself; its thread may need a moment more to end */
	ask_until_answered(p, t, 3, &t[0]);
	assert_true(ms < PROBE_PATIENCE_MS && t[0].st.f_blocks == 7);
	probe_free(p);
}

static void test_many_dead(void **unused)
{
	struct probe_target t[60];
	struct probe *p = probe_new();
	char paths[60][16];
	unsigned before, asked;
	int64_t ms;

	(void)unused;
	set_dead(true);
	for (int i = 0; i < 60; i++) {
		snprintf(paths[i], sizeof paths[i], i < 58 ? "/dead/%d" : "/live/%d", i);
		t[i] = (struct probe_target){ .path = paths[i], .remote = i != 59 };
	}
	ms = ask(p, t, 60);
	/* All patience goes to the first, the others get a little each; then no more threads are spent. */
	assert_true(ms < PROBE_LOST_REMOTE * PROBE_PATIENCE_MS / 2);
	assert_int_equal(probe_lost(), PROBE_LOST_REMOTE);
	assert_true(!t[59].hangs && t[59].st.f_blocks == 8); /* the local one was asked first */
	assert_true(t[58].hangs); /* unknown: nobody is left to ask it */
	await_waiting(PROBE_LOST_REMOTE);
	before = calls_now();
	ms = ask(p, t, 60);
	asked = calls_now() - before;
	assert_true(ms < PROBE_PATIENCE_MS && asked == 1 && !t[59].hangs);
	probe_free(p); /* with threads still out: they free what is theirs */
	assert_int_equal(probe_lost(), PROBE_LOST_REMOTE);
	revive();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers), cmocka_unit_test(test_one_dead), cmocka_unit_test(test_many_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
