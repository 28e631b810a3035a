/* test_notify.c: from the outbox to the receivers, over real HTTP: order, waits, dead letters, lanes that do not wait for each other,
 * reloads and ends in the middle. The outbox keeps its rows in memory, the receiver is src/http. Time is turned by events alone. */
#include "check.h"

#include "alerts/channels.h"
#include "alerts/inner.h"
#include "alerts/notify.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/xmalloc.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define HOUR_MS (3600 * 1000)
#define MAX_ROWS 64

/* --- a wall clock that can be set --- */

static int64_t clock_ahead_s;

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += clock_ahead_s;
	return rc;
}

/* --- the outbox --- */

struct row {
	int64_t id, next_ms, since_ms;
	const char *channel, *alert, *body;
	const char *state;             /* "waiting", "delivered", "dead" */
	uint32_t attempts;
	int status;
	char error[200];
};

struct bed {
	struct loop *loop;
	struct fetch *fetch;
	struct http_server *http;
	struct notify *notify;
	uint16_t port;
	char *urls[4];                 /* of the receiver: /a, /b …; the last is one that nobody listens at */
	struct channel channels[4];
	struct row rows[MAX_ROWS];
	size_t nrows;
	char got[4000];                /* "/a:body " … in the order in which they came */
	struct http_request *held;     /* one of /hold that waits for its answer */
	int hits;
	const char *script;            /* of /b: how each attempt is answered in turn */
	int held_results, hurried;     /* how often the outbox was told so */
	int64_t set_back_ms;           /* and by how much the clock was */
};

static bool is_head(const struct bed *b, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(b->rows[i].state, "waiting") == 0 && strcmp(b->rows[i].alert, b->rows[at].alert) == 0 &&
		    strcmp(b->rows[i].channel, b->rows[at].channel) == 0)
			return false;
	return true;
}

struct asked {
	struct bed *bed;
	char channel[32];
	uint32_t max;
	letters_fn *done;
	void *user;
};

static void answer_due(void *arg)
{
	struct asked *q = arg;
	struct letter letters[MAX_ROWS];
	size_t n = 0;

	for (size_t i = 0; i < q->bed->nrows && n < q->max; i++) {
		const struct row *r = &q->bed->rows[i];

		if (strcmp(r->channel, q->channel) == 0 && strcmp(r->state, "waiting") == 0 && r->next_ms <= clock_wall_ms() && is_head(q->bed, i))
			letters[n++] = (struct letter){r->id, r->channel, "message", r->body, "application/json", r->attempts, r->since_ms};
	}
	q->done(q->user, letters, n);
	free(q);
}

static void due(void *user, const char *channel, uint32_t max, letters_fn *done, void *done_user)
{
	struct asked *q = xzalloc(sizeof *q);

	*q = (struct asked){.bed = user, .max = max, .done = done, .user = done_user};
	snprintf(q->channel, sizeof q->channel, "%s", channel);
	loop_post(q->bed->loop, answer_due, q); /* later, as the database does */
}

static struct row *row(struct bed *b, int64_t id)
{
	return &b->rows[id - 1];
}

static void result(void *user, int64_t id, const char *outcome, int64_t next_ms, int status, const char *error,
                   void (*done)(void *user), void *done_user)
{
	struct bed *b = user;
	struct row *r = row(b, id);

	r->state = strcmp(outcome, "delivered") == 0 ? "delivered" : strcmp(outcome, "dead") == 0 ? "dead" : "waiting";
	b->held_results += strcmp(outcome, "held") == 0;
	r->attempts++;
	r->next_ms = next_ms;
	r->status = status;
	snprintf(r->error, sizeof r->error, "%s", error ? error : "");
	loop_post(b->loop, done, done_user);
}

static void hurry(void *user, const char *channel)
{
	struct bed *b = user;

	b->hurried++;
	for (size_t i = 0; i < b->nrows; i++)
		if (strcmp(b->rows[i].channel, channel) == 0)
			b->rows[i].next_ms = 0;
}

static void set_back(void *user, int64_t by_ms)
{
	struct bed *b = user;

	b->set_back_ms += by_ms;
	for (size_t i = 0; i < b->nrows; i++)
		b->rows[i].next_ms -= by_ms;
}

static void put(struct bed *b, const char *channel, const char *alert, const char *body)
{
	b->rows[b->nrows] = (struct row){.id = (int64_t)b->nrows + 1, .channel = channel, .alert = alert, .body = body, .state = "waiting",
	                                 .since_ms = clock_wall_ms()};
	b->nrows++;
}

