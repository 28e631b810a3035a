/* alert_channels.c: the channels between alerting and the outbox: what waits for each, what is sent again, tests, and
 * those that left the configuration while messages wait for them. */
#include "app/alerting_inner.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/xmalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS (60 * 60 * 1000)  /* how often it is asked whose messages nobody sends */
#define RESEND_MOST 1000          /* of what a channel gave up, at once */

void channels_on_kept(void *user)
{
	struct alerting *al = user;

	channel_health_changed(al->health);
	if (al->notify)
		notify_poke(al->notify);
}

/* --- the outbox --- */

struct asking {
	letters_fn *done;
	void *user;
};

static void on_due(void *user, const struct db_delivery *d, size_t n)
{
	struct asking *q = user;
	struct letter *letters = xcalloc(n, sizeof *letters);

	for (size_t i = 0; i < n; i++)
		letters[i] = (struct letter){d[i].id, d[i].channel, d[i].message_id, d[i].body, d[i].content_type, d[i].attempts, d[i].since_ms};
	q->done(q->user, letters, n);
	free(letters);
	free(q);
}

static void outbox_due(void *user, const char *channel, uint32_t max, letters_fn *done, void *done_user)
{
	struct alerting *al = user;
	struct asking *q = xzalloc(sizeof *q);

	*q = (struct asking){done, done_user};
	db_outbox_due(al->app->db, channel, clock_wall_ms(), max, on_due, q);
}

/* What is cut short because we end says nothing about its receiver. */
static void outbox_result(void *user, int64_t id, const char *outcome, int64_t next_ms, int status, const char *error,
                          void (*done)(void *user), void *done_user)
{
	struct alerting *al = user;

	if (al->stopping && strcmp(outcome, "retry") == 0)
		outcome = "cut short";
	db_outbox_result(al->app->db, id, outcome, next_ms, status, error, done, done_user);
	channel_health_changed(al->health);
}

static void outbox_hurry(void *user, const char *channel)
{
	struct alerting *al = user;

	db_outbox_hurry(al->app->db, channel);
}

static void outbox_set_back(void *user, int64_t by_ms)
{
	struct alerting *al = user;

	db_outbox_set_back(al->app->db, by_ms);
}

/* --- channels that went --- */

void channels_forget_gone(struct alerting *al)
{
	for (size_t i = 0; i < al->ngone; i++)
		free(al->gone[i].channel);
	free(al->gone);
	al->gone = NULL;
	al->ngone = 0;
}

static bool knows_gone(const struct alerting *al, const char *channel)
{
	for (size_t i = 0; i < al->ngone; i++)
		if (strcmp(al->gone[i].channel, channel) == 0)
			return true;
	return false;
}

static void log_gone(const struct alerting *al, const struct db_gone *g)
{
	time_t seconds = (time_t)(g->until_ms / 1000);
	char until[32];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(until, sizeof until, "%Y-%m-%d %H:%M", &tm);
	if (g->given_up)
		log_error("channel %s: %u messages are given up: it has not been in the configuration for %d days", g->channel, g->waiting,
		          (int)((g->until_ms - g->since_ms) / 86400000));
	else if (!knows_gone(al, g->channel))
		log_warn("channel %s: it is not in the configuration, and %u messages wait for it; on %s they are given up", g->channel, g->waiting,
		         until);
}

static void on_gone(void *user, const struct db_gone *at, size_t n)
{
	struct gone *list = xcalloc(n, sizeof *list);
	struct alerting *al = user;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		log_gone(al, &at[i]);
		if (!at[i].given_up)
			list[kept++] = (struct gone){xstrdup(at[i].channel), at[i].since_ms, at[i].until_ms, at[i].waiting};
	}
	channels_forget_gone(al);
	al->gone = list;
	al->ngone = kept;
}

static void look_for_gone(struct alerting *al)
{
	const struct config *c = al->app->config;
	const char **names = xcalloc(c->nchannels, sizeof *names);

	for (size_t i = 0; i < c->nchannels; i++)
		names[i] = c->channels[i].name;
	db_outbox_gone(al->app->db, names, c->nchannels, clock_wall_ms(), on_gone, al);
	free(names);
}

static void on_look(struct loop_timer *t)
{
	struct alerting *al = list_item(t, struct alerting, look);

	loop_timer_set(al->app->loop, t, LOOK_MS, on_look);
	look_for_gone(al);
}
/* --- birth --- */

void channels_open(struct alerting *al)
{
	struct outbox outbox = {al, outbox_due, outbox_result, outbox_hurry, outbox_set_back};
	const struct app *app = al->app;

	al->notify = notify_new(app->loop, app->fetch, &outbox, app->config->channels, app->config->nchannels);
	on_look(&al->look);
}

void channels_reload(struct alerting *al)
{
	notify_reload(al->notify, al->app->config->channels, al->app->config->nchannels);
	look_for_gone(al);
}

void channels_close(struct alerting *al)
{
	loop_timer_clear(al->app->loop, &al->look);
	notify_free(al->notify);
	al->notify = NULL;
}

/* --- deliveries --- */

void alerting_deliveries(struct alerting *al, struct params *p, alerting_done_fn *done, void *user)
{
	static const char *const states[] = {"waiting", "delivered", "dead", NULL};
	char *channel = params_text_take(p, "channel", 64), *alert = params_text_take(p, "alert", ALERT_ID_LEN);
	int state = params_word(p, "state", states, -1);
	struct db_outbox_query q = {
		.channel = channel, .alert = alert, .state = state < 0 ? NULL : states[state],
		.before = (int64_t)params_number(p, "before", 1, 9e15, 0),
		.limit = (uint32_t)params_number(p, "limit", 1, 1000, 100),
	};

	if (params_ok(p))
		db_outbox_query(al->app->db, &q, question_on_rows, question(done, user, "deliveries"));
	else
		done(user, p->error, NULL);
	free(channel);
	free(alert);
}

