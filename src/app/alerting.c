/* alerting.c: where alerts, the database, channels and clients meet.
 *
 * A change is told in this order: it is handed to the database together with its messages, in one transaction, and
 * then to the clients. A message leaves only after that transaction is on disk. */
#include "app/alerting.h"

#include "alerts/channels.h"
#include "alerts/notify.h"
#include "app/answers.h"
#include "app/channel_health.h"
#include "app/own_series.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "collectors/prom.h"
#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS (60 * 60 * 1000)  /* how often it is asked whose messages nobody sends */
#define RESEND_MOST 1000          /* of what a channel gave up, at once */

struct gone {
	char *channel;
	int64_t since_ms, until_ms;
	uint32_t waiting;
};

struct alerting {
	struct app *app;
	struct alerts *alerts;
	struct notify *notify;
	struct channel_health *health;
	bool stopping;
	struct loop_timer tick, look;
	char *url;                     /* of the dashboard, for messages */
	struct gone *gone;             /* channels that messages wait for and the configuration does not hold */
	size_t ngone;
};

struct alerts *alerting_alerts(struct alerting *al)
{
	return al->alerts;
}

/* --- a change --- */

static const char *shown_state(const struct alert_view *a)
{
	return alert_state_name(a->state);
}

struct messages {
	struct db_message *at;
	char (*ids)[RANDOM_ID_LEN + 1];
	struct buf *bodies;
	size_t n;
};

static void make_messages(struct alerting *al, const struct alert_view *a, struct messages *m)
{
	const struct config *c = al->app->config;

	m->at = xcalloc(c->nchannels, sizeof *m->at);
	m->ids = xcalloc(c->nchannels, sizeof *m->ids);
	m->bodies = xcalloc(c->nchannels, sizeof *m->bodies);
	for (size_t i = 0; i < c->nchannels; i++) {
		const struct channel *ch = &c->channels[i];
		struct telling t = {ch, a, al->alerts, al->app->hostname, al->url, clock_wall_ms()};

		if (!notify_wants(ch, a) || channel_health_is_of(a->series, ch->name))
			continue;
		alerts_told(al->alerts, a->id, ch->name);
		random_id(m->ids[m->n]);
		buf_init(&m->bodies[m->n], SIZE_MAX / 2);
		m->at[m->n].channel = ch->name;
		m->at[m->n].message_id = m->ids[m->n];
		m->at[m->n].content_type = ch->kind->body(&t, &m->bodies[m->n]);
		m->at[m->n].body = m->bodies[m->n].data;
		m->n++;
	}
}

static void free_messages(struct messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		buf_release(&m->bodies[i]);
	free(m->bodies);
	free(m->ids);
	free(m->at);
}

static void on_kept(void *user)
{
	struct alerting *al = user;

	channel_health_changed(al->health);
	if (al->notify)
		notify_poke(al->notify);
}

static void keep(struct alerting *al, const struct alert_view *a, bool notify)
{
	const char *host = al->app->hostname;
	struct messages m = {0};
	struct buf labels, runbook, told;
	struct db_alert row = {
		.id = a->id, .rule = a->rule_name, .type = a->type, .metric = a->metric, .series = a->series,
		.severity = severity_name(a->severity), .state = shown_state(a), .summary = a->summary, .by = a->by, .note = a->note,
		.value = a->value, .threshold = a->threshold, .starts_ms = a->starts_ms, .ends_ms = a->ends_ms, .changed_ms = a->changed_ms,
		.acked_ms = a->acked_ms, .ack_by = a->acked_by, .ack_note = a->acked_note, .untold = a->untold,
		.flapping = a->flapping, .inhibited = a->inhibited,
		.silenced_ms = a->silenced_ms == SILENCE_UNTIL_RESOLVED ? 0 : a->silenced_ms,
	};

	buf_init(&labels, SIZE_MAX / 2);
	buf_init(&runbook, SIZE_MAX / 2);
	buf_init(&told, SIZE_MAX / 2);
	if (a->rule || a->labels)
		alert_labels_json(a, host, &labels);
	alert_runbook(a, host, &runbook);
	row.labels = labels.len ? labels.data : NULL;
	row.runbook = runbook.len ? runbook.data : NULL;
	if (notify)
		make_messages(al, a, &m);
	told_json(a->told, &told);
	row.told = told.len ? told.data : NULL;
	db_alert_change(al->app->db, &row, m.at, m.n, m.n ? on_kept : NULL, al);
	free_messages(&m);
	buf_release(&labels);
	buf_release(&runbook);
	buf_release(&told);
}

