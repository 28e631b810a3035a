/* test_loop.c: the order of a turn: descriptors, calls for the next turn, timers, posts, what was deferred. */
#include "check.h"

#include "base/buf.h"
#include "base/clock.h"
#include "loop/loop.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct loop *l;
static struct buf seen; /* one letter for each thing that happened */

static int set_up(void **state)
{
	(void)state;
	buf_init(&seen, 1 << 20);
	return loop_new(&l);
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(l);
	buf_release(&seen);
	return 0;
}

static void note(void *letter)
{
	buf_addc(&seen, *(const char *)letter);
}

struct alarm {
	struct loop_timer timer;
	char letter;
};

static void on_alarm(struct loop_timer *t)
{
	buf_addc(&seen, ((struct alarm *)(void *)t)->letter);
}

static void turn_until(size_t n)
{
	for (int i = 0; i < 1000 && seen.len < n; i++)
		loop_turn(l, 100);
}

static void timers_come_in_their_order(void **state)
{
	struct alarm a[6] = {{.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}, {.letter = 'd'}, {.letter = 'e'}, {.letter = 'f'}};
	static const int waits[] = {30, 10, 20, 5, 25, 15};

	(void)state;
	for (size_t i = 0; i < ROWS(a); i++)
		loop_timer_set(l, &a[i].timer, waits[i], on_alarm);
	loop_timer_set(l, &a[3].timer, 40, on_alarm); /* later than it was */
	loop_timer_set(l, &a[0].timer, 1, on_alarm);  /* earlier */
	loop_timer_clear(l, &a[2].timer);
	loop_timer_clear(l, &a[2].timer);
	assert_false(loop_timer_is_set(&a[2].timer));
	assert_true(loop_timer_is_set(&a[3].timer));
	turn_until(5);
	assert_string_equal(seen.data, "abfed");
	assert_false(loop_timer_is_set(&a[3].timer));
}

static void many_timers(void **state)
{
	static struct alarm a[500];
	unsigned random = 7;

	(void)state;
	for (size_t i = 0; i < ROWS(a); i++) {
		a[i].letter = '.';
		random = random * 1103515245 + 12345;
		loop_timer_set(l, &a[i].timer, random >> 8 & 15, on_alarm);
		if (random >> 20 & 1)
			loop_timer_clear(l, &a[(random >> 12) % (i + 1)].timer);
	}
	for (size_t i = 0; i < ROWS(a); i++)
		if (!loop_timer_is_set(&a[i].timer))
			loop_timer_set(l, &a[i].timer, 16, on_alarm);
	turn_until(ROWS(a));
	assert_int_equal(seen.len, ROWS(a));
}

/* Sets itself again: no second time in the same turn. */
static void on_again(struct loop_timer *t)
{
	buf_addc(&seen, '.');
	loop_timer_set(l, t, 0, on_again);
}

static void a_timer_never_comes_twice_in_a_turn(void **state)
{
	struct loop_timer t = {0};

	(void)state;
	loop_timer_set(l, &t, 0, on_again);
	while (seen.len < 1)
		loop_turn(l, 100);
	assert_int_equal(seen.len, 1);
	loop_timer_clear(l, &t);
}

static void defer_another(void *letter)
{
	note(letter);
	loop_defer(l, note, (void *)(uintptr_t)"3");
}

static void next_and_more(void *letter)
{
	note(letter);
	loop_defer(l, defer_another, (void *)(uintptr_t)"2");
	loop_next(l, note, (void *)(uintptr_t)"4"); /* not in this turn */
}

static void a_turn_has_its_order(void **state)
{
	struct alarm alarm = {.letter = 't'};

	(void)state;
	loop_timer_set(l, &alarm.timer, 0, on_alarm);
	usleep(3000); /* it is due when the turn begins */
	loop_post(l, note, (void *)(uintptr_t)"p");
	loop_defer(l, note, (void *)(uintptr_t)"d");
	loop_next(l, next_and_more, (void *)(uintptr_t)"n");
	loop_turn(l, 0);
	assert_string_equal(seen.data, "ntpd23");
	loop_turn(l, 0);
	assert_string_equal(seen.data, "ntpd234");
}

/* --- descriptors --- */

struct peer {
	struct loop_watch watch;
	struct peer *other;
	char letter;
};

/* Both are ready; whoever comes first takes the other one away. */
static void on_peer(struct loop_watch *w, uint32_t events)
{
	struct peer *p = (struct peer *)(void *)w;

	assert_true(events & EPOLLIN);
	buf_addc(&seen, p->letter);
	loop_unwatch(l, &p->other->watch);
	p->other->watch.ready = NULL; /* as if its memory were gone */
}

