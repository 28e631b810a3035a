/* alerts.c: present alerts, every change of them with its messages, and silences. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "db/inner.h"
#include "db/outbox.h"

/* ---- a change ---- */

struct change {
	struct job job;
	bool of_alert;
	struct db_alert alert;
	struct db_message *messages;
	size_t n;
	int64_t now_ms;
	void (*done)(void *user);
	void *user;
};

static int save_alert(struct sql *s, const struct db_alert *a)
{
	static const char text[] =
		"INSERT INTO alerts (id, rule, type, metric, series, severity, state, summary, who, note, value, threshold,"
		" starts_ms, ends_ms, changed_ms, labels, runbook, acked_ms, ack_who, ack_note, untold, told, flapping, inhibited, silenced_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, NULLIF(?18, 0), ?19, ?20, ?21, ?22, ?23,"
		" ?24, NULLIF(?25, 0))"
		" ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, state = excluded.state, summary = excluded.summary,"
		" who = excluded.who, note = excluded.note, value = excluded.value, threshold = excluded.threshold,"
		" starts_ms = excluded.starts_ms, ends_ms = excluded.ends_ms, changed_ms = excluded.changed_ms,"
		" labels = excluded.labels, runbook = excluded.runbook, acked_ms = excluded.acked_ms, ack_who = excluded.ack_who,"
		" ack_note = excluded.ack_note, untold = excluded.untold, told = excluded.told, flapping = excluded.flapping,"
		" inhibited = excluded.inhibited, silenced_ms = excluded.silenced_ms";

	return sql_run(s, text,
		SQL_ARGS(sql_text(a->id), sql_text(a->rule), sql_text(a->type), sql_text(a->metric), sql_text(a->series),
			sql_text(a->severity), sql_text(a->state), sql_text(a->summary), sql_text(a->by), sql_text(a->note),
			sql_real(a->value), sql_real(a->threshold), sql_int(a->starts_ms), sql_int(a->ends_ms), sql_int(a->changed_ms),
			sql_text(a->labels), sql_text(a->runbook), sql_int(a->acked_ms), sql_text(a->ack_by), sql_text(a->ack_note),
			sql_int(a->untold), sql_text(a->told), sql_int(a->flapping), sql_int(a->inhibited), sql_int(a->silenced_ms)));
}

static int save_change(struct sql *s, const struct db_alert *a)
{
	static const char text[] =
		"INSERT INTO alert_changes (alert, changed_ms, state, severity, summary, who, note, value, threshold, ends_ms, labels, runbook,"
		" flapping, inhibited, silenced_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, NULLIF(?15, 0))"
		" ON CONFLICT (alert, changed_ms, state) DO UPDATE SET severity = excluded.severity, summary = excluded.summary,"
		" who = excluded.who, note = excluded.note, value = excluded.value, threshold = excluded.threshold, ends_ms = excluded.ends_ms,"
		" labels = excluded.labels, runbook = excluded.runbook, flapping = excluded.flapping, inhibited = excluded.inhibited,"
		" silenced_ms = excluded.silenced_ms";

	return sql_run(s, text,
		SQL_ARGS(sql_text(a->id), sql_int(a->changed_ms), sql_text(a->state), sql_text(a->severity), sql_text(a->summary),
			sql_text(a->by), sql_text(a->note), sql_real(a->value), sql_real(a->threshold), sql_int(a->ends_ms),
			sql_text(a->labels), sql_text(a->runbook), sql_int(a->flapping), sql_int(a->inhibited), sql_int(a->silenced_ms)));
}

static int change_run(struct db *db, struct job *j)
{
	struct change *c = (struct change *)j;
	int rc = SQLITE_OK;

	if (c->of_alert)
		rc = save_alert(&db->sql, &c->alert);
	if (!rc && c->of_alert)
		rc = save_change(&db->sql, &c->alert);
	for (size_t i = 0; !rc && i < c->n; i++)
		rc = outbox_put(&db->sql, &c->messages[i], c->of_alert ? c->alert.id : NULL, c->now_ms);
	return rc;
}

static void change_done(struct job *j)
{
	struct change *c = (struct change *)j;

	if (c->done && !j->failed)
		c->done(c->user);
}

static const struct job_kind change_kind = {
	.name = "change of an alert", .writes = true, .kept = true, .run = change_run, .done = change_done,
};