static void log_change(const struct alert_view *a, bool starts)
{
	struct buf end;

	if (a->state != ALERT_RESOLVED) {
		log_at(starts ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "alert %s %s on %s: %s", a->rule_name, shown_state(a), a->series,
		       a->summary ? a->summary : "");
		return;
	}
	buf_init(&end, 200);           /* the summary is still that of when it fired */
	alert_say_end(a, &end);
	log_info("alert %s resolved on %s %s", a->rule_name, a->series, end.data);
	buf_release(&end);
}

static void on_changed(void *user, enum alert_change what, const struct alert_view *a, bool notify)
{
	bool starts = (what == ALERT_STARTED || what == ALERT_RAISED) && a->state == ALERT_FIRING;
	struct alerting *al = user;
	struct buf b;

	keep(al, a, notify);
	buf_init(&b, SIZE_MAX / 2);
	alert_json(a, al->app->hostname, clock_wall_ms(), &b);
	sio_emit(sio_all(sio_of(al->app->io, "/")), starts ? "alert" : "alert update", sio_json(b.data));
	log_change(a, starts);
	buf_release(&b);
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

/* --- channels that went --- */

static void forget_gone(struct alerting *al)
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
	forget_gone(al);
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

/* --- samples and time --- */

void alerting_sample(struct alerting *al, const struct store_fresh *s)
{
	alerts_sample(al->alerts, s, clock_wall_ms());
}

static void count_firing(void *user, const struct alert_view *a)
{
	uint32_t *of = user;

	of[a->severity] += a->state == ALERT_FIRING;
}

/* Nobody has seen or silenced them. */
static void tell_firing(struct alerting *al, int64_t now_ms)
{
	struct store_sample at[SEVERITY_CRITICAL];
	uint32_t of[SEVERITY_CRITICAL + 1] = {0};

	alerts_each(al->alerts, count_firing, of);
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		at[s - 1] = (struct store_sample){own_series(al->app->store, "self.alerts_firing", severity_name(s)), of[s]};
	store_publish(al->app->store, now_ms - now_ms % 1000, at, SEVERITY_CRITICAL);
}

void alerting_expose(struct alerting *al, struct buf *out)
{
	uint32_t of[SEVERITY_CRITICAL + 1] = {0};

	alerts_each(al->alerts, count_firing, of);
	prom_family(out, "vedette_alerts_firing", PROM_GAUGE, "Alerts that fire, neither acknowledged nor silenced.");
	for (enum severity s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++)
		prom_sample(out, "vedette_alerts_firing", of[s], "severity", severity_name(s), NULL);
	channel_health_expose(al->health, out);
}

static void on_tick(struct loop_timer *t)
{
	struct alerting *al = list_item(t, struct alerting, tick);
	int64_t now = clock_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;

	loop_timer_set(al->app->loop, t, 1000, on_tick);
	localtime_r(&seconds, &tm);
	alerts_tick(al->alerts, now, tm.tm_wday, tm.tm_hour * 60 + tm.tm_min);
	channel_health_tick(al->health, now);
	tell_firing(al, now);
}

/* --- birth --- */

static void restore(void *user, const struct db_alert *a)
{
	static const enum alert_state states[] = {ALERT_PENDING, ALERT_FIRING, ALERT_ACKNOWLEDGED, ALERT_SILENCED};
	struct alerting *al = user;
	struct alert_saved saved = {
		.id = a->id, .rule = a->rule, .series = a->series, .by = a->by, .note = a->note, .value = a->value,
		.starts_ms = a->starts_ms, .state = ALERT_FIRING, .severity = SEVERITY_WARNING,
		.acked_ms = a->acked_ms, .acked_by = a->ack_by, .acked_note = a->ack_note, .untold = a->untold, .told = a->told,
		.type = a->type, .metric = a->metric, .summary = a->summary, .labels = a->labels, .runbook = a->runbook,
	};

	severity_parse(a->severity, &saved.severity);
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(alert_state_name(states[i]), a->state) == 0)
			saved.state = states[i];
	alerts_restore(al->alerts, &saved);
}

