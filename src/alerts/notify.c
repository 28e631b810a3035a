/* notify.c: from the outbox to the receivers. */
#include "alerts/notify.h"

#include "alerts/channels.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 4             /* attempts of one channel */
#define FIRST_WAIT_MS 5000
#define LOOK_MS 1000          /* how often the outbox is asked for what fell due */
#define SET_BACK_MS 2000      /* less is no reason to write */
#define HURRY_MS (60 * 1000)  /* at most so often: a receiver may take all but one, and that one is not to be tried with each other */
#define TRIED_MS (30 * 60 * 1000) /* of trying, before a message is old */

/* A channel at work. One that is gone from the configuration goes with the next reload that finds it idle. */
struct lane {
	struct link link;
	struct notify *notify;
	const struct channel *channel; /* NULL: gone from the configuration */
	char *name;
	unsigned under_way;
	bool asking, again;
	bool failing, well;            /* as the last attempt said; neither: nobody tried yet */
	bool put_off;                  /* messages may wait for longer than they need to, now or from before the start */
	int64_t hurried_ms, held_ms;   /* 0: never; not to be spoken to before. Monotonic */
	int64_t busy[AT_ONCE];         /* ids under way: the outbox still holds them */
};

struct notify {
	struct loop *loop;
	struct fetch *fetch;
	struct outbox outbox;
	struct link lanes;
	struct loop_timer timer;
	int64_t wall_ms, mono_ms;      /* both clocks at the last look */
	unsigned refs;                 /* itself, and every question, attempt and test that is under way */
	bool closed;
};

static void lane_free(struct lane *lane)
{
	list_remove(&lane->link);
	free(lane->name);
	free(lane);
}

static void unref(struct notify *n)
{
	if (--n->refs)
		return;
	list_each(&n->lanes, l, after)
		lane_free(list_item(l, struct lane, link));
	free(n);
}

/* --- attempts --- */

struct try {
	struct lane *lane;
	struct notify *notify;
	int64_t id, since_ms;
	uint32_t attempts;
};

static void ask(struct lane *lane);

/* It is kept what became of it: the lane is free for the next. */
static void on_kept(void *user)
{
	struct try *t = user;
	struct lane *lane = t->lane;
	struct notify *n = t->notify;

	for (size_t i = 0; i < AT_ONCE; i++)
		if (lane->busy[i] == t->id)
			lane->busy[i] = 0;
	lane->under_way--;
	free(t);
	if (!n->closed)
		ask(lane);
	unref(n);
}

/* After so many attempts, a fifth more or less. */
static int64_t mean_wait_ms(const struct channel *c, uint32_t attempts)
{
	int64_t wait = FIRST_WAIT_MS;

	for (uint32_t i = 1; i < attempts && wait < c->max_wait_ms; i++)
		wait *= 2;
	return wait < c->max_wait_ms ? wait : c->max_wait_ms;
}

static int64_t wait_ms(const struct channel *c, uint32_t attempts)
{
	int64_t wait = mean_wait_ms(c, attempts);
	uint32_t noise;

	random_bytes(&noise, sizeof noise);
	return wait - wait / 5 + (int64_t)(noise % (uint64_t)(wait * 2 / 5 + 1));
}

/* A clock that leapt, as it does on a host without one of its own when it learns the time, makes a message older than it is: it is
 * tried for a while all the same. */
static bool is_too_old(const struct channel *c, const struct try *t)
{
	int64_t tried = 0, least = c->max_age_ms / 2 < TRIED_MS ? c->max_age_ms / 2 : TRIED_MS;

	if (clock_wall_ms() - t->since_ms < c->max_age_ms)
		return false;
	for (uint32_t i = 1; i <= t->attempts && tried < least; i++)
		tried += mean_wait_ms(c, i);
	return tried >= least;
}

static bool is_given_up(const struct channel *c, const struct try *t)
{
	return (c->max_attempts && t->attempts + 1 >= c->max_attempts) || is_too_old(c, t);
}

/* What was put off while the receiver was away need not wait any longer. */
static void hurry(struct lane *lane)
{
	int64_t now = clock_mono_ms();

	if (!lane->well || !lane->put_off || (lane->hurried_ms && now - lane->hurried_ms < HURRY_MS))
		return;
	lane->put_off = false;
	lane->hurried_ms = now;
	lane->notify->outbox.hurry(lane->notify->outbox.user, lane->name);
	ask(lane);
}

static bool is_held(const struct lane *lane)
{
	return clock_mono_ms() < lane->held_ms;
}