static struct db_alert copy_alert(struct block **to, const struct db_alert *a)
{
	struct db_alert copy = *a;
	const char **texts[] = {&copy.id, &copy.rule, &copy.type, &copy.metric, &copy.series, &copy.severity, &copy.state,
		&copy.summary, &copy.by, &copy.note, &copy.labels, &copy.runbook, &copy.ack_by, &copy.ack_note, &copy.told};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = job_copy(to, *texts[i]);
	return copy;
}

void db_alert_change(struct db *db, const struct db_alert *a, const struct db_message *messages, size_t n,
                     void (*done)(void *user), void *user)
{
	struct change *c = job_new(db, sizeof *c, &change_kind);

	c->of_alert = a != NULL;
	if (a)
		c->alert = copy_alert(&c->job.given, a);
	c->messages = job_alloc(&c->job.given, n * sizeof *c->messages);
	c->n = n;
	for (size_t i = 0; i < n; i++)
		c->messages[i] = (struct db_message){
			.channel = job_copy(&c->job.given, messages[i].channel),
			.message_id = job_copy(&c->job.given, messages[i].message_id),
			.body = job_copy(&c->job.given, messages[i].body),
			.content_type = job_copy(&c->job.given, messages[i].content_type),
		};
	c->now_ms = clock_wall_ms();
	c->done = done;
	c->user = user;
	job_submit(&c->job);
}

/* ---- at start ---- */

struct hearer {
	void (*alert)(void *user, const struct db_alert *a);
	void (*silence)(void *user, const struct db_silence *s);
	void *user;
};

static void tell_alert(void *user, sqlite3_stmt *row)
{
	const struct hearer *h = user;
	int i = 0;
	struct db_alert a = {0};
	const char **texts[] = {&a.id, &a.rule, &a.type, &a.metric, &a.series, &a.severity, &a.state, &a.summary, &a.by, &a.note,
		&a.labels, &a.runbook, &a.ack_by, &a.ack_note, &a.told};

	for (; i < (int)(sizeof texts / sizeof *texts); i++)
		*texts[i] = sql_column(row, i);
	a.value = sql_column_real(row, i++);
	a.threshold = sql_column_real(row, i++);
	a.starts_ms = sqlite3_column_int64(row, i++);
	a.ends_ms = sqlite3_column_int64(row, i++);
	a.changed_ms = sqlite3_column_int64(row, i++);
	a.acked_ms = sqlite3_column_int64(row, i++);
	a.untold = sqlite3_column_int64(row, i) != 0;
	h->alert(h->user, &a);
}

/* On a connection of the caller's own. */
static void visit_rows(struct db *db, const char *text, sql_row_fn *fn, struct hearer *h, const struct sql_arg *args, size_t n)
{
	struct sql s;
	int rc = db_visit(db, &s);

	if (!rc)
		rc = sql_rows(&s, text, fn, h, args, n);
	if (rc)
		log_error("db: %s: cannot be read: %s", db->path, sqlite3_errstr(rc));
	sql_close(&s);
}

void db_alerts_open(struct db *db, void (*fn)(void *user, const struct db_alert *a), void *user)
{
	static const char text[] =
		"SELECT id, rule, type, metric, series, severity, state, summary, who, note, labels, runbook, ack_who, ack_note, told,"
		" value, threshold, starts_ms, ends_ms, changed_ms, acked_ms, untold FROM alerts WHERE state <> 'resolved' ORDER BY starts_ms, id";

	visit_rows(db, text, tell_alert, &(struct hearer){.alert = fn, .user = user}, SQL_NO_ARGS);
}

static void tell_silence(void *user, sqlite3_stmt *row)
{
	const struct hearer *h = user;

	h->silence(h->user, &(struct db_silence){
		.id = sql_column(row, 0), .matcher = sql_column(row, 1), .by = sql_column(row, 2), .note = sql_column(row, 3),
		.from_ms = sqlite3_column_int64(row, 4), .until_ms = sqlite3_column_int64(row, 5), .alert = sql_column(row, 6),
	});
}

void db_silences_open(struct db *db, int64_t now_ms, void (*fn)(void *user, const struct db_silence *s), void *user)
{
	static const char text[] = "SELECT id, matcher, who, note, from_ms, until_ms, alert FROM silences WHERE until_ms > ?1 ORDER BY from_ms, id";

	visit_rows(db, text, tell_silence, &(struct hearer){.silence = fn, .user = user}, SQL_ARGS(sql_int(now_ms)));
}

/* ---- questions ---- */

struct query {
	struct job_json json;
	struct db_alerts_query q;
};