static void restore_silence(void *user, const struct db_silence *s)
{
	struct alerting *al = user;
	struct silence silence = {.matcher = (char *)(uintptr_t)s->matcher, .by = (char *)(uintptr_t)s->by, .note = (char *)(uintptr_t)s->note,
	                          .from_ms = s->from_ms, .until_ms = s->until_ms};

	snprintf(silence.id, sizeof silence.id, "%s", s->id);
	snprintf(silence.alert, sizeof silence.alert, "%s", s->alert ? s->alert : "");
	alerts_silence(al->alerts, &silence, clock_wall_ms());
}

static void save_silence(struct alerting *al, const struct silence *s, int64_t until_ms)
{
	struct db_silence row = {s->id, s->matcher, s->by, s->note, s->from_ms, until_ms, *s->alert ? s->alert : NULL};

	db_silence_save(al->app->db, &row);
}

static void on_silence_ended(void *user, const struct silence *s, int64_t now_ms)
{
	save_silence(user, s, now_ms);
}

/* Where others reach the dashboard: what the configuration says, or as far as we can tell: an address that stands for all is none. */
static char *url_take(const struct app *app)
{
	const struct config_addr *a = &app->config->listen.at[0];

	if (app->config->url)
		return xstrdup(app->config->url);
	if (strcmp(a->host, "0.0.0.0") == 0 || strcmp(a->host, "::") == 0)
		return xasprintf("http://%s:%u/", app->hostname, a->port);
	return xasprintf("http://%s/", a->text);
}

struct alerting *alerting_new(struct app *app)
{
	struct alerting *al = xzalloc(sizeof *al);
	struct alerts_hooks hooks = {.user = al, .changed = on_changed, .resolve = series_resolve, .silence_ended = on_silence_ended};
	struct outbox outbox = {al, outbox_due, outbox_result, outbox_hurry};
	struct rule *rules;
	size_t n;

	al->app = app;
	al->url = url_take(app);
	al->health = channel_health_new(app);
	rules = config_rules_take(app->config, &n);
	al->alerts = alerts_new(app->store, app->hostname, rules, n, &hooks);
	db_silences_open(app->db, clock_wall_ms(), restore_silence, al);
	db_alerts_open(app->db, restore, al);
	al->notify = notify_new(app->loop, app->fetch, &outbox, app->config->channels, app->config->nchannels);
	loop_timer_set(app->loop, &al->tick, 1000, on_tick);
	on_look(&al->look);
	return al;
}

void alerting_reload(struct alerting *al)
{
	size_t n;
	struct rule *rules = config_rules_take(al->app->config, &n);

	free(al->url);
	al->url = url_take(al->app);
	notify_reload(al->notify, al->app->config->channels, al->app->config->nchannels);
	alerts_reload(al->alerts, rules, n);
	look_for_gone(al);
}

void alerting_stop(struct alerting *al)
{
	al->stopping = true;
	loop_timer_clear(al->app->loop, &al->tick);
	loop_timer_clear(al->app->loop, &al->look);
	notify_free(al->notify);
	al->notify = NULL;
}

