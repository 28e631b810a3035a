/* unit.c: one collector's life: open, read, fail, wait, come back; and what the runner tells of it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "collect/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define LONGEST_WAIT_S 60
#define HANGS_NS (3 * SECOND_NS) /* at least, and three intervals */
#define TEXT_MAX (4 * 1024 * 1024)

const struct metric collect_metrics[] = {
	[SELF_DURATION] = {"self.collector_duration", "ms", STORE_GAUGE, "How long the collector's last read took"},
	[SELF_LAG] = {"self.collector_lag", "ms", STORE_GAUGE, "How much later than planned the collector's last read began"},
	[SELF_FAILING] = {"self.collector_failing", "", STORE_GAUGE, "1 while the collector fails"},
	[SELF_SERIES] = {"self.series", "", STORE_GAUGE, "Live series"},
	[SELF_SERIES_REFUSED] = {"self.series_refused", "", STORE_COUNTER, "Series that found no room so far"},
	[SELF_STORE_BYTES] = {"self.store_bytes", "bytes", STORE_GAUGE, "Memory of the store"},
};
const size_t collect_metrics_len = sizeof collect_metrics / sizeof *collect_metrics;

/* ---- what the runner tells of a collector ---- */

store_ref self_series(struct store *st, const char *name, uint32_t interval_ms, enum self_metric which)
{
	const struct metric *m = &collect_metrics[which];
	char id[STORE_MAX_ID + 1];

	snprintf(id, sizeof id, "%s%s%s", m->family, name ? "/" : "", name ? name : "");
	return store_series(st, &(struct store_info){id, m->unit, m->help, "self", m->kind, interval_ms});
}

static void tell_self(struct unit *u, struct batch *b, enum self_metric which, double value)
{
	if (u->self[which] == STORE_NONE)
		u->self[which] = self_series(u->worker->store, u->c->name, u->interval_ms, which);
	batch_add(b, u->self[which], value);
}

static void clear_self(struct unit *u)
{
	for (int i = 0; i < 3; i++) {
		store_retire(u->worker->store, u->self[i]);
		u->self[i] = STORE_NONE;
	}
}

/* ---- health ---- */

static void say(const struct unit *u, enum collect_state was, enum collect_state is, const char *why, int64_t for_ms)
{
	if (is == COLLECT_FAILING)
		log_warn("collector %s: failing: %s", u->c->name, why);
	else if (is == COLLECT_DISABLED)
		log_info("collector %s: off: %s", u->c->name, why);
	else if (is == COLLECT_OK && was == COLLECT_FAILING)
		log_info("collector %s: well again after %.0f s", u->c->name, (double)for_ms / 1000);
	else if (is == COLLECT_OK && was == COLLECT_DISABLED)
		log_info("collector %s: on", u->c->name);
}

static void call_hook(const struct unit *u, enum collect_state was, enum collect_state is, const char *why)
{
	struct collect *c = u->worker->owner;
	collect_change_fn *fn;
	void *user;

	pthread_mutex_lock(&c->lock);
	{
		fn = c->on_change;
		user = c->on_change_user;
	}
	pthread_mutex_unlock(&c->lock);
	if (fn)
		fn(user, u->c->name, was, is, why);
}

/* The lock is held. */
static enum collect_state change(struct unit *u, enum collect_state to, const char *why, int64_t *for_ms)
{
	struct collect_health *h = &u->health;
	enum collect_state was = h->state;
	int64_t now = clock_wall_ms();

	snprintf(h->why, sizeof h->why, "%s", why);
	*for_ms = now - h->since_ms;
	if (was != to) {
		h->state = to;
		h->since_ms = now;
	}
	return was;
}

static void set_state(struct unit *u, enum collect_state to, const char *why)
{
	enum collect_state was;
	int64_t for_ms;

	pthread_mutex_lock(&u->worker->lock);
	was = change(u, to, why, &for_ms);
	pthread_mutex_unlock(&u->worker->lock);
	if (was == to)
		return;
	say(u, was, to, why, for_ms);
	call_hook(u, was, to, why);
}