/* --- the receiver --- */

static void note(struct bed *b, struct http_request *r)
{
	size_t n, len = strlen(b->got);
	const char *body = http_body(r, &n);

	snprintf(b->got + len, sizeof b->got - len, "%s:%.*s ", http_path(r), (int)n, body);
	b->hits++;
}

static void on_fine(void *user, struct http_request *r)
{
	note(user, r);
	http_reply(r, 200, NULL, NULL, 0);
}

/* '2' is fine, '5' an error, 'g' Gone, 'r' busy for a minute, 'y' for longer than it may be, 'e' an error that says a minute, too. */
static void on_script(void *user, struct http_request *r)
{
	struct bed *b = user;
	char what = *b->script ? *b->script++ : '2';

	note(b, r);
	if (what == 'r' || what == 'e')
		http_add_header(r, "Retry-After", "60");
	if (what == 'y')
		http_add_header(r, "Retry-After", "99999999999999999");
	if (what == '2')
		http_reply(r, 204, NULL, NULL, 0);
	else
		http_error(r, what == 'g' ? 410 : what == '5' || what == 'e' ? 500 : 503, "not\r\nnow");
}

static void on_gone(void *user)
{
	((struct bed *)user)->held = NULL;
}

static void on_hold(void *user, struct http_request *r)
{
	struct bed *b = user;

	note(b, r);
	b->held = r;
	http_on_gone(r, on_gone, b);
}

static const struct http_route routes[] = {
	{"POST", "/a", on_fine}, {"POST", "/b", on_script}, {"POST", "/hold", on_hold},
};

/* --- the bed --- */

static void turn_until(struct bed *b, const char *state, int64_t id, uint32_t attempts)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;

	while (strcmp(row(b, id)->state, state) != 0 || row(b, id)->attempts < attempts) {
		CHECK(clock_mono_ms() < end, "%lld is %s after %u attempts: %s", (long long)id, row(b, id)->state, row(b, id)->attempts, row(b, id)->error);
		loop_turn(b->loop, 20);
		if (b->notify)
			notify_poke(b->notify); /* else it looks once a second */
	}
}

static void turn_for(struct bed *b, int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;

	while (clock_mono_ms() < end)
		loop_turn(b->loop, 100);
}

static void turn_until_held(struct bed *b)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;

	while (!b->held) {
		assert_true(clock_mono_ms() < end);
		loop_turn(b->loop, 100);
	}
}