void alerting_free(struct alerting *al)
{
	if (!al)
		return;
	alerts_free(al->alerts);
	channel_health_free(al->health);
	forget_gone(al);
	free(al->url);
	free(al);
}

/* --- questions --- */

struct question {
	alerting_done_fn *done;
	void *user;
	const char *member;            /* static */
};

static struct question *question(alerting_done_fn *done, void *user, const char *member)
{
	struct question *q = xzalloc(sizeof *q);

	*q = (struct question){done, user, member};
	return q;
}

static void on_rows(void *user, const char *rows)
{
	struct question *q = user;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "\"%s\":%s", q->member, rows && *rows ? rows : "[]");
	q->done(q->user, NULL, b.data);
	buf_release(&b);
	free(q);
}

struct listing {
	struct alerting *al;
	struct buf *out;
	const char *state, *rule;
	size_t n, limit;
};

static void list_one(void *user, const struct alert_view *a)
{
	struct listing *l = user;

	if (l->n == l->limit || (l->state && strcmp(l->state, shown_state(a)) != 0) || (l->rule && strcmp(l->rule, a->rule_name) != 0) ||
	    (!l->state && a->state == ALERT_PENDING))
		return;
	if (l->n++)
		buf_addc(l->out, ',');
	alert_json(a, l->al->app->hostname, clock_wall_ms(), l->out);
}

/* What lasts is known here; the past is in the database. */
static void list_present(struct alerting *al, const char *state, const char *rule, size_t limit, alerting_done_fn *done, void *user)
{
	struct listing l = {al, NULL, state, rule, 0, limit};
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	l.out = &b;
	buf_adds(&b, "\"alerts\":[");
	alerts_each(al->alerts, list_one, &l);
	buf_addc(&b, ']');
	done(user, NULL, b.data);
	buf_release(&b);
}

void alerting_list(struct alerting *al, struct params *p, alerting_done_fn *done, void *user)
{
	static const char *const states[] = {"pending", "firing", "acknowledged", "silenced", "resolved", "all", NULL};
	int state = params_word(p, "state", states, -1);
	int64_t now = clock_wall_ms();
	double from = params_time(p, "from", true, 0), to = params_time(p, "to", true, 0);
	struct db_alerts_query q = {
		.from_ms = (int64_t)(from < 0 ? (double)now + from : from),
		.to_ms = (int64_t)(to < 0 ? (double)now + to : to),
		.limit = (uint32_t)params_number(p, "limit", 1, 1000, 100),
		.changes = params_number(p, "changes", 0, 1, 0) > 0,
	};
	char *rule = params_text_take(p, "rule", LIMIT_PATTERN_BYTES), *id = params_text_take(p, "id", ALERT_ID_LEN);

	if (!params_ok(p)) {
		done(user, p->error, NULL);
	} else if (!params_has(p, "from") && !params_has(p, "to") && !id && !q.changes && state != 4 && state != 5) {
		list_present(al, state < 0 ? NULL : states[state], rule, q.limit, done, user);
	} else {
		q.state = state < 0 || state == 5 ? NULL : states[state];
		q.rule = rule;
		q.id = id;
		db_alerts_query(al->app->db, &q, on_rows, question(done, user, "alerts"));
	}
	free(rule);
	free(id);
}

const char *alerting_acknowledge(struct alerting *al, const char *id, const char *who, enum role role, const char *note)
{
	const char *why = "";
	int err = alerts_acknowledge(al->alerts, id, who, note ? note : "", clock_wall_ms(), &why);

	if (err == 0)
		db_audit(al->app->db, who, role_name(role), "acknowledge alert", id);
	return err == 0 ? NULL : *why ? why : "there is no such alert";
}

struct silence_count {
	const char *id;                /* looked for; NULL: none */
	const struct silence *found;   /* good while nobody changes silences */
	size_t n;
};

