/* alerting.c: where alerts, the database, channels and clients meet.
 *
 * A change is told in this order: it is handed to the database together with its messages, in one transaction, and
 * then to the clients. A message leaves only after that transaction is on disk. */
#include "app/alerting_inner.h"
#include "app/answers.h"
#include "app/own_series.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "collectors/prom.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct alerts *alerting_alerts(struct alerting *al)
{
	return al->alerts;
}

/* --- a change --- */

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

static void keep(struct alerting *al, const struct alert_view *a, bool notify)
{
	const char *host = al->app->hostname;
	struct messages m = {0};
	struct buf labels, runbook, told;
	struct db_alert row = {
		.id = a->id, .rule = a->rule_name, .type = a->type, .metric = a->metric, .series = a->series,
		.severity = severity_name(a->severity), .state = alert_state_name(a->state), .summary = a->summary, .by = a->by, .note = a->note,
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
	db_alert_change(al->app->db, &row, m.at, m.n, m.n ? channels_on_kept : NULL, al);
	free_messages(&m);
	buf_release(&labels);
	buf_release(&runbook);
	buf_release(&told);
}

static void log_change(const struct alert_view *a, bool starts)
{
	struct buf end;

	if (a->state != ALERT_RESOLVED) {
		log_at(starts ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "alert %s %s on %s: %s", a->rule_name, alert_state_name(a->state), a->series,
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
	struct alerts_hooks hooks = {.user = al, .changed = on_changed, .resolve = series_resolve, .silence_ended = silences_on_ended};
	struct rule *rules;
	size_t n;

	al->app = app;
	al->url = url_take(app);
	al->health = channel_health_new(app);
	rules = config_rules_take(app->config, &n);
	log_info("alerts: %zu rules, %zu channels", n, app->config->nchannels);
	al->alerts = alerts_new(app->store, app->hostname, rules, n, &hooks);
	silences_open(al);
	db_alerts_open(app->db, restore, al);
	channels_open(al);
	loop_timer_set(app->loop, &al->tick, 1000, on_tick);
	return al;
}

void alerting_reload(struct alerting *al)
{
	size_t n;
	struct rule *rules = config_rules_take(al->app->config, &n);

	log_info("alerts: %zu rules, %zu channels", n, al->app->config->nchannels);
	free(al->url);
	al->url = url_take(al->app);
	channels_reload(al);
	alerts_reload(al->alerts, rules, n);
}

void alerting_stop(struct alerting *al)
{
	al->stopping = true;
	loop_timer_clear(al->app->loop, &al->tick);
	channels_close(al);
}

void alerting_free(struct alerting *al)
{
	if (!al)
		return;
	alerts_free(al->alerts);
	channel_health_free(al->health);
	channels_forget_gone(al);
	free(al->url);
	free(al);
}