/* A port that nobody listens at: bound, so that nobody else takes it, and never opened. */
static int closed_port(uint16_t *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static int nobody_fd;

static struct channel hook(const char *name, char *url)
{
	return (struct channel){.name = (char *)(uintptr_t)name, .kind = &channel_webhook, .url = url, .format = (char *)(uintptr_t)"json",
	                        .timeout_ms = 15000, .max_age_ms = 86400000, .max_attempts = 3, .max_wait_ms = 1, .allow_private = true};
}

static int setup(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct bed *b = xzalloc(sizeof *b);
	struct http_options o;
	uint16_t closed;

	signal(SIGPIPE, SIG_IGN); /* as main() does */
	loop_new(&b->loop);
	b->fetch = fetch_new(b->loop);
	http_options_init(&o);
	o.routes = routes;
	o.nroutes = ROWS(routes);
	o.user = b;
	b->http = http_server_new(b->loop, &o);
	assert_int_equal(http_server_listen(b->http, (struct sockaddr *)&sa, sizeof sa, &b->port), 0);
	nobody_fd = closed_port(&closed);
	b->urls[0] = xasprintf("http://127.0.0.1:%u/a", b->port);
	b->urls[1] = xasprintf("http://127.0.0.1:%u/b", b->port);
	b->urls[2] = xasprintf("http://127.0.0.1:%u/hold", b->port);
	b->urls[3] = xasprintf("http://127.0.0.1:%u/", closed);
	b->channels[0] = hook("a", b->urls[0]);
	b->channels[1] = hook("b", b->urls[1]);
	b->channels[2] = hook("hold", b->urls[2]);
	b->channels[3] = hook("nobody", b->urls[3]);
	b->script = "";
	*state = b;
	return 0;
}

static void start(struct bed *b)
{
	struct outbox outbox = {b, due, result, hurry, set_back};

	b->notify = notify_new(b->loop, b->fetch, &outbox, b->channels, ROWS(b->channels));
}

static int teardown(void **state)
{
	struct bed *b = *state;

	notify_free(b->notify);
	fetch_free(b->fetch);
	http_server_free(b->http);
	loop_free(b->loop);
	for (size_t i = 0; i < ROWS(b->urls); i++)
		free(b->urls[i]);
	close(nobody_fd);
	free(b);
	return 0;
}

/* --- delivering --- */

static void test_in_order_for_each_alert(void **state)
{
	struct bed *b = *state;
	const char *bodies[] = {"1", "2", "3", "4", "5", "6"};

	for (size_t i = 0; i < ROWS(bodies); i++)
		put(b, "a", i % 2 ? "y" : "x", bodies[i]);
	start(b);
	for (int64_t id = 1; id <= 6; id++)
		turn_until(b, "delivered", id, 1);
	assert_int_equal(b->hits, 6);
	assert_true(strstr(b->got, "/a:1 ") < strstr(b->got, "/a:3 ") && strstr(b->got, "/a:3 ") < strstr(b->got, "/a:5 "));
	assert_true(strstr(b->got, "/a:2 ") < strstr(b->got, "/a:4 ") && strstr(b->got, "/a:4 ") < strstr(b->got, "/a:6 "));
	assert_int_equal(row(b, 1)->status, 200);
}

/* What waits until a time of the clock does not wait for longer when that is set back; when it is set forward, or by little, nothing
 * needs to be done. */
static void test_clock_set_back(void **state)
{
	struct bed *b = *state;

	put(b, "a", "x", "1");
	row(b, 1)->next_ms = clock_wall_ms() + HOUR_MS;
	start(b);
	clock_ahead_s = 600;
	turn_for(b, 1500); /* more than one look */
	clock_ahead_s = 599;
	turn_for(b, 1500);
	assert_true(b->set_back_ms == 0 && row(b, 1)->attempts == 0);
	row(b, 1)->next_ms = clock_wall_ms() + 1000;
	clock_ahead_s -= HOUR_MS / 1000;
	turn_until(b, "delivered", 1, 1);
	assert_in_range(b->set_back_ms, HOUR_MS - 1000, HOUR_MS + 1000);
	clock_ahead_s = 0;
}

static void test_what_comes_later_goes_on_a_poke(void **state)
{
	struct bed *b = *state;

	start(b);
	loop_turn(b->loop, 0);
	put(b, "a", "x", "1");
	notify_poke(b->notify);
	turn_until(b, "delivered", 1, 1);
	put(b, "a", "x", "2");
	notify_poke(b->notify); /* twice while the first question is out: none is lost */
	put(b, "a", "y", "3");
	notify_poke(b->notify);
	turn_until(b, "delivered", 2, 1);
	turn_until(b, "delivered", 3, 1);
	assert_int_equal(b->hits, 3);
}

static void test_retries_until_it_is_taken(void **state)
{
	struct bed *b = *state;

	b->script = "552";
	put(b, "b", "x", "1");
	put(b, "b", "x", "2");
	put(b, "a", "x", "3");
	start(b);
	turn_until(b, "delivered", 3, 1); /* another lane */
	turn_until(b, "delivered", 2, 1);
	assert_int_equal(row(b, 1)->attempts, 3);
	assert_int_equal(row(b, 1)->status, 204);
	for (const char *at = b->got; (at = strstr(at, "/b:1")); at++)
		assert_true(at < strstr(b->got, "/b:2"));
}

static void test_dead_after_the_last_attempt(void **state)
{
	struct bed *b = *state;

	b->script = "5552";
	put(b, "b", "x", "1");
	put(b, "b", "x", "2");
	start(b);
	turn_until(b, "dead", 1, 3);
	assert_int_equal(row(b, 1)->status, 500);
	assert_non_null(strstr(row(b, 1)->error, "answered 500"));
	turn_until(b, "delivered", 2, 1); /* and the next is not held up */
	assert_int_equal(row(b, 1)->attempts, 3);
}

static void test_gone_is_dead_at_once(void **state)
{
	struct bed *b = *state;

	b->script = "g";
	put(b, "b", "x", "1");
	start(b);
	turn_until(b, "dead", 1, 1);
	assert_int_equal(row(b, 1)->status, 410);
}

static void test_a_private_address_is_dead_at_once(void **state)
{
	struct bed *b = *state;

	b->channels[0].allow_private = false;
	put(b, "a", "x", "1");
	start(b);
	turn_until(b, "dead", 1, 1);
	assert_int_equal(b->hits, 0);
}

/* --- waits --- */

static const struct wait {
	const char *script;
	uint32_t attempts;             /* before */
	int64_t max_wait_ms, least, most;
} waits[] = {
	{"5", 0, 3600000, 4000, 6000},          {"5", 1, 3600000, 8000, 12000}, {"5", 3, 3600000, 32000, 48000},
	{"5", 20, 3600000, 2880000, 4320000},   {"5", 9000, 86400000, 69120000, 103680000},
	{"5", 5, 1000, 800, 1200},              {"r", 0, 3600000, 59000, 61000},
	{"r", 0, 1000, 59000, 61000},           {"e", 0, 1000, 59000, 61000}, {"y", 0, 3600000, 86399000, 86401000},
};

static void test_waits_grow(void **state)
{
	struct bed *b = *state;
	int64_t seen[ROWS(waits)];

	for (size_t i = 0; i < ROWS(waits); i++) {
		int64_t id = (int64_t)i + 1, before;

		b->channels[1].max_wait_ms = waits[i].max_wait_ms;
		b->channels[1].max_attempts = 10000;
		b->script = waits[i].script;
		put(b, "b", "x", "1");
		row(b, id)->attempts = waits[i].attempts;
		before = clock_wall_ms();
		notify_free(b->notify); /* the channel of the one before may be held */
		start(b);
		turn_until(b, "waiting", id, waits[i].attempts + 1);
		seen[i] = row(b, id)->next_ms - before;
		CHECK(seen[i] >= waits[i].least && seen[i] <= waits[i].most + PATIENCE_MS / 10, "%zu: waits %lld ms", i, (long long)seen[i]);
		row(b, id)->state = "delivered"; /* out of the way of the next */
	}
}

/* A fifth more or less: receivers that were down are not met by everybody at once. */
static void test_waits_differ(void **state)
{
	struct bed *b = *state;
	int64_t least = INT64_MAX, most = 0;

	b->channels[1].max_wait_ms = 3600000;
	b->channels[1].max_attempts = 10000;
	b->script = "5555555555555555";
	for (int i = 0; i < 16; i++) {
		static const char *const alerts[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"};

		put(b, "b", alerts[i], "1");
		row(b, i + 1)->attempts = 20; /* an hour */
	}
	start(b);
	for (int64_t id = 1; id <= 16; id++)
		turn_until(b, "waiting", id, 21);
	for (int64_t id = 1; id <= 16; id++) {
		least = row(b, id)->next_ms < least ? row(b, id)->next_ms : least;
		most = row(b, id)->next_ms > most ? row(b, id)->next_ms : most;
	}
	assert_true(most - least > 60000); /* sixteen of them within a minute of 24: one in 10^18 */
}

/* --- the receiver is back --- */

#define LATER INT64_C(9999999999999)

/* With the first that it takes, what waits for it is due, whatever it waited for: from before the start, too. */
static void test_the_rest_follows_the_first(void **state)
{
	struct bed *b = *state;

	b->channels[1].max_wait_ms = 3600000;
	b->script = "5222";
	put(b, "b", "x", "1");
	put(b, "b", "y", "2");
	row(b, 2)->next_ms = LATER;
	put(b, "b", "y", "3");
	put(b, "nobody", "x", "4");
	row(b, 4)->next_ms = LATER;
	start(b);
	turn_until(b, "waiting", 1, 1);
	assert_int_equal(b->hurried, 0);
	put(b, "b", "z", "5");
	notify_poke(b->notify);
	turn_until(b, "delivered", 5, 1);
	turn_until(b, "delivered", 1, 2);
	turn_until(b, "delivered", 3, 1);
	assert_int_equal(b->hurried, 1);
	assert_true(row(b, 4)->next_ms == LATER); /* another channel */
}

struct tested {
	int n, status;
	bool delivered;
};

static void on_tested(void *user, const struct attempt_result *r)
{
	struct tested *t = user;

	*t = (struct tested){t->n + 1, r->status, r->delivered};
}

static void turn_until_tested(struct bed *b, const struct tested *t, int n)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;

	while (t->n < n) {
		assert_true(clock_mono_ms() < end);
		loop_turn(b->loop, 20);
	}
}

static void test_the_rest_follows_a_test(void **state)
{
	struct bed *b = *state;
	struct tested t = {0};

	b->script = "522";
	put(b, "b", "x", "1");
	row(b, 1)->next_ms = LATER;
	start(b);
	assert_true(notify_test(b->notify, "b", "h", "http://h/", on_tested, &t));
	turn_until_tested(b, &t, 1);
	assert_int_equal(b->hurried, 0); /* it failed */
	assert_true(notify_test(b->notify, "b", "h", "http://h/", on_tested, &t));
	turn_until(b, "delivered", 1, 1);
	assert_int_equal(b->hurried, 1);
}

/* One that it refuses, while it takes all others, is not tried with each of them. */
static void test_one_refused_is_not_hurried_again(void **state)
{
	static const char *const alerts[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
	struct bed *b = *state;

	b->channels[1].max_wait_ms = 3600000;
	b->channels[1].max_attempts = 0;
	b->script = "525";
	put(b, "b", "x", "1");
	start(b);
	turn_until(b, "waiting", 1, 1);
	put(b, "b", "y", "2");
	turn_until(b, "delivered", 2, 1);
	turn_until(b, "waiting", 1, 2); /* with the first, once more */
	for (size_t i = 0; i < ROWS(alerts); i++) {
		put(b, "b", alerts[i], "3");
		turn_until(b, "delivered", (int64_t)i + 3, 1);
	}
	assert_int_equal(row(b, 1)->attempts, 2);
	assert_int_equal(b->hurried, 1);
}

/* --- a receiver that says when --- */

static void test_a_busy_receiver_is_left_alone(void **state)
{
	struct bed *b = *state;
	struct tested t = {0};

	b->script = "r";
	put(b, "b", "x", "1");
	put(b, "a", "x", "2");
	start(b);
	turn_until(b, "waiting", 1, 1);
	turn_until(b, "delivered", 2, 1);
	assert_int_equal(b->held_results, 1);
	put(b, "b", "y", "3"); /* what is new waits, too */
	put(b, "a", "y", "4");
	turn_until(b, "delivered", 4, 1); /* but for no other channel */
	assert_true(notify_test(b->notify, "b", "h", "http://h/", on_tested, &t));
	turn_until_tested(b, &t, 1);
	assert_true(t.delivered); /* and not the test, which does not end the pause */
	assert_int_equal(b->hurried, 2); /* of a, and of b */
	turn_for(b, 1500); /* more than one look */
	assert_int_equal(row(b, 1)->attempts, 1);
	assert_int_equal(row(b, 3)->attempts, 0);
}

/* Another error is about one message, even if it says for how long. */
static void test_other_errors_hold_one_message(void **state)
{
	struct bed *b = *state;

	b->script = "e2";
	put(b, "b", "x", "1");
	start(b);
	turn_until(b, "waiting", 1, 1);
	put(b, "b", "y", "2");
	turn_until(b, "delivered", 2, 1);
	assert_int_equal(b->held_results, 0);
}

/* --- what is given up --- */

#define MINUTES INT64_C(60000)
#define DAYS (24 * 60 * MINUTES)

static const struct age {
	uint32_t max_attempts, attempts; /* attempts: before this one */
	int64_t max_age_ms, age_ms;
	bool dead;
} ages[] = {
	{0, 200, 7 * DAYS, 6 * DAYS, false},        /* a long weekend */
	{0, 200, 7 * DAYS, 7 * DAYS, true},
	{0, 200, 9 * DAYS, 7 * DAYS, false},
	{30, 28, 7 * DAYS, 1 * DAYS, false},        /* a limit of attempts besides */
	{30, 29, 7 * DAYS, 1 * DAYS, true},
	{0, 0, 7 * DAYS, 20000 * DAYS, false},      /* the clock was set from 1970 */
	{0, 8, 7 * DAYS, 20000 * DAYS, false},
	{0, 9, 7 * DAYS, 20000 * DAYS, true},       /* after 43 minutes of trying */
	{0, 2, MINUTES, MINUTES, false},
	{0, 3, MINUTES, MINUTES, true},
	{0, 100, 7 * DAYS, -1 * DAYS, false},       /* it was set back */
};

static void test_given_up_for_its_age(void **state)
{
	struct bed *b = *state;

	b->channels[1].max_wait_ms = 60 * MINUTES;
	for (size_t i = 0; i < ROWS(ages); i++) {
		int64_t id = (int64_t)i + 1;

		b->channels[1].max_attempts = ages[i].max_attempts;
		b->channels[1].max_age_ms = ages[i].max_age_ms;
		b->script = "5";
		put(b, "b", "x", "1");
		row(b, id)->attempts = ages[i].attempts;
		row(b, id)->since_ms -= ages[i].age_ms;
		if (b->notify)
			notify_poke(b->notify);
		else
			start(b);
		turn_until(b, ages[i].dead ? "dead" : "waiting", id, ages[i].attempts + 1);
		row(b, id)->state = "delivered"; /* out of the way of the next */
	}
}

/* --- lanes --- */

static void test_one_that_hangs_holds_nobody_up(void **state)
{
	struct bed *b = *state;

	put(b, "hold", "x", "1");
	put(b, "hold", "x", "2");
	put(b, "nobody", "x", "3");
	put(b, "a", "x", "4");
	start(b);
	turn_until_held(b);
	turn_until(b, "delivered", 4, 1);
	turn_until(b, "dead", 3, 3);
	assert_string_equal(row(b, 1)->state, "waiting");
	assert_null(strstr(b->got, "/hold:2"));
	http_reply(b->held, 200, NULL, NULL, 0);
	turn_until(b, "delivered", 1, 1);
	b->held = NULL;
	turn_until_held(b);
	http_reply(b->held, 200, NULL, NULL, 0);
	turn_until(b, "delivered", 2, 1);
}

static void test_not_more_than_four_at_once(void **state)
{
	static const char *const alerts[] = {"0", "1", "2", "3", "4", "5", "6"};
	struct bed *b = *state;

	for (size_t i = 0; i < ROWS(alerts); i++)
		put(b, "hold", alerts[i], "1");
	put(b, "a", "x", "8");
	start(b);
	while (b->hits < 5)
		loop_turn(b->loop, 100);
	for (int i = 0; i < 30; i++) { /* turns in which a fifth would have come */
		notify_poke(b->notify);
		loop_turn(b->loop, 1);
	}
	assert_int_equal(b->hits, 5); /* four, and the one of the other lane */
}

/* --- reload and end in the middle --- */

static void test_reload_in_the_middle(void **state)
{
	struct bed *b = *state;
	struct channel *others = xcalloc(2, sizeof *others);

	put(b, "hold", "x", "1");
	put(b, "a", "x", "2");
	start(b);
	turn_until_held(b);
	others[0] = hook("a", b->urls[0]);
	others[1] = hook("new", b->urls[0]);
	notify_reload(b->notify, others, 2); /* hold is gone; its attempt is still under way */
	memset(b->channels, 0xdd, sizeof b->channels); /* nobody may look at the former ones */
	http_error(b->held, 500, "no");
	while (row(b, 1)->attempts < 1)
		loop_turn(b->loop, 100);
	assert_string_equal(row(b, 1)->state, "waiting"); /* that it failed is no reason to lose it */
	put(b, "new", "x", "3");
	notify_poke(b->notify);
	turn_until(b, "delivered", 2, 1);
	turn_until(b, "delivered", 3, 1);
	notify_reload(b->notify, others, 2);
	notify_reload(b->notify, others, 1);
	put(b, "new", "x", "4");
	put(b, "a", "x", "5");
	notify_poke(b->notify);
	turn_until(b, "delivered", 5, 1);
	assert_string_equal(row(b, 4)->state, "waiting"); /* kept, should the channel come back */
	notify_free(b->notify);
	b->notify = NULL;
	free(others);
}

static void test_end_in_the_middle(void **state)
{
	struct bed *b = *state;
	int64_t before = clock_wall_ms();

	put(b, "hold", "x", "1");
	put(b, "hold", "x", "2");
	start(b);
	turn_until_held(b);
	notify_free(b->notify);
	b->notify = NULL;
	fetch_free(b->fetch);
	b->fetch = NULL;
	assert_string_equal(row(b, 1)->state, "waiting"); /* after the next start */
	assert_int_equal(row(b, 1)->attempts, 1);
	assert_in_range(row(b, 1)->next_ms, before, clock_wall_ms());
	assert_int_equal(row(b, 2)->attempts, 0);
}

/* valgrind 3.19 knows no pidfd_open(2). */
static void skip_without_pidfd(void)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd < 0)
		skip();
	close(fd);
}