static void count_silence(void *user, const struct silence *s)
{
	struct silence_count *c = user;

	c->n++;
	if (c->id && strcmp(s->id, c->id) == 0)
		c->found = s;
}

static void add_silence(const struct silence *s, struct buf *out)
{
	buf_addf(out, "{\"id\":\"%s\",\"matcher\":", s->id);
	json_add_str(out, s->matcher);
	buf_adds(out, ",\"alert\":");
	json_add_str(out, *s->alert ? s->alert : NULL);
	buf_addf(out, ",\"from\":%lld,\"until\":", (long long)s->from_ms);
	if (s->until_ms == SILENCE_UNTIL_RESOLVED)
		buf_adds(out, "null");
	else
		buf_addi(out, s->until_ms);
	buf_adds(out, ",\"by\":");
	json_add_str(out, s->by);
	buf_adds(out, ",\"note\":");
	json_add_str(out, s->note);
	buf_addc(out, '}');
}

/* What is asked for, and the silence that it becomes, which borrows from here. */
struct silencing {
	char *rule, *matcher, *alert, *note, *id;
	double until;                  /* below 0: not said */
	struct silence_count had;
	struct silence s;
};

static void silencing_read(struct silencing *q, struct alerting *al, struct params *p)
{
	*q = (struct silencing){
		.rule = params_text_take(p, "rule", LIMIT_PATTERN_BYTES), .matcher = params_text_take(p, "matcher", LIMIT_PATTERN_BYTES),
		.alert = params_text_take(p, "alert", ALERT_ID_LEN), .note = params_text_take(p, "note", LIMIT_NOTE_BYTES),
		.id = params_text_take(p, "id", ALERT_ID_LEN), .until = params_time(p, "until", false, -1),
	};
	q->had.id = q->id;
	alerts_each_silence(al->alerts, count_silence, &q->had);
}

static void silencing_release(struct silencing *q)
{
	free(q->rule);
	free(q->matcher);
	free(q->alert);
	free(q->note);
	free(q->id);
}

/* Commas part the terms of a matcher: in a name, a star stands for one. */
static char *matcher_of_take(const struct alert_view *a)
{
	char *rule = xstrdup(a->rule_name), *series = xstrdup(a->series), *matcher;

	for (char *c = rule; (c = strchr(c, ',')) != NULL;)
		*c = '*';
	for (char *c = series; (c = strchr(c, ',')) != NULL;)
		*c = '*';
	matcher = xasprintf("rule=%s,series=%s", rule, series);
	free(rule);
	free(series);
	return matcher;
}

/* Which alerts: NULL, or what is wrong. What is not said of a silence that exists stays. */
static const char *silencing_aim(struct silencing *q, struct alerting *al)
{
	const struct silence *had = q->had.found;
	struct alert_view a;

	if (q->id && !had)
		return "there is no such silence";
	if (q->alert && (q->rule || q->matcher))
		return "say either alert, for one alone, or rule or matcher";
	if (had && !q->alert && !q->rule && !q->matcher) {
		q->matcher = xstrdup(had->matcher);
		q->alert = *had->alert ? xstrdup(had->alert) : NULL;
	} else if (q->alert) {
		if (!alerts_find(al->alerts, q->alert, &a))
			return "there is no such alert";
		if (a.state == ALERT_PENDING)
			return "it does not fire yet";
		q->matcher = matcher_of_take(&a);
	} else if (q->rule && !q->matcher) {
		q->matcher = xasprintf("rule=%s", q->rule);
	}
	if (had && !q->note)
		q->note = xstrdup(had->note ? had->note : "");
	if (!q->matcher)
		return "say which alerts: rule, or matcher like \"rule=HIGH_*,series=cpu*\", or alert for one alone";
	return NULL;
}