/* The object of an alert as others know it; a.* and c.* are the same table where the present state is asked for. */
#define ALERT_OBJECT                                                                                                         \
	"SELECT a.id, a.rule, a.type, a.metric, a.series, c.value, c.threshold, c.severity, c.state, a.starts_ms AS startsAt,"  \
	" c.changed_ms AS timestamp, ?7 AS host, c.summary, NULLIF(c.ends_ms, 0) AS endsAt, c.who AS \"by\", c.note,"    \
	" CAST(iif(json_valid(c.labels), c.labels, '{}') AS BLOB) AS labels, c.runbook,"                                         \
	" CAST(iif(c.flapping, 'true', 'false') AS BLOB) AS flapping, CAST(iif(c.inhibited, 'true', 'false') AS BLOB) AS inhibited,"  \
	" iif(a.acked_ms <= c.changed_ms, a.acked_ms, NULL) AS acknowledgedAt, c.silenced_ms AS silencedUntil"
#define ALERT_WHERE " WHERE (?1 IS NULL OR c.state = ?1) AND (?2 IS NULL OR a.rule = ?2) AND (?3 IS NULL OR a.id = ?3)"

static int query_run(struct db *db, struct job *j)
{
	static const char alerts[] = ALERT_OBJECT " FROM alerts AS a JOIN alerts AS c ON c.id = a.id" ALERT_WHERE
		" AND a.starts_ms <= ?5 AND (a.ends_ms = 0 OR a.ends_ms >= ?4) ORDER BY a.starts_ms DESC, a.id LIMIT ?6";
	static const char changes[] = ALERT_OBJECT " FROM alert_changes AS c JOIN alerts AS a ON a.id = c.alert" ALERT_WHERE
		" AND c.changed_ms BETWEEN ?4 AND ?5 ORDER BY c.changed_ms DESC, c.seq DESC LIMIT ?6";
	struct query *q = (struct query *)j;

	return sql_json(&db->sql, &q->json.rows, q->q.changes ? changes : alerts,
		SQL_ARGS(sql_text(q->q.state), sql_text(q->q.rule), sql_text(q->q.id), sql_int(q->q.from_ms), sql_int(q->q.to_ms),
			sql_int(q->q.limit), sql_text(db->host)));
}

static const struct job_kind query_kind = {
	.name = "question for alerts", .run = query_run, .done = job_json_done, .release = job_json_release,
};

void db_alerts_query(struct db *db, const struct db_alerts_query *q, void (*done)(void *user, const char *rows), void *user)
{
	struct query *job = job_json_new(db, sizeof *job, &query_kind, done, user);

	job->q = *q;
	job->q.state = job_copy(&job->json.job.given, q->state);
	job->q.rule = job_copy(&job->json.job.given, q->rule);
	job->q.id = job_copy(&job->json.job.given, q->id);
	if (!q->to_ms)
		job->q.to_ms = INT64_MAX; /* a clock that was set back since may have been ahead of now */
	if (!q->limit || q->limit > LIMIT_DB_ROWS)
		job->q.limit = LIMIT_DB_ROWS;
	job_submit(&job->json.job);
}

/* ---- silences ---- */

struct silence_save {
	struct job job;
	struct db_silence s;
};

static int silence_run(struct db *db, struct job *j)
{
	static const char text[] =
		"INSERT INTO silences (id, matcher, who, note, from_ms, until_ms, alert) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		" ON CONFLICT (id) DO UPDATE SET matcher = excluded.matcher, who = excluded.who, note = excluded.note,"
		" from_ms = excluded.from_ms, until_ms = excluded.until_ms, alert = excluded.alert";
	const struct db_silence *s = &((struct silence_save *)j)->s;

	return sql_run(&db->sql, text,
		SQL_ARGS(sql_text(s->id), sql_text(s->matcher), sql_text(s->by), sql_text(s->note), sql_int(s->from_ms), sql_int(s->until_ms),
			sql_text(s->alert)));
}

static const struct job_kind silence_kind = {.name = "silence", .writes = true, .kept = true, .run = silence_run};

void db_silence_save(struct db *db, const struct db_silence *s)
{
	struct silence_save *job = job_new(db, sizeof *job, &silence_kind);

	job->s = (struct db_silence){
		.id = job_copy(&job->job.given, s->id), .matcher = job_copy(&job->job.given, s->matcher),
		.by = job_copy(&job->job.given, s->by), .note = job_copy(&job->job.given, s->note),
		.from_ms = s->from_ms, .until_ms = s->until_ms, .alert = job_copy(&job->job.given, s->alert),
	};
	job_submit(&job->job);
}