/* An attempt that cannot even begin has told so when the end has come. */
static void test_end_while_a_program_cannot_start(void **state)
{
	char *command[] = {(char *)(uintptr_t)"/nonexistent/program"}, *sleeper[] = {(char *)(uintptr_t)"/bin/sleep", (char *)(uintptr_t)"1000"};
	struct bed *b = *state;

	skip_without_pidfd();
	b->channels[0].kind = b->channels[1].kind = &channel_exec;
	b->channels[0].command = command;
	b->channels[0].ncommand = 1;
	b->channels[1].command = sleeper;
	b->channels[1].ncommand = 2;
	put(b, "a", "x", "{}");
	put(b, "b", "x", "{}");
	start(b);
	loop_turn(b->loop, 0); /* they are given out, and nothing is told from within */
	assert_int_equal(row(b, 1)->attempts, 0);
	notify_free(b->notify);
	b->notify = NULL;
	assert_int_equal(row(b, 1)->attempts, 1);
	assert_string_equal(row(b, 1)->state, "waiting");
	assert_non_null(strstr(row(b, 1)->error, "No such file"));
	assert_int_equal(row(b, 2)->attempts, 1);
	assert_string_equal(row(b, 2)->error, "given up: the program ends");
}

/* --- programs --- */

static const struct program {
	const char *script;
	uint32_t timeout_ms;
	const char *state, *error;
} programs[] = {
	{"read -r line; [ \"$line\" = '{\"id\":\"i\",\"rule\":\"R;$(reboot)\",\"value\":null}' ]", 30000, "delivered", ""},
	{"[ \"$VEDETTE_RULE\" = 'R;$(reboot)' ] && [ -z \"$HOME\" ]", 30000, "delivered", ""},
	{"kill -PIPE $$", 30000, "dead", "was ended by signal 13"}, /* we ignore it, programs do not */
	{"exit 7", 30000, "dead", "exited with 7"},
	{"sleep 1000 & wait", 200, "dead", "took too long and was ended"},
};