static const char *silencing_check(struct silencing *q, struct alerting *al, int64_t now_ms, char *why, size_t size)
{
	const char *error = silencing_aim(q, al);

	if (error)
		return error;
	if (q->until < 0 && !q->alert)
		return "until is needed: milliseconds since the epoch, in the future (in the past it ends a silence)";
	if (q->until >= 0 && q->until <= (double)now_ms && !q->id)
		return "until lies in the past; it is in milliseconds since the epoch";
	if (q->had.n >= LIMIT_SILENCES && !q->id)
		return "too many silences: at most 1000 at once";
	return silence_matcher_check(q->matcher, why, size) ? NULL : why;
}

static void audit_silence(struct alerting *al, const struct silencing *q, int64_t now_ms, const char *who, enum role role)
{
	bool ends = q->s.until_ms <= now_ms;
	time_t seconds = (time_t)(q->s.until_ms / 1000);
	char until[40] = "it is resolved";
	struct buf b;
	struct tm tm;

	buf_init(&b, SIZE_MAX / 2);
	if (*q->s.alert)
		buf_addf(&b, "alert %s, ", q->s.alert);
	buf_adds(&b, q->s.matcher);
	if (q->s.until_ms != SILENCE_UNTIL_RESOLVED && gmtime_r(&seconds, &tm))
		strftime(until, sizeof until, "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (!ends)
		buf_addf(&b, ", until %s", until);
	if (*q->s.note)
		buf_addf(&b, ": %s", q->s.note);
	db_audit(al->app->db, who, role_name(role), ends ? "end silence" : q->id ? "change silence" : "silence", b.data);
	buf_release(&b);
}

const char *alerting_silence(struct alerting *al, struct params *p, const char *who, enum role role, struct buf *out)
{
	static char why[240];
	int64_t now = clock_wall_ms();
	struct silencing q;
	const char *error;

	silencing_read(&q, al, p);
	error = params_ok(p) ? silencing_check(&q, al, now, why, sizeof why) : p->error;
	if (error)
		goto out;
	q.s = (struct silence){.matcher = q.matcher, .by = (char *)(uintptr_t)who, .note = q.note ? q.note : (char *)(uintptr_t)"", .from_ms = now,
	                       .until_ms = q.until < 0 ? SILENCE_UNTIL_RESOLVED : (int64_t)q.until};
	snprintf(q.s.alert, sizeof q.s.alert, "%s", q.alert ? q.alert : "");
	snprintf(q.s.id, sizeof q.s.id, "%s", q.id ? q.id : "");
	if (!q.id)
		random_id(q.s.id);
	if (alerts_silence(al->alerts, &q.s, now)) {
		error = "there is no such alert";
		goto out;
	}
	save_silence(al, &q.s, q.s.until_ms);
	audit_silence(al, &q, now, who, role);
	buf_adds(out, "\"silence\":");
	add_silence(&q.s, out);
out:
	silencing_release(&q);
	return error;
}

struct silence_list {
	struct buf *out;
	size_t n;
};

static void list_silence(void *user, const struct silence *s)
{
	struct silence_list *l = user;

	if (l->n++)
		buf_addc(l->out, ',');
	add_silence(s, l->out);
}

void alerting_silences_json(struct alerting *al, struct buf *out)
{
	struct silence_list l = {out, 0};

	buf_addc(out, '[');
	alerts_each_silence(al->alerts, list_silence, &l);
	buf_addc(out, ']');
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
		db_outbox_query(al->app->db, &q, on_rows, question(done, user, "deliveries"));
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
	on_kept(al);
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

void alerting_audit(struct alerting *al, struct params *p, alerting_done_fn *done, void *user)
{
	uint32_t limit = (uint32_t)params_number(p, "limit", 1, 1000, 100);

	if (params_ok(p))
		db_audit_query(al->app->db, limit, on_rows, question(done, user, "audit"));
	else
		done(user, p->error, NULL);
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