/* Something is to be sent again. */
struct resending {
	struct alerting *al;
	char *who, *channel;           /* channel: that gave up what is sent */
	enum role role;
	int64_t id;
	alerting_done_fn *done;
	void *user;
};

static struct resending *resending(struct alerting *al, const char *who, enum role role, alerting_done_fn *done, void *user)
{
	struct resending *r = xzalloc(sizeof *r);

	*r = (struct resending){.al = al, .who = xstrdup(who), .role = role, .done = done, .user = user};
	return r;
}

static void resending_free(struct resending *r)
{
	free(r->who);
	free(r->channel);
	free(r);
}

static void note_resent(const struct resending *r, const struct buf *what)
{
	struct alerting *al = r->al;

	db_audit(al->app->db, r->who, role_name(r->role), "send again", what->data);
	channels_on_kept(al);
	if (al->notify)
		look_for_gone(al); /* its channel may be gone */
}

static void on_resent(void *user, const char *channel, const char *alert)
{
	struct resending *r = user;
	struct buf what;

	if (channel) {
		buf_init(&what, SIZE_MAX / 2);
		buf_addf(&what, "delivery %lld to %s", (long long)r->id, channel);
		if (alert)
			buf_addf(&what, ", alert %s", alert);
		note_resent(r, &what);
		buf_release(&what);
	}
	r->done(r->user, channel ? NULL : "there is no such delivery", channel ? "" : NULL);
	resending_free(r);
}

void alerting_resend(struct alerting *al, int64_t id, const char *who, enum role role, alerting_done_fn *done, void *user)
{
	struct resending *r = resending(al, who, role, done, user);

	r->id = id;
	db_outbox_resend(al->app->db, id, on_resent, r);
}

static bool has_channel(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nchannels; i++)
		if (strcmp(c->channels[i].name, name) == 0)
			return true;
	return false;
}

static void on_dead_resent(void *user, uint32_t sent, uint32_t left)
{
	struct resending *r = user;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (sent) {
		buf_addf(&b, "%u given up by %s", sent, r->channel);
		note_resent(r, &b);
		buf_reset(&b);
	}
	buf_addf(&b, "\"sent\":%u,\"left\":%u", sent, left);
	/* One that is gone may have given up messages, too. */
	if (sent || has_channel(r->al->app->config, r->channel))
		r->done(r->user, NULL, b.data);
	else
		r->done(r->user, "there is no such channel", NULL);
	buf_release(&b);
	resending_free(r);
}

void alerting_resend_dead(struct alerting *al, const char *channel, const char *who, enum role role, alerting_done_fn *done, void *user)
{
	struct resending *r = resending(al, who, role, done, user);

	r->channel = xstrdup(channel);
	db_outbox_resend_dead(al->app->db, channel, RESEND_MOST, on_dead_resent, r);
}

struct testing {
	struct alerting *al;
	char *channel;
	alerting_done_fn *done;
	void *user;
};

static void testing_free(struct testing *t)
{
	free(t->channel);
	free(t);
}

/* It says as much of the channel as a message would, unless we end it. */
static void on_tested(void *user, const struct attempt_result *result)
{
	struct testing *t = user;
	char members[64];

	if (!t->al->stopping) {
		db_channel_tested(t->al->app->db, t->channel, result->delivered ? NULL : result->error);
		channel_health_changed(t->al->health);
	}
	snprintf(members, sizeof members, "\"delivered\":true,\"code\":%d", result->status);
	t->done(t->user, result->error, result->error ? NULL : members);
	testing_free(t);
}

void alerting_test(struct alerting *al, const char *channel, const char *who, enum role role, alerting_done_fn *done, void *user)
{
	struct testing *t = xzalloc(sizeof *t);

	*t = (struct testing){al, xstrdup(channel), done, user};
	if (notify_test(al->notify, channel, al->app->hostname, al->url, on_tested, t)) {
		db_audit(al->app->db, who, role_name(role), "test channel", channel);
		return;
	}
	testing_free(t);
	done(user, "there is no such channel", NULL);
}
void alerting_gone_json(struct alerting *al, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < al->ngone; i++) {
		const struct gone *g = &al->gone[i];

		buf_adds(out, i ? ",{\"name\":" : "{\"name\":");
		json_add_str(out, g->channel);
		buf_addf(out, ",\"waiting\":%u,\"since\":%lld,\"until\":%lld}", g->waiting, (long long)g->since_ms, (long long)g->until_ms);
	}
	buf_addc(out, ']');
}

/* Secrets and addresses stay here: a URL may hold a key. */
void alerting_channels_json(struct alerting *al, struct buf *out)
{
	const struct config *c = al->app->config;

	buf_addc(out, '[');
	for (size_t i = 0; i < c->nchannels; i++) {
		buf_adds(out, i ? ",{\"name\":" : "{\"name\":");
		json_add_str(out, c->channels[i].name);
		buf_addf(out, ",\"kind\":\"%s\",\"severity\":\"%s\",", c->channels[i].kind->name, severity_name(c->channels[i].least));
		channel_health_json(al->health, c->channels[i].name, out);
		buf_addc(out, '}');
	}
	buf_adds(out, "],\"gone\":");
	alerting_gone_json(al, out);
}