static void test_programs(void **state)
{
	struct bed *b = *state;

	skip_without_pidfd();
	b->channels[0].kind = &channel_exec;
	b->channels[0].max_attempts = 1;
	b->channels[0].ncommand = 3;
	for (size_t i = 0; i < ROWS(programs); i++) {
		char *command[] = {(char *)(uintptr_t)"/bin/sh", (char *)(uintptr_t)"-c", (char *)(uintptr_t)programs[i].script};
		int64_t id = (int64_t)i + 1;

		b->channels[0].command = command;
		b->channels[0].timeout_ms = programs[i].timeout_ms;
		put(b, "a", "x", "{\"id\":\"i\",\"rule\":\"R;$(reboot)\",\"value\":null}");
		if (b->notify)
			notify_poke(b->notify);
		else
			start(b);
		turn_until(b, programs[i].state, id, 1);
		CHECK(strcmp(row(b, id)->error, programs[i].error) == 0, "%s: %s", programs[i].script, row(b, id)->error);
	}
}

/* --- whom --- */

static const struct wants {
	enum severity least, severity;
	const char *pattern, *rule, *channel; /* channel: the only one that the rule names */
	bool wanted;
} wants[] = {
	{SEVERITY_INFO, SEVERITY_INFO, NULL, "R", NULL, true},        {SEVERITY_CRITICAL, SEVERITY_WARNING, NULL, "R", NULL, false},
	{SEVERITY_WARNING, SEVERITY_CRITICAL, NULL, "R", NULL, true}, {SEVERITY_INFO, SEVERITY_INFO, "DISK*", "DISK_FULL", NULL, true},
	{SEVERITY_INFO, SEVERITY_INFO, "DISK*", "CPU", NULL, false},  {SEVERITY_INFO, SEVERITY_INFO, NULL, "R", "c", true},
	{SEVERITY_INFO, SEVERITY_INFO, NULL, "R", "other", false},
};