static void note_series(struct unit *u)
{
	pthread_mutex_lock(&u->worker->lock);
	u->health.series = u->told.known;
	pthread_mutex_unlock(&u->worker->lock);
}

static void note_read(struct unit *u, int64_t stamp_ms, double duration_ms, double lag_ms)
{
	pthread_mutex_lock(&u->worker->lock);
	{
		u->health.last_ms = stamp_ms;
		u->health.duration_ms = duration_ms;
		u->health.lag_ms = lag_ms;
	}
	pthread_mutex_unlock(&u->worker->lock);
	note_series(u);
}

static bool over_patience(const struct unit *u, int64_t now_ns)
{
	int64_t patience = 3 * (int64_t)u->health.interval_ms * 1000000;

	return u->worker->inside == u && now_ns - u->worker->inside_since_ns > (patience > HANGS_NS ? patience : HANGS_NS);
}

void unit_hangs(struct unit *u, struct batch *b)
{
	struct worker *w = u->worker;
	enum collect_state was = COLLECT_FAILING;
	uint32_t interval_ms;
	int64_t for_ms;
	bool hangs;
	char why[64];

	pthread_mutex_lock(&w->lock);
	{
		hangs = over_patience(u, clock_mono_ns());
		interval_ms = u->health.interval_ms;
		snprintf(why, sizeof why, "no answer for %.0f s", (double)(clock_mono_ns() - w->inside_since_ns) / 1e9);
		if (hangs)
			was = change(u, COLLECT_FAILING, why, &for_ms);
	}
	pthread_mutex_unlock(&w->lock);
	if (!hangs)
		return;
	if (was != COLLECT_FAILING) {
		say(u, was, COLLECT_FAILING, why, for_ms);
		call_hook(u, was, COLLECT_FAILING, why);
	}
	/* By name: the handle that the unit keeps belongs to the thread that hangs. */
	batch_add(b, self_series(w->owner->store, u->c->name, interval_ms, SELF_FAILING), 1);
}

/* ---- calls into the collector ---- */

static void enter(struct unit *u)
{
	pthread_mutex_lock(&u->worker->lock);
	{
		u->worker->inside = u;
		u->worker->inside_since_ns = clock_mono_ns();
	}
	pthread_mutex_unlock(&u->worker->lock);
}

/* False when the worker was given up meanwhile. */
static bool leave(struct unit *u)
{
	bool abandoned;

	pthread_mutex_lock(&u->worker->lock);
	{
		u->worker->inside = NULL;
		abandoned = u->worker->abandoned;
	}
	pthread_mutex_unlock(&u->worker->lock);
	return !abandoned;
}

static void close_state(const struct collector *c, void **state)
{
	if (*state && c->close)
		c->close(*state);
	free(*state);
	*state = NULL;
}

/* The state, if it could be opened; one that could not is not closed. */
static int open_state(const struct unit *u, void **state, const char **why)
{
	void *fresh = xzalloc(u->c->state_bytes);
	int err = u->c->open ? u->c->open(fresh, &u->worker->roots, why) : 0;

	if (err)
		free(fresh);
	else
		*state = fresh;
	return err;
}

struct outcome {
	int err;
	bool absent;           /* this host has no such thing */
	char why[160];
	struct buf text;       /* of a blocking one */
};

static void explain(struct outcome *o, const char *why)
{
	const char *text = strerrordesc_np(-o->err);

	if (!text)
		text = "unknown error";
	if (why && o->absent) /* that says it; ENOENT stands for more than a file */
		snprintf(o->why, sizeof o->why, "%s", why);
	else if (why)
		snprintf(o->why, sizeof o->why, "%s (%s)", why, text);
	else
		snprintf(o->why, sizeof o->why, "%s", text);
}

