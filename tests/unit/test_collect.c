/* test_collect.c: the runner, with collectors that fail, hang, lose instances and come back. What they do is told to them by the test,
 * and the test waits for what comes of it: for the store's wake and for changes of state, never for a time. */
#include "check.h"

#include "base/clock.h"
#include "base/xmalloc.h"
#include "collect/collect.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATIENCE_MS 30000

/* --- collectors that do as they are told --- */

enum { READS, AT };
static const struct metric metrics[] = {
	{"fake.reads", "", STORE_GAUGE, "How often it was read"}, {"fake.at", "", STORE_GAUGE, "One of several"},
};

/* Under the lock: what the test says, and what the collectors did. */
static struct orders {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int open_error, read_error;    /* of those to come */
	bool hang, hanging, two;       /* two: instances a and b, else a alone */
	int opens, closes, reads, scrapes;
	char text[100];                /* last change of state: "quick failing: …" */
	int changes;
	bool scraped;
	char scrape_text[400];
	int64_t read_ns, steady_ns, least_ns; /* when a read of the two ended; the shortest time from there to the next read */
	int steady_reads;
} o = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void lock(void)
{
	pthread_mutex_lock(&o.lock);
}

static void unlock(void)
{
	pthread_cond_broadcast(&o.changed);
	pthread_mutex_unlock(&o.lock);
}

static int fake_open(void *state, const struct collect_roots *roots, const char **why)
{
	int err;

	(void)state;
	(void)roots;
	lock();
	err = o.open_error;
	o.opens += !err;
	unlock();
	*why = err ? "cannot open it" : NULL;
	return err;
}

/* The lock is held. */
static void note_start(int64_t end_ns, int64_t start_ns)
{
	if (end_ns && start_ns - end_ns < o.least_ns)
		o.least_ns = start_ns - end_ns;
}

static int fake_read(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	int *reads = state, err;
	bool two;

	lock();
	note_start(o.read_ns, now->mono_ns);
	while (o.hang && !now->scrape) {
		o.hanging = true;
		pthread_cond_broadcast(&o.changed);
		pthread_cond_wait(&o.changed, &o.lock);
	}
	o.hanging = false;
	err = o.read_error;
	two = o.two;
	if (now->scrape)
		o.scrapes++;
	else
		o.reads++;
	o.read_ns = clock_mono_ns();
	unlock();
	++*reads;
	sink_set(out, READS, *reads);
	sink_set_at(out, AT, "a", 1);
	if (two)
		sink_set_at(out, AT, "b", 2);
	*why = err ? "cannot read it" : NULL;
	return err;
}

static void fake_expose(void *state, struct buf *out)
{
	buf_addf(out, "fake_reads %d\n", *(int *)state);
}

static void fake_close(void *state)
{
	(void)state;
	lock();
	o.closes++;
	unlock();
}

#define FAKE(is_called, blocks)                                                                                                    \
	{                                                                                                                          \
		.name = is_called, .help = "A fake", .metrics = metrics, .nmetrics = ROWS(metrics), .interval_ms = 100, .blocking = blocks, \
		.state_bytes = sizeof(int), .open = fake_open, .read = fake_read, .expose = fake_expose, .close = fake_close,      \
	}
/* One that shares the sampler's thread with quick, and comes after it. */
static int steady_read(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	(void)state, (void)out, (void)why;
	lock();
	note_start(o.steady_ns, now->mono_ns);
	o.steady_ns = clock_mono_ns();
	o.steady_reads++;
	unlock();
	return 0;
}

static const struct collector steady = {.name = "steady", .help = "A fake", .interval_ms = 100, .state_bytes = 1, .read = steady_read};
static const struct collector quick = FAKE("quick", false), blocking = FAKE("blocking", true);

/* --- the bed --- */

struct bed {
	struct store *store;
	struct collect *collect;
	int wake_fd;
	struct store_fresh fresh[64];  /* what was published and not looked at yet */
	size_t nfresh, at;
};

static void on_change(void *user, const char *name, enum collect_state was, enum collect_state s, const char *why)
{
	(void)user;
	(void)was;
	lock();
	snprintf(o.text, sizeof o.text, "%s %s: %s", name, collect_state_name(s), why);
	o.changes++;
	unlock();
}

static void new_store(struct bed *b)
{
	struct store_config config = {.max_series = 100, .raw_s = 60, .minute_s = 3600, .interval_ms = 100};

	b->store = store_new(&config, b->wake_fd);
}