static void test_wants(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(wants); i++) {
		char *pattern = (char *)(uintptr_t)wants[i].pattern, *channel = (char *)(uintptr_t)wants[i].channel;
		struct rule r = {.channels = &channel, .nchannels = channel ? 1 : 0};
		struct channel c = {.name = (char *)(uintptr_t)"c", .least = wants[i].least, .rules = &pattern, .nrules = pattern ? 1 : 0};
		struct alert_view a = {.severity = wants[i].severity, .rule_name = wants[i].rule, .rule = &r};

		CHECK(notify_wants(&c, &a) == wants[i].wanted, "%zu", i);
		a.state = ALERT_RESOLVED;
		a.rule = NULL;
		CHECK(!notify_wants(&c, &a), "%zu: the end of what it never heard of", i);
	}
}

/* An alert's life and what a channel hears of it: i w c are its severities, a that it is acknowledged, r that it is over; + is told, - is not.
 * Between two lives lies a space. Then the channel is one that the configuration lets hear nothing any more: x. */
static const struct life {
	enum severity least;
	const char *steps;
} lives[] = {
	{SEVERITY_CRITICAL, "w-c+w+r+"},        /* milder before it is over: no incident stays open */
	{SEVERITY_CRITICAL, "c+i+w+c+a+r+"},
	{SEVERITY_CRITICAL, "w-i-a-r-"},        /* never that bad */
	{SEVERITY_CRITICAL, "c+r+ w-r- c+w+r+"}, /* another alert is another story */
	{SEVERITY_WARNING, "i-w+i+r+ i-r-"},
	{SEVERITY_INFO, "i+w+c+w+i+r+"},
	{SEVERITY_INFO, "w+xc+a+r+ w-r-"},      /* what was begun is told to the end, after a reload, too */
};

