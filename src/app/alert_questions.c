/* alert_questions.c: what clients ask about alerts, and that somebody has seen one. */
#include "app/alerting_inner.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

struct question {
	alerting_done_fn *done;
	void *user;
	const char *member;            /* static */
};

struct question *question(alerting_done_fn *done, void *user, const char *member)
{
	struct question *q = xzalloc(sizeof *q);

	*q = (struct question){done, user, member};
	return q;
}

void question_on_rows(void *user, const char *rows)
{
	struct question *q = user;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (rows)
		buf_addf(&b, "\"%s\":%s", q->member, rows);
	q->done(q->user, rows ? NULL : ALERTING_UNREAD, rows ? b.data : NULL);
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

	if (l->n == l->limit || (l->state && strcmp(l->state, alert_state_name(a->state)) != 0) || (l->rule && strcmp(l->rule, a->rule_name) != 0) ||
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
		db_alerts_query(al->app->db, &q, question_on_rows, question(done, user, "alerts"));
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
void alerting_audit(struct alerting *al, struct params *p, alerting_done_fn *done, void *user)
{
	uint32_t limit = (uint32_t)params_number(p, "limit", 1, 1000, 100);

	if (params_ok(p))
		db_audit_query(al->app->db, limit, question_on_rows, question(done, user, "audit"));
	else
		done(user, p->error, NULL);
}