/* `why` may lie in the state, so it is copied before the state goes. */
static void attempt(struct unit *u, const struct collect_time *now, struct batch *b, struct outcome *o)
{
	const char *why = NULL;
	struct sink sink = {u, b};

	u->first = !u->state;
	if (!u->state) {
		o->err = open_state(u, &u->state, &why);
		o->absent = o->err == -ENOENT || o->err == -ENODEV;
	}
	if (!o->err)
		o->err = u->c->read(u->state, now, &sink, &why);
	if (o->err) {
		explain(o, why);
		close_state(u->c, &u->state);
	} else if (u->c->blocking && u->c->expose) {
		u->c->expose(u->state, &o->text);
	}
}

static void keep_text(struct unit *u, struct buf *text)
{
	char *old;

	if (!u->c->blocking || !u->c->expose)
		return;
	pthread_mutex_lock(&u->worker->lock);
	{
		old = u->text;
		u->text = buf_take(text, &u->text_len);
	}
	pthread_mutex_unlock(&u->worker->lock);
	free(old);
}

/* ---- outcomes ---- */

static void gone(struct unit *u, const char *why)
{
	told_clear(u);
	clear_self(u);
	note_series(u);
	u->failures = 0;
	u->retry_ns = clock_mono_ns() + LONGEST_WAIT_S * SECOND_NS;
	set_state(u, COLLECT_DISABLED, why);
}

static void failed(struct unit *u, const struct outcome *o, struct batch *b)
{
	int64_t wait_s = u->failures < 6 ? INT64_C(1) << u->failures : LONGEST_WAIT_S;

	if (o->absent) {
		gone(u, o->why);
		return;
	}
	u->failures++;
	u->retry_ns = clock_mono_ns() + wait_s * SECOND_NS;
	tell_self(u, b, SELF_FAILING, 1);
	set_state(u, COLLECT_FAILING, o->why);
}

static void well(struct unit *u, int64_t stamp_ms, double duration_ms, double lag_ms, struct batch *b)
{
	u->failures = 0;
	u->retry_ns = 0;
	told_end(u, b, !u->first);
	tell_self(u, b, SELF_DURATION, duration_ms);
	tell_self(u, b, SELF_LAG, lag_ms);
	tell_self(u, b, SELF_FAILING, 0);
	note_read(u, stamp_ms, duration_ms, lag_ms);
	set_state(u, COLLECT_OK, "");
}

/* ---- the grid ---- */

static void set_due(struct unit *u, int64_t due_ms)
{
	u->due_ms = due_ms;
	u->due_ns = clock_mono_ns() + (due_ms - clock_wall_ms()) * 1000000;
}

/* The next multiple of the interval, but one that is far enough from now for a rate to mean something. */
static int64_t next_tick(const struct unit *u, int64_t now_ms, int64_t least_ms)
{
	int64_t interval = u->interval_ms;

	return (now_ms + least_ms + interval - 1) / interval * interval;
}

static void schedule(struct unit *u, int64_t now_ms, int64_t least_ms)
{
	set_due(u, next_tick(u, now_ms, least_ms));
}

/* After a read that was slow its next tick may be here already. */
static void space_out(struct unit *u)
{
	int64_t due_ms = next_tick(u, clock_wall_ms(), u->interval_ms / 4);

	if (due_ms > u->due_ms)
		set_due(u, due_ms);
}

/* One that waits to be tried again need not wait for its grid, which may be an hour wide. */
static void hurry(struct unit *u)
{
	int64_t wait_ms = (u->retry_ns - clock_mono_ns()) / 1000000 + 1, retry_ms = clock_wall_ms() + wait_ms;

	if (wait_ms > 0 && retry_ms < u->due_ms)
		set_due(u, retry_ms);
}

bool unit_due(struct unit *u, int64_t now_ms)
{
	if (!u->enabled)
		return false;
	if (u->due_ms > now_ms + 2 * (int64_t)u->interval_ms) /* the clock was set back */
		schedule(u, now_ms, 1);
	return u->due_ms <= now_ms;
}