static void test_wants_to_the_end(void **state)
{
	static char *nothing[] = {(char *)(uintptr_t)"NOTHING"};
	static const struct rule any = {.name = (char *)(uintptr_t)"R"};

	(void)state;
	for (size_t i = 0; i < ROWS(lives); i++) {
		struct channel c = {.name = (char *)(uintptr_t)"c", .least = lives[i].least};
		struct told told = {0};
		struct alert_view a = {.rule_name = "R", .rule = &any, .told = &told};

		for (const char *p = lives[i].steps; *p; p++) {
			if (*p == ' ') {
				told_release(&told);
				continue;
			}
			if (*p == 'x') {
				c.rules = nothing;
				c.nrules = 1;
				continue;
			}
			a.state = *p == 'r' ? ALERT_RESOLVED : *p == 'a' ? ALERT_ACKNOWLEDGED : ALERT_FIRING;
			a.severity = *p == 'i' ? SEVERITY_INFO : *p == 'w' ? SEVERITY_WARNING : *p == 'c' ? SEVERITY_CRITICAL : a.severity;
			CHECK(notify_wants(&c, &a) == (p[1] == '+'), "%zu at %s", i, p);
			if (*++p == '+')
				told_add(&told, "c");
		}
		told_release(&told);
	}
}

/* --- test --- */