/* RFC 6585 4, RFC 9110 15.6.4: it is the receiver that is busy, not one message that it does not like. */
static bool asks_for_a_pause(const struct attempt_result *r)
{
	return !r->delivered && (r->status == 429 || r->status == 503) && r->retry_after_ms >= 0;
}

/* Once when it begins to fail, and once when it is well again. */
static void tell_log(struct lane *lane, const struct attempt_result *r)
{
	if (r->delivered && lane->failing)
		log_info("channel %s: delivers again", lane->name);
	else if (!r->delivered && !lane->failing)
		log_warn("channel %s: fails: %s", lane->name, r->error);
	lane->failing = !r->delivered;
	lane->well = r->delivered;
}

/* What an attempt, or a test, says of the receiver. */
static void learn(struct lane *lane, const struct attempt_result *r)
{
	tell_log(lane, r);
	if (asks_for_a_pause(r))
		lane->held_ms = clock_mono_ms() + r->retry_after_ms;
	hurry(lane);
}

static void on_tried(void *user, const struct attempt_result *r)
{
	struct try *t = user;
	const struct channel *c = t->lane->channel;
	struct outbox *o = &t->notify->outbox;
	int64_t next = 0;
	const char *outcome = "delivered";

	if (!t->notify->closed)
		learn(t->lane, r);
	if (!r->delivered && t->notify->closed) {
		outcome = "retry"; /* the program ends: it is sent after the next start */
		next = clock_wall_ms();
	} else if (!r->delivered) {
		bool dead = r->hopeless || (c && is_given_up(c, t));

		outcome = dead ? "dead" : asks_for_a_pause(r) ? "held" : "retry";
		t->lane->put_off |= !dead;
		if (dead)
			log_error("channel %s: a message is given up at attempt %u: %s", t->lane->name, t->attempts + 1, r->error);
		else if (!c)
			next = clock_wall_ms(); /* it waits for its channel to be back */
		else
			next = clock_wall_ms() + (r->retry_after_ms >= 0 ? r->retry_after_ms : wait_ms(c, t->attempts + 1));
	}
	o->result(o->user, t->id, outcome, next, r->status, r->error, on_kept, t);
}

static bool is_under_way(const struct lane *lane, int64_t id)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (lane->busy[i] == id)
			return true;
	return false;
}

static void send(struct lane *lane, const struct letter *l)
{
	struct notify *n = lane->notify;
	struct try *t = xzalloc(sizeof *t);
	struct attempt a = {
		.channel = lane->channel,
		.message_id = l->message_id,
		.body = l->body,
		.content_type = l->content_type,
		.len = strlen(l->body),
		.loop = n->loop,
		.fetch = n->fetch,
	};

	*t = (struct try){lane, n, l->id, l->since_ms, l->attempts};
	for (size_t i = 0; i < AT_ONCE; i++) {
		if (lane->busy[i])
			continue;
		lane->busy[i] = l->id;
		break;
	}
	lane->under_way++;
	n->refs++;
	lane->channel->kind->send(&a, on_tried, t);
}

static void on_due(void *user, const struct letter *at, size_t count)
{
	struct lane *lane = user;
	struct notify *n = lane->notify;

	lane->asking = false;
	for (size_t i = 0; i < count && lane->under_way < AT_ONCE && lane->channel && !is_held(lane) && !n->closed; i++)
		if (!is_under_way(lane, at[i].id))
			send(lane, &at[i]);
	if (lane->again && !n->closed)
		ask(lane);
	unref(n);
}

static void ask(struct lane *lane)
{
	struct notify *n = lane->notify;

	lane->again = lane->asking;
	if (lane->asking || lane->under_way == AT_ONCE || !lane->channel || is_held(lane))
		return;
	lane->asking = true;
	n->refs++;
	n->outbox.due(n->outbox.user, lane->name, AT_ONCE * 2, on_due, lane);
}

void notify_poke(struct notify *n)
{
	list_each(&n->lanes, l, after)
		ask(list_item(l, struct lane, link));
}

/* What was put off until a time of the wall clock would wait for longer by as much as that was set back. */
static void look_at_clock(struct notify *n)
{
	int64_t wall_ms = clock_wall_ms(), mono_ms = clock_mono_ms();
	int64_t back_ms = n->wall_ms + (mono_ms - n->mono_ms) - wall_ms;

	if (n->wall_ms && back_ms > SET_BACK_MS)
		n->outbox.set_back(n->outbox.user, back_ms);
	n->wall_ms = wall_ms;
	n->mono_ms = mono_ms;
}