static int setup(void **state)
{
	struct bed *b = xzalloc(sizeof *b);

	lock();
	o.open_error = o.read_error = o.opens = o.closes = o.reads = o.scrapes = o.changes = 0;
	o.hang = o.hanging = o.two = o.scraped = false;
	o.read_ns = o.steady_ns = 0;
	o.least_ns = INT64_MAX;
	o.steady_reads = 0;
	o.text[0] = '\0';
	unlock();
	b->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	new_store(b);
	*state = b;
	return 0;
}

static void start(struct bed *b, const struct collector *c, const struct collect_setting *settings, size_t n)
{
	struct collect_config config = {.collectors = &c, .ncollectors = 1, .settings = settings, .nsettings = n,
	                                .roots = {"/proc", "/sys", "/"}, .store = b->store};

	assert_int_equal(collect_start(&b->collect, &config), 0);
	collect_on_change(b->collect, on_change, b);
}

static int teardown(void **state)
{
	struct bed *b = *state;

	collect_stop(b->collect);
	store_free(b->store);
	close(b->wake_fd);
	free(b);
	return 0;
}

/* --- waiting for what happens --- */

/* The next published sample of the series; its value. */
static double next_of(struct bed *b, const char *id)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;
	struct pollfd fd = {.fd = b->wake_fd, .events = POLLIN};
	eventfd_t woken;

	for (;;) {
		while (b->at < b->nfresh) {
			const struct store_fresh *s = &b->fresh[b->at++];

			if (s->series == store_find(b->store, id))
				return s->value;
		}
		b->at = 0;
		b->nfresh = store_drain(b->store, b->fresh, ROWS(b->fresh), NULL);
		if (b->nfresh)
			continue;
		CHECK(clock_mono_ms() < end, "no sample of %s", id);
		poll(&fd, 1, 1000);
		eventfd_read(b->wake_fd, &woken);
	}
}

static void until_value(struct bed *b, const char *id, double value)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;

	while (next_of(b, id) != value)
		CHECK(clock_mono_ms() < end, "%s never is %g", id, value);
}

static struct timespec deadline(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += PATIENCE_MS / 1000;
	return at;
}