static void test_test(void **state)
{
	struct bed *b = *state;
	struct tested t = {0};

	start(b);
	assert_false(notify_test(b->notify, "none", "h", "http://h/", on_tested, &t));
	assert_true(notify_test(b->notify, "a", "h", "http://h/", on_tested, &t));
	assert_int_equal(t.n, 0); /* never from within */
	turn_until_tested(b, &t, 1);
	assert_true(t.delivered);
	assert_non_null(strstr(b->got, "\"rule\":\"TEST\""));
	assert_true(notify_test(b->notify, "hold", "h", "http://h/", on_tested, &t));
	turn_until_held(b);
	notify_free(b->notify);
	b->notify = NULL;
	fetch_free(b->fetch); /* the end in the middle: it is told all the same */
	b->fetch = NULL;
	assert_int_equal(t.n, 2);
	assert_false(t.delivered);
}

int main(void)
{
#define BED(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		BED(test_in_order_for_each_alert),
		BED(test_clock_set_back),
		BED(test_what_comes_later_goes_on_a_poke),
		BED(test_retries_until_it_is_taken),
		BED(test_dead_after_the_last_attempt),
		BED(test_gone_is_dead_at_once),
		BED(test_a_private_address_is_dead_at_once),
		BED(test_waits_grow),
		BED(test_waits_differ),
		BED(test_the_rest_follows_the_first),
		BED(test_the_rest_follows_a_test),
		BED(test_one_refused_is_not_hurried_again),
		BED(test_a_busy_receiver_is_left_alone),
		BED(test_other_errors_hold_one_message),
		BED(test_given_up_for_its_age),
		BED(test_one_that_hangs_holds_nobody_up),
		BED(test_not_more_than_four_at_once),
		BED(test_reload_in_the_middle),
		BED(test_end_in_the_middle),
		BED(test_end_while_a_program_cannot_start),
		BED(test_programs),
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_wants_to_the_end),
		BED(test_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