static void on_look(struct loop_timer *t)
{
	struct notify *n = list_item(t, struct notify, timer);

	loop_timer_set(n->loop, t, LOOK_MS, on_look);
	look_at_clock(n);
	list_each(&n->lanes, l, after)
		hurry(list_item(l, struct lane, link));
	notify_poke(n);
}

/* --- channels --- */

static struct lane *find(struct notify *n, const char *name)
{
	list_each(&n->lanes, l, after) {
		struct lane *lane = list_item(l, struct lane, link);

		if (strcmp(lane->name, name) == 0)
			return lane;
	}
	return NULL;
}

void notify_reload(struct notify *n, const struct channel *channels, size_t count)
{
	list_each(&n->lanes, l, after)
		list_item(l, struct lane, link)->channel = NULL;
	for (size_t i = 0; i < count; i++) {
		struct lane *lane = find(n, channels[i].name);

		if (!lane) {
			lane = xzalloc(sizeof *lane);
			lane->notify = n;
			lane->put_off = true;
			lane->name = xstrdup(channels[i].name);
			list_push(&n->lanes, &lane->link);
		}
		lane->channel = &channels[i];
	}
	list_each(&n->lanes, l, after) {
		struct lane *lane = list_item(l, struct lane, link);

		if (!lane->channel && !lane->asking && !lane->under_way)
			lane_free(lane);
	}
	notify_poke(n);
}

struct notify *notify_new(struct loop *l, struct fetch *f, const struct outbox *outbox, const struct channel *channels, size_t count)
{
	struct notify *n = xzalloc(sizeof *n);

	n->loop = l;
	n->fetch = f;
	n->outbox = *outbox;
	n->refs = 1;
	list_init(&n->lanes);
	notify_reload(n, channels, count);
	look_at_clock(n);
	loop_timer_set(l, &n->timer, LOOK_MS, on_look);
	return n;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	n->closed = true;
	loop_timer_clear(n->loop, &n->timer);
	for (size_t i = 0; i < channel_kinds_len; i++)
		if (channel_kinds[i]->end)
			channel_kinds[i]->end();
	list_each(&n->lanes, l, after)
		list_item(l, struct lane, link)->channel = NULL;
	unref(n);
}

/* `*` stands for any run of characters. */
static bool fits(const struct channel *c, const char *rule)
{
	for (size_t i = 0; i < c->nrules; i++)
		if (store_pattern_match(c->rules[i], rule))
			return true;
	return c->nrules == 0;
}

static bool rule_names(const struct rule *r, const char *channel)
{
	for (size_t i = 0; i < r->nchannels; i++)
		if (strcmp(r->channels[i], channel) == 0)
			return true;
	return r->nchannels == 0;
}

bool notify_wants(const struct channel *c, const struct alert_view *a)
{
	if (told_has(a->told, c->name))
		return true;
	return a->state != ALERT_RESOLVED && a->severity >= c->least && fits(c, a->rule_name) && rule_names(a->rule, c->name);
}

/* --- test --- */

struct testing {
	struct notify *notify;
	char *channel;
	attempt_done_fn *done;
	void *user;
};

static void on_tested(void *user, const struct attempt_result *r)
{
	struct testing *t = user;
	struct lane *lane = t->notify->closed ? NULL : find(t->notify, t->channel);

	if (lane)
		learn(lane, r);
	t->done(t->user, r);
	unref(t->notify);
	free(t->channel);
	free(t);
}

bool notify_test(struct notify *n, const char *channel, const char *host, const char *url, attempt_done_fn *done, void *user)
{
	struct lane *lane = find(n, channel);
	int64_t now = clock_wall_ms();
	char id[RANDOM_ID_LEN + 1];
	struct alert_view view = {
		.id = id, .rule_name = "TEST", .type = "TEST", .metric = "cpu", .series = "cpu.usage", .severity = SEVERITY_INFO,
		.summary = "A test of this channel: nothing is wrong.", .state = ALERT_FIRING, .starts_ms = now, .changed_ms = now,
	};
	struct telling t = {.alert = &view, .host = host, .external_url = url, .now_ms = now};
	struct attempt a = {.message_id = id, .loop = n->loop, .fetch = n->fetch};
	struct testing *testing;
	struct buf body;

	if (!lane || !lane->channel)
		return false;
	random_id(id);
	buf_init(&body, SIZE_MAX / 2);
	t.channel = a.channel = lane->channel;
	a.content_type = lane->channel->kind->body(&t, &body);
	a.body = body.data;
	a.len = body.len;
	testing = xzalloc(sizeof *testing);
	*testing = (struct testing){n, xstrdup(channel), done, user};
	n->refs++;
	lane->channel->kind->send(&a, on_tested, testing);
	buf_release(&body);
	return true;
}