static double lag_of(const struct unit *u, int64_t start_ns)
{
	return u->due_ns && start_ns > u->due_ns ? (double)(start_ns - u->due_ns) / 1e6 : 0;
}

bool unit_run(struct unit *u, int64_t now_ms, struct batch *b)
{
	struct outcome o = {0};
	struct collect_time now = {now_ms - now_ms % u->interval_ms, clock_mono_ns(), false};
	double lag_ms = lag_of(u, now.mono_ns);
	size_t before = b->n;

	schedule(u, now_ms, u->due_ms ? u->interval_ms / 4 : u->interval_ms / 2);
	if (u->retry_ns > now.mono_ns) {
		if (u->failures)
			tell_self(u, b, SELF_FAILING, 1);
		hurry(u);
		return true;
	}
	buf_init(&o.text, TEXT_MAX);
	told_begin(u);
	enter(u);
	attempt(u, &now, b, &o);
	if (!leave(u)) {
		buf_release(&o.text);
		return false;
	}
	space_out(u);
	if (o.err) {
		b->n = before; /* half a reading is none */
		failed(u, &o, b);
		hurry(u);
	} else {
		keep_text(u, &o.text);
		well(u, now.wall_ms, (double)(clock_mono_ns() - now.mono_ns) / 1e6, lag_ms, b);
	}
	buf_release(&o.text);
	return true;
}

/* ---- settings ---- */

static void switch_on(struct unit *u)
{
	u->retry_ns = u->due_ms = u->due_ns = 0;
	u->enabled = true;
	set_state(u, COLLECT_STARTING, "");
}

static bool switch_off(struct unit *u)
{
	u->enabled = false;
	if (!unit_close(u))
		return false;
	gone(u, "switched off");
	return true;
}

static void change_interval(struct unit *u)
{
	told_renew(u);
	for (int i = 0; i < 3; i++)
		u->self[i] = STORE_NONE; /* registered again with the next sample */
	schedule(u, clock_wall_ms(), u->interval_ms / 4);
}

bool unit_apply(struct unit *u, const struct collect_setting *s)
{
	bool changed = u->interval_ms != s->interval_ms;

	u->interval_ms = s->interval_ms;
	if (!s->enabled)
		return switch_off(u);
	if (!u->enabled)
		switch_on(u);
	else if (changed)
		change_interval(u);
	return true;
}

/* ---- scrapes ---- */

static void expose_fresh(struct unit *u, int64_t now_ms, struct buf *out)
{
	struct collect_time now = {now_ms, clock_mono_ns(), true};
	struct sink nothing = {NULL, NULL};
	const char *why = NULL;
	int err = 0;

	if (!u->scrape_state)
		err = open_state(u, &u->scrape_state, &why);
	if (!err)
		err = u->c->read(u->scrape_state, &now, &nothing, &why);
	if (!err)
		u->c->expose(u->scrape_state, out);
	else
		close_state(u->c, &u->scrape_state);
}

bool unit_expose(struct unit *u, int64_t now_ms, struct buf *out)
{
	if (u->c->blocking) {
		pthread_mutex_lock(&u->worker->lock);
		{
			if (u->text && u->health.state == COLLECT_OK)
				buf_add(out, u->text, u->text_len);
		}
		pthread_mutex_unlock(&u->worker->lock);
		return true;
	}
	if (!u->enabled || !u->c->expose)
		return true;
	enter(u);
	expose_fresh(u, now_ms, out);
	return leave(u);
}

/* ---- the end ---- */

bool unit_close_scrape(struct unit *u)
{
	enter(u);
	close_state(u->c, &u->scrape_state);
	return leave(u);
}

bool unit_close(struct unit *u)
{
	enter(u);
	close_state(u->c, &u->state);
	close_state(u->c, &u->scrape_state);
	return leave(u);
}

void unit_free(struct unit *u)
{
	for (size_t i = 0; i < u->told.n; i++)
		free(u->told.at[i].instance);
	free(u->told.at);
	free(u->text);
	free(u);
}
