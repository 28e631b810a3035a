/* alert_silences.c: silences, as clients make, change and end them, and as they are kept. */
#include "app/alerting_inner.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/xmalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Each began when somebody said so: the clock may have been set back since, and that is no time to come. */
static void restore_silence(void *user, const struct db_silence *s)
{
	int64_t now = clock_wall_ms();
	struct alerting *al = user;
	struct silence silence = {.matcher = (char *)(uintptr_t)s->matcher, .by = (char *)(uintptr_t)s->by, .note = (char *)(uintptr_t)s->note,
	                          .from_ms = s->from_ms < now ? s->from_ms : now, .until_ms = s->until_ms};

	snprintf(silence.id, sizeof silence.id, "%s", s->id);
	snprintf(silence.alert, sizeof silence.alert, "%s", s->alert ? s->alert : "");
	alerts_silence(al->alerts, &silence, now);
}

void silences_open(struct alerting *al)
{
	db_silences_open(al->app->db, clock_wall_ms(), restore_silence, al);
}

static void save_silence(struct alerting *al, const struct silence *s, int64_t until_ms)
{
	struct db_silence row = {s->id, s->matcher, s->by, s->note, s->from_ms, until_ms, *s->alert ? s->alert : NULL};

	db_silence_save(al->app->db, &row);
}

void silences_on_ended(void *user, const struct silence *s, int64_t now_ms)
{
	save_silence(user, s, now_ms);
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