#define UNTIL(condition)                                                                     \
	do {                                                                                 \
		struct timespec end = deadline();                                            \
		int late = 0;                                                                \
		pthread_mutex_lock(&o.lock);                                                 \
		while (!(condition) && !late)                                                \
			late = pthread_cond_timedwait(&o.changed, &o.lock, &end);            \
		pthread_mutex_unlock(&o.lock);                                               \
		CHECK(!late, "%s; last was %s", #condition, o.text);                         \
	} while (0)

#define ORDER(assignment)     \
	do {                  \
		lock();       \
		assignment;   \
		unlock();     \
	} while (0)

static struct collect_health health(struct bed *b)
{
	struct collect_health h;

	assert_int_equal(collect_health(b->collect, &h, 1), 1);
	return h;
}

/* --- reading --- */

static void test_reads_on_its_grid(void **state)
{
	static const struct collector *const both[] = {&quick, &blocking};
	struct bed *b = *state;

	for (size_t i = 0; i < ROWS(both); i++) {
		char *id = xasprintf("self.collector_failing/%s", both[i]->name);
		int64_t t_ms;
		double v;

		start(b, both[i], NULL, 0);
		assert_true(next_of(b, id) == 0);
		v = next_of(b, "fake.reads");
		assert_true(next_of(b, "fake.reads") == v + 1);
		assert_true(store_last(b->store, store_find(b->store, "fake.reads"), &t_ms, &v));
		assert_int_equal(t_ms % 100, 0);
		assert_int_equal(health(b).state, COLLECT_OK);
		assert_string_equal(health(b).why, "");
		collect_stop(b->collect);
		b->collect = NULL;
		assert_int_equal(o.opens, o.closes);
		free(id);
	}
}

/* A read that takes longer than the grid is wide: nobody is read twice at once for it, which would give rates over nothing. */
static void test_a_slow_read_is_no_reason_for_haste(void **state)
{
	static const struct collector *const both[] = {&quick, &steady};
	struct bed *b = *state;
	struct collect_config config = {.collectors = both, .ncollectors = 2, .roots = {"/proc", "/sys", "/"}, .store = b->store};
	int64_t hang_ns = 0;

	assert_int_equal(collect_start(&b->collect, &config), 0);
	for (int round = 0; round < 3; round++) {
		int reads, steady_reads;

		ORDER(o.hang = true);
		UNTIL(o.hanging);
		hang_ns = clock_mono_ns() + INT64_C(330000000) + round * INT64_C(40000000);
		while (clock_mono_ns() < hang_ns)
			usleep(1000); /* this is what is tested: that time goes by */
		ORDER((reads = o.reads, steady_reads = o.steady_reads, o.hang = false));
		UNTIL(o.reads >= reads + 3 && o.steady_reads >= steady_reads + 3);
	}
	CHECK(o.least_ns >= 25000000 - 2000000, "%lld ns", (long long)o.least_ns); /* a quarter of the interval; stamps are of whole ms */
}

/* --- failing --- */

static void test_fails_and_comes_back(void **state)
{
	static const struct collector *const both[] = {&quick, &blocking};
	struct bed *b = *state;

	for (size_t i = 0; i < ROWS(both); i++) {
		char *id = xasprintf("self.collector_failing/%s", both[i]->name), *text = xasprintf("%s failing: cannot read it (Input/output error)", both[i]->name);
		int changes;

		start(b, both[i], NULL, 0);
		next_of(b, "fake.reads");
		ORDER(o.read_error = -EIO);
		until_value(b, id, 1);
		UNTIL(strcmp(o.text, text) == 0);
		ORDER(changes = o.changes);
		until_value(b, id, 1);
		ORDER(assert_int_equal(o.changes, changes)); /* told once */
		assert_int_equal(health(b).state, COLLECT_FAILING);
		ORDER(o.read_error = 0);
		until_value(b, id, 0);
		assert_true(next_of(b, "fake.reads") >= 1); /* opened anew */
		assert_int_equal(health(b).state, COLLECT_OK);
		collect_stop(b->collect);
		b->collect = NULL;
		assert_int_equal(o.opens, o.closes);
		free(id);
		free(text);
	}
}

static void test_half_a_reading_is_none(void **state)
{
	struct bed *b = *state;

	ORDER(o.read_error = -EIO); /* it tells its samples, then fails */
	start(b, &quick, NULL, 0);
	until_value(b, "self.collector_failing/quick", 1);
	assert_true(store_find(b->store, "fake.reads") == STORE_NONE || !store_last(b->store, store_find(b->store, "fake.reads"), &(int64_t){0}, &(double){0}));
}

static void test_a_host_without_it(void **state)
{
	struct bed *b = *state;

	ORDER(o.open_error = -ENOENT);
	start(b, &quick, NULL, 0);
	next_of(b, "self.series"); /* of the second turn at the latest it was tried */
	next_of(b, "self.series");
	assert_int_equal(health(b).state, COLLECT_DISABLED);
	assert_string_equal(health(b).why, "cannot open it");
	assert_int_equal(store_find(b->store, "self.collector_failing/quick"), STORE_NONE);
	assert_int_equal(o.reads, 0);
}

/* --- instances --- */

static void test_an_instance_vanishes_and_comes_back(void **state)
{
	struct bed *b = *state;

	ORDER(o.two = true);
	start(b, &quick, NULL, 0);
	assert_true(next_of(b, "fake.at/b") == 2);
	ORDER(o.two = false);
	for (int64_t end = clock_mono_ms() + PATIENCE_MS; store_find(b->store, "fake.at/b") != STORE_NONE;) {
		assert_true(clock_mono_ms() < end);
		next_of(b, "fake.at/a");
	}
	ORDER(o.two = true);
	next_of(b, "fake.reads");
	assert_true(next_of(b, "fake.at/b") == 2);
}

/* --- settings --- */

static void test_reload(void **state)
{
	struct collect_setting setting = {"quick", true, 200};
	struct store_list list;
	struct bed *b = *state;

	start(b, &quick, NULL, 0);
	next_of(b, "fake.reads");
	collect_reload(b->collect, &setting, 1);
	for (int64_t end = clock_mono_ms() + PATIENCE_MS;;) {
		next_of(b, "fake.reads");
		store_match_take(b->store, "fake.reads", &list);
		assert_int_equal(list.n, 1);
		if (list.at[0].interval_ms == 200)
			break;
		store_list_release(&list);
		assert_true(clock_mono_ms() < end);
	}
	store_list_release(&list);
	next_of(b, "fake.reads");
	assert_int_equal(health(b).interval_ms, 200);
	assert_int_equal(o.opens, 1); /* its state stays */

	setting.enabled = false;
	collect_reload(b->collect, &setting, 1);
	UNTIL(strcmp(o.text, "quick disabled: switched off") == 0);
	assert_int_equal(o.closes, 1);
	assert_int_equal(store_find(b->store, "fake.reads"), STORE_NONE);
	assert_int_equal(store_find(b->store, "self.collector_failing/quick"), STORE_NONE);

	setting = (struct collect_setting){"quick", true, 100};
	collect_reload(b->collect, &setting, 1);
	UNTIL(strcmp(o.text, "quick ok: ") == 0);
	assert_true(next_of(b, "fake.reads") >= 1);
	assert_int_equal(o.opens, 2);
}

static void test_starts_switched_off(void **state)
{
	struct collect_setting off = {"quick", false, 0};
	struct bed *b = *state;

	start(b, &quick, &off, 1);
	next_of(b, "self.series");
	next_of(b, "self.series");
	assert_int_equal(health(b).state, COLLECT_DISABLED);
	assert_int_equal(o.opens, 0);
}

/* --- scrapes --- */

static void on_scraped(void *user, struct buf *out)
{
	(void)user;
	lock();
	snprintf(o.scrape_text, sizeof o.scrape_text, "%s", out->data);
	o.scraped = true;
	unlock();
}

static void test_scrape_has_a_state_of_its_own(void **state)
{
	struct bed *b = *state;
	double before;

	start(b, &quick, NULL, 0);
	before = next_of(b, "fake.reads");
	for (int i = 1; i <= 3; i++) {
		char text[40];

		ORDER(o.scraped = false);
		collect_scrape(b->collect, on_scraped, NULL);
		UNTIL(o.scraped);
		snprintf(text, sizeof text, "fake_reads %d\n", i);
		assert_string_equal(o.scrape_text, text);
	}
	assert_int_equal(o.scrapes, 3);
	assert_true(next_of(b, "fake.reads") == before + 1); /* no read of a scrape counts there */
}

static void test_scrape_of_a_blocking_one_is_its_last(void **state)
{
	struct bed *b = *state;

	start(b, &blocking, NULL, 0);
	next_of(b, "fake.reads");
	ORDER(o.hang = true);
	UNTIL(o.hanging);
	collect_scrape(b->collect, on_scraped, NULL);
	UNTIL(o.scraped); /* though it hangs */
	assert_int_equal(strncmp(o.scrape_text, "fake_reads ", 11), 0);
	assert_int_equal(o.scrapes, 0);
	ORDER(o.hang = false);
}

static void test_scrape_while_it_fails(void **state)
{
	struct bed *b = *state;

	ORDER(o.read_error = -EIO);
	start(b, &quick, NULL, 0);
	collect_scrape(b->collect, on_scraped, NULL);
	UNTIL(o.scraped);
	assert_string_equal(o.scrape_text, "");
}

/* --- the end --- */

static void test_every_scrape_is_answered_at_the_end(void **state)
{
	struct bed *b = *state;

	start(b, &quick, NULL, 0);
	ORDER(o.hang = true);
	UNTIL(o.hanging); /* the sampler itself */
	collect_scrape(b->collect, on_scraped, NULL);
	collect_stop(b->collect); /* leaves it behind, with its memory */
	b->collect = NULL;
	assert_true(o.scraped);
	assert_string_equal(o.scrape_text, "");
	ORDER(o.hang = false);
	UNTIL(o.closes == o.opens); /* it came back, and was alone with what was its own */
}

static void test_stop_leaves_a_hung_one_behind(void **state)
{
	int64_t before;
	struct bed *b = *state;

	start(b, &blocking, NULL, 0);
	next_of(b, "fake.reads");
	ORDER(o.hang = true);
	UNTIL(o.hanging);
	before = clock_mono_ms();
	collect_stop(b->collect);
	b->collect = NULL;
	assert_in_range(clock_mono_ms() - before, 900, PATIENCE_MS);
	store_free(b->store);
	ORDER((o.two = true, o.hang = false)); /* it tells of something new to nobody */
	UNTIL(o.closes == o.opens);
	new_store(b); /* for the end of the test */
}

static void test_one_that_hangs_is_told(void **state)
{
	struct bed *b = *state;

	start(b, &blocking, NULL, 0);
	next_of(b, "fake.reads");
	ORDER(o.hang = true);
	until_value(b, "self.collector_failing/blocking", 1);
	UNTIL(strncmp(o.text, "blocking failing: no answer for ", 32) == 0);
	ORDER(o.hang = false);
	until_value(b, "self.collector_failing/blocking", 0);
	UNTIL(strcmp(o.text, "blocking ok: ") == 0);
}

int main(void)
{
#define BED(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		BED(test_reads_on_its_grid),
		BED(test_a_slow_read_is_no_reason_for_haste),
		BED(test_fails_and_comes_back),
		BED(test_half_a_reading_is_none),
		BED(test_a_host_without_it),
		BED(test_an_instance_vanishes_and_comes_back),
		BED(test_reload),
		BED(test_starts_switched_off),
		BED(test_scrape_has_a_state_of_its_own),
		BED(test_scrape_of_a_blocking_one_is_its_last),
		BED(test_scrape_while_it_fails),
		BED(test_every_scrape_is_answered_at_the_end),
		BED(test_stop_leaves_a_hung_one_behind),
		BED(test_one_that_hangs_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