static void unwatched_in_the_turn_is_not_called(void **state)
{
	struct peer a = {.letter = 'x'}, b = {.letter = 'x', .other = &a};
	int fds[2] = {eventfd(1, EFD_CLOEXEC), eventfd(1, EFD_CLOEXEC)};

	(void)state;
	a.other = &b;
	assert_int_equal(loop_watch(l, &a.watch, fds[0], EPOLLIN, on_peer), 0);
	assert_int_equal(loop_watch(l, &b.watch, fds[1], EPOLLIN, on_peer), 0);
	loop_turn(l, 100);
	assert_string_equal(seen.data, "x");
	loop_unwatch(l, &a.watch);
	loop_unwatch(l, &b.watch);
	close(fds[0]);
	close(fds[1]);
}

static void on_writable(struct loop_watch *w, uint32_t events)
{
	buf_addc(&seen, events & EPOLLOUT ? 'w' : 'r');
	loop_rewatch(l, w, events & EPOLLOUT ? EPOLLIN : 0);
}

static void other_events_can_be_waited_for(void **state)
{
	struct loop_watch w;
	int fd = eventfd(1, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(loop_watch(l, &w, fd, EPOLLOUT, on_writable), 0);
	for (int i = 0; i < 3; i++)
		loop_turn(l, 0);
	assert_string_equal(seen.data, "wr");
	loop_unwatch(l, &w);
	loop_unwatch(l, &w);
	assert_true(loop_watch(l, &w, -1, EPOLLIN, on_writable) < 0);
	close(fd);
}

/* --- threads --- */

#define POSTS 2000

static void *post_many(void *letter)
{
	for (int i = 0; i < POSTS; i++)
		loop_post(l, note, letter);
	return NULL;
}

static void posts_of_threads_all_come(void **state)
{
	pthread_t threads[3];
	static char letters[] = "abc";
	size_t n[128] = {0};

	(void)state;
	for (size_t i = 0; i < ROWS(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &letters[i]), 0);
	while (seen.len < ROWS(threads) * POSTS)
		loop_turn(l, 1000);
	for (size_t i = 0; i < ROWS(threads); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < seen.len; i++)
		n[(size_t)seen.data[i]]++;
	for (size_t i = 0; i < ROWS(threads); i++)
		assert_int_equal(n[(size_t)letters[i]], POSTS);
}

static void *stop_it(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void stops_from_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stop_it, l), 0);
	loop_run(l);
	pthread_join(thread, NULL);
	assert_false(loop_turn(l, 0));
}

/* ---- in a loop of another ---- */

static int foreign_polls;

static void turn_as_a_guest(size_t n)
{
	for (foreign_polls = 0; foreign_polls < 1000 && seen.len < n; foreign_polls++) {
		struct pollfd p = {.fd = loop_fd(l), .events = POLLIN};

		poll(&p, 1, loop_wait_ms(l));
		loop_turn(l, 0);
	}
}

static void *post_later(void *loop)
{
	usleep(20000); /* the guest's poll() is to be waiting */
	loop_post(loop, note, (void *)(uintptr_t)"p");
	return NULL;
}

static void a_guest_in_another_loop(void **state)
{
	struct alarm a = {.letter = 'a'};
	pthread_t thread;

	(void)state;
	assert_int_equal(loop_wait_ms(l), -1);
	loop_defer(l, note, (void *)(uintptr_t)"d"); /* between two turns */
	assert_int_equal(loop_wait_ms(l), 0);
	loop_turn(l, -1);
	assert_string_equal(seen.data, "d");

	loop_timer_set(l, &a.timer, 30, on_alarm);
	assert_in_range(loop_wait_ms(l), 0, 30);
	turn_as_a_guest(2);
	assert_string_equal(seen.data, "da");
	assert_in_range(foreign_polls, 1, 10); /* it slept, and did not spin */

	assert_int_equal(pthread_create(&thread, NULL, post_later, l), 0);
	turn_as_a_guest(3);
	pthread_join(thread, NULL);
	assert_string_equal(seen.data, "dap");
	assert_in_range(foreign_polls, 1, 10);
}

static void a_timer_set_between_turns_waits_in_full(void **state)
{
	struct alarm a = {.letter = 'a'};
	int64_t before_ms;

	(void)state;
	loop_turn(l, 0);
	usleep(50000); /* the guest was busy */
	before_ms = clock_mono_ms();
	loop_timer_set(l, &a.timer, 40, on_alarm);
	assert_true(a.timer.at_ms >= before_ms + 40);
	loop_timer_clear(l, &a.timer);
}

static void the_end_runs_what_is_left(void **state)
{
	struct loop *own;

	(void)state;
	assert_int_equal(loop_new(&own), 0);
	loop_post(own, note, (void *)(uintptr_t)"p");
	loop_next(own, note, (void *)(uintptr_t)"n");
	loop_defer(own, note, (void *)(uintptr_t)"d");
	loop_free(own);
	assert_string_equal(seen.data, "pnd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_come_in_their_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_timers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_never_comes_twice_in_a_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_turn_has_its_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unwatched_in_the_turn_is_not_called, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_events_can_be_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(posts_of_threads_all_come, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stops_from_another_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_guest_in_another_loop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_set_between_turns_waits_in_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_end_runs_what_is_left, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
