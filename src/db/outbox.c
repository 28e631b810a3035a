/* outbox.c: messages that wait for their receivers, one line for each alert and channel. */
#include "db/outbox.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/xmalloc.h"
#include "db/inner.h"

#include <string.h>

/* Nobody asks for a longer wait (alerts/notify.h): a message that is due later than that was put off by a clock that
 * was ahead and has been set since, and is due now. */
#define LONGEST_WAIT_MS (INT64_C(2) * 24 * 3600 * 1000)

int outbox_put(struct sql *s, const struct db_message *m, const char *alert, int64_t now_ms)
{
	static const char text[] =
		"INSERT INTO outbox (channel, message_id, alert, line, state, attempts, body, content_type, created_ms, next_ms)"
		" VALUES (?1, ?2, ?3, coalesce(?3, ?2), 'waiting', 0, ?4, ?5, ?6, ?6) ON CONFLICT (message_id, channel) DO NOTHING";

	return sql_run(s, text,
		SQL_ARGS(sql_text(m->channel), sql_text(m->message_id), sql_text(alert), sql_text(m->body), sql_text(m->content_type),
			sql_int(now_ms)));
}

/* ---- what is due ---- */

struct due {
	struct job job;
	const char *channel;
	int64_t now_ms;
	uint32_t max;
	struct db_delivery *at; /* made */
	size_t n;
	void (*done)(void *user, const struct db_delivery *d, size_t n);
	void *user;
};

static void take_delivery(void *user, sqlite3_stmt *row)
{
	struct due *d = user;
	struct block **made = &d->job.made;

	if (d->n == d->max)
		return;
	d->at[d->n++] = (struct db_delivery){
		.id = sqlite3_column_int64(row, 0),
		.channel = d->channel,
		.message_id = job_copy(made, sql_column(row, 1)),
		.alert_id = job_copy(made, sql_column(row, 2)),
		.body = job_copy(made, sql_column(row, 3)),
		.content_type = job_copy(made, sql_column(row, 4)),
		.attempts = (uint32_t)sqlite3_column_int64(row, 5),
		.since_ms = sqlite3_column_int64(row, 6),
		.next_ms = sqlite3_column_int64(row, 7),
	};
}

static int due_run(struct db *db, struct job *j)
{
	/* The heads of the lines: from each line's name to the next one by the index, however long the lines are. */
	static const char text[] =
		"WITH RECURSIVE lines (line) AS ("
		" SELECT min(line) FROM outbox WHERE channel = ?1 AND state = 'waiting'"
		" UNION ALL SELECT (SELECT min(line) FROM outbox WHERE channel = ?1 AND state = 'waiting' AND line > lines.line)"
		" FROM lines WHERE lines.line IS NOT NULL)"
		" SELECT id, message_id, alert, body, content_type, attempts, coalesce(again_ms, created_ms), next_ms FROM lines JOIN outbox"
		" ON id = (SELECT min(id) FROM outbox WHERE channel = ?1 AND state = 'waiting' AND line = lines.line)"
		" WHERE (next_ms <= ?2 OR next_ms > ?2 + ?4)"
		" AND NOT EXISTS (SELECT 1 FROM held_channels WHERE channel = ?1 AND until_ms > ?2 AND until_ms <= ?2 + ?4)"
		" ORDER BY id LIMIT ?3";
	struct due *d = (struct due *)j;

	d->n = 0;
	d->at = job_alloc(&j->made, d->max * sizeof *d->at);
	return sql_rows(&db->sql, text, take_delivery, d,
		SQL_ARGS(sql_text(d->channel), sql_int(d->now_ms), sql_int(d->max), sql_int(LONGEST_WAIT_MS)));
}

static void due_done(struct job *j)
{
	struct due *d = (struct due *)j;

	d->done(d->user, d->at, j->failed ? 0 : d->n);
}

/* In line: what was delivered is not to be given once more because that could not be written yet. */
static const struct job_kind due_kind = {.name = "question for messages", .in_line = true, .run = due_run, .done = due_done};

void db_outbox_due(struct db *db, const char *channel, int64_t now_ms, uint32_t max,
                   void (*done)(void *user, const struct db_delivery *d, size_t n), void *user)
{
	struct due *d = job_new(db, sizeof *d, &due_kind);

	d->channel = job_copy(&d->job.given, channel);
	d->now_ms = now_ms;
	d->max = max < LIMIT_DB_ROWS ? max : LIMIT_DB_ROWS;
	d->done = done;
	d->user = user;
	job_submit(&d->job);
}

/* ---- what became of one ---- */

struct result {
	struct job job;
	int64_t id, next_ms, now_ms;
	const char *state, *error;
	bool cut_short;
	int status;
	bool held;
	void (*done)(void *user);
	void *user;
};

static int hold_channel(struct sql *s, const struct result *r)
{
	static const char over[] = "DELETE FROM held_channels WHERE until_ms <= ?1";
	static const char hold[] = "INSERT INTO held_channels (channel, until_ms) SELECT channel, ?2 FROM outbox WHERE id = ?1"
		" ON CONFLICT (channel) DO UPDATE SET until_ms = excluded.until_ms";
	int rc = sql_run(s, over, SQL_ARGS(sql_int(r->now_ms)));

	return rc ? rc : sql_run(s, hold, SQL_ARGS(sql_int(r->id), sql_int(r->next_ms)));
}

static int result_run(struct db *db, struct job *j)
{
	static const char text[] =
		"UPDATE outbox SET state = ?2, attempts = attempts + 1, status = NULLIF(?3, 0), last_error = ?4, next_ms = ?5,"
		" finished_ms = CASE ?2 WHEN 'waiting' THEN NULL ELSE ?6 END WHERE id = ?1";
	struct result *r = (struct result *)j;
	int rc = sql_run(&db->sql, text,
		SQL_ARGS(sql_int(r->id), sql_text(r->state), sql_int(r->status), sql_text(r->error), sql_int(r->next_ms), sql_int(r->now_ms)));

	if (rc || r->cut_short)
		return rc;
	rc = channel_tried(&db->sql, r->id, NULL, strcmp(r->state, "delivered") == 0 ? NULL : r->error ? r->error : "it failed", r->now_ms);
	return rc || !r->held ? rc : hold_channel(&db->sql, r);
}

static void result_done(struct job *j)
{
	struct result *r = (struct result *)j;

	if (r->done && !j->failed)
		r->done(r->user);
}

static const struct job_kind result_kind = {
	.name = "outcome of a message", .writes = true, .kept = true, .run = result_run, .done = result_done,
};

void db_outbox_result(struct db *db, int64_t id, const char *outcome, int64_t next_ms, int status, const char *error,
                      void (*done)(void *user), void *user)
{
	struct result *r = job_new(db, sizeof *r, &result_kind);

	r->id = id;
	r->cut_short = strcmp(outcome, "cut short") == 0;
	r->held = strcmp(outcome, "held") == 0;
	r->state = job_copy(&r->job.given, r->cut_short || r->held || strcmp(outcome, "retry") == 0 ? "waiting" : outcome);
	r->next_ms = next_ms;
	r->now_ms = clock_wall_ms();
	r->status = status;
	r->error = job_copy(&r->job.given, error);
	r->done = done;
	r->user = user;
	job_submit(&r->job);
}

/* ---- the receiver is back ---- */

struct hurry {
	struct job job;
	const char *channel;
	int64_t now_ms;
};

static int hurry_run(struct db *db, struct job *j)
{
	static const char text[] = "UPDATE outbox SET next_ms = ?2 WHERE channel = ?1 AND state = 'waiting' AND next_ms > ?2";
	struct hurry *h = (struct hurry *)j;

	return sql_run(&db->sql, text, SQL_ARGS(sql_text(h->channel), sql_int(h->now_ms)));
}

static const struct job_kind hurry_kind = {.name = "end of waiting", .writes = true, .kept = true, .run = hurry_run};

void db_outbox_hurry(struct db *db, const char *channel)
{
	struct hurry *h = job_new(db, sizeof *h, &hurry_kind);

	h->channel = job_copy(&h->job.given, channel);
	h->now_ms = clock_wall_ms();
	job_submit(&h->job);
}

/* ---- the clock was set back ---- */

struct set_back {
	struct job job;
	int64_t now_ms, by_ms;
};

static int set_back_run(struct db *db, struct job *j)
{
	static const char waits[] = "UPDATE outbox SET next_ms = next_ms - ?2 WHERE state = 'waiting' AND next_ms > ?1";
	static const char held[] = "UPDATE held_channels SET until_ms = until_ms - ?2 WHERE until_ms > ?1";
	const struct set_back *b = (struct set_back *)j;
	int rc = sql_run(&db->sql, waits, SQL_ARGS(sql_int(b->now_ms), sql_int(b->by_ms)));

	return rc ? rc : sql_run(&db->sql, held, SQL_ARGS(sql_int(b->now_ms), sql_int(b->by_ms)));
}

static const struct job_kind set_back_kind = {.name = "clock that was set back", .writes = true, .kept = true, .run = set_back_run};

void db_outbox_set_back(struct db *db, int64_t by_ms)
{
	struct set_back *b = job_new(db, sizeof *b, &set_back_kind);

	b->now_ms = clock_wall_ms();
	b->by_ms = by_ms;
	job_submit(&b->job);
}

/* ---- by hand ---- */

struct resend {
	struct job job;
	int64_t id, now_ms;
	const char *channel, *alert; /* made */
	void (*done)(void *user, const char *channel, const char *alert);
	void *user;
};

#define AGAIN "UPDATE outbox SET state = 'waiting', attempts = 0, next_ms = 0, again_ms = ?2, finished_ms = NULL"

static void take_resent(void *user, sqlite3_stmt *row)
{
	struct resend *r = user;

	r->channel = job_copy(&r->job.made, sql_column(row, 0));
	r->alert = job_copy(&r->job.made, sql_column(row, 1));
}

static int resend_run(struct db *db, struct job *j)
{
	static const char text[] = AGAIN " WHERE id = ?1 RETURNING channel, alert";
	struct resend *r = (struct resend *)j;

	r->channel = r->alert = NULL;
	return sql_rows(&db->sql, text, take_resent, r, SQL_ARGS(sql_int(r->id), sql_int(r->now_ms)));
}

static void resend_done(struct job *j)
{
	struct resend *r = (struct resend *)j;

	if (r->done)
		r->done(r->user, j->failed ? NULL : r->channel, j->failed ? NULL : r->alert);
}

static const struct job_kind resend_kind = {.name = "sending again", .writes = true, .run = resend_run, .done = resend_done};

void db_outbox_resend(struct db *db, int64_t id, void (*done)(void *user, const char *channel, const char *alert), void *user)
{
	struct resend *r = job_new(db, sizeof *r, &resend_kind);

	r->id = id;
	r->now_ms = clock_wall_ms();
	r->done = done;
	r->user = user;
	job_submit(&r->job);
}

struct resend_dead {
	struct job job;
	const char *channel;
	uint32_t most;
	int64_t now_ms, sent, left;
	void (*done)(void *user, uint32_t sent, uint32_t left);
	void *user;
};

static void take_count(void *user, sqlite3_stmt *row)
{
	*(int64_t *)user = sqlite3_column_int64(row, 0);
}

/* Not delivered, said for the index; what was given up first goes first. */
static int resend_dead_run(struct db *db, struct job *j)
{
	static const char text[] = AGAIN " WHERE id IN (SELECT id FROM outbox WHERE channel = ?1 AND state = 'dead' AND state <> 'delivered' ORDER BY id"
		" LIMIT ?3)";
	static const char left[] = "SELECT count(*) FROM outbox WHERE channel = ?1 AND state = 'dead' AND state <> 'delivered'";
	struct resend_dead *r = (struct resend_dead *)j;
	int rc = sql_run(&db->sql, text, SQL_ARGS(sql_text(r->channel), sql_int(r->now_ms), sql_int(r->most)));

	r->sent = rc ? 0 : sql_changes(&db->sql);
	return rc ? rc : sql_rows(&db->sql, left, take_count, &r->left, SQL_ARGS(sql_text(r->channel)));
}

static void resend_dead_done(struct job *j)
{
	struct resend_dead *r = (struct resend_dead *)j;

	r->done(r->user, j->failed ? 0 : (uint32_t)r->sent, (uint32_t)r->left);
}

static const struct job_kind resend_dead_kind = {.name = "sending again", .writes = true, .run = resend_dead_run, .done = resend_dead_done};

void db_outbox_resend_dead(struct db *db, const char *channel, uint32_t most, void (*done)(void *user, uint32_t sent, uint32_t left), void *user)
{
	struct resend_dead *r = job_new(db, sizeof *r, &resend_dead_kind);

	r->channel = job_copy(&r->job.given, channel);
	r->most = most;
	r->now_ms = clock_wall_ms();
	r->done = done;
	r->user = user;
	job_submit(&r->job);
}

/* ---- what nobody sends ---- */

#define GONE_MS (INT64_C(7) * 24 * 3600 * 1000)
#define GONE_MOST 100 /* channels that are told of; those beyond wait until these are done */

struct gone {
	struct job job;
	const char *names; /* a JSON array */
	int64_t now_ms;
	struct db_gone *at; /* made */
	size_t n;
	void (*done)(void *user, const struct db_gone *at, size_t n);
	void *user;
};

static void take_gone(void *user, sqlite3_stmt *row)
{
	struct gone *g = user;
	struct db_gone *one = &g->at[g->n++];

	one->channel = job_copy(&g->job.made, sql_column(row, 0));
	one->since_ms = sqlite3_column_int64(row, 1);
	one->until_ms = one->since_ms + GONE_MS;
	one->waiting = (uint32_t)sqlite3_column_int64(row, 2);
	one->given_up = g->now_ms >= one->until_ms;
}

/* Who is back, or is waited for no more. A clock that was set back does not keep one for longer. */
static int forget_gone(struct sql *s, const struct gone *g)
{
	static const char back[] = "DELETE FROM gone_channels WHERE channel IN (SELECT value FROM json_each(?1))"
		" OR channel NOT IN (SELECT channel FROM outbox WHERE state = 'waiting')";
	static const char ahead[] = "UPDATE gone_channels SET since_ms = ?1 WHERE since_ms > ?1";
	int rc = sql_run(s, back, SQL_ARGS(sql_text(g->names)));

	return rc ? rc : sql_run(s, ahead, SQL_ARGS(sql_int(g->now_ms)));
}

static int gone_run(struct db *db, struct job *j)
{
	static const char add[] = "INSERT INTO gone_channels (channel, since_ms) SELECT DISTINCT channel, ?2 FROM outbox WHERE state = 'waiting'"
		" AND channel NOT IN (SELECT value FROM json_each(?1)) ON CONFLICT (channel) DO NOTHING";
	static const char list[] = "SELECT channel, since_ms, count(*) FROM gone_channels JOIN outbox USING (channel) WHERE state = 'waiting'"
		" GROUP BY channel ORDER BY channel LIMIT ?1";
	static const char end[] = "UPDATE outbox SET state = 'dead', finished_ms = ?2, last_error = 'the channel is not in the configuration'"
		" WHERE channel = ?1 AND state = 'waiting'";
	struct gone *g = (struct gone *)j;
	int rc = forget_gone(&db->sql, g);

	g->n = 0;
	g->at = job_alloc(&j->made, GONE_MOST * sizeof *g->at);
	if (!rc)
		rc = sql_run(&db->sql, add, SQL_ARGS(sql_text(g->names), sql_int(g->now_ms)));
	if (!rc)
		rc = sql_rows(&db->sql, list, take_gone, g, SQL_ARGS(sql_int(GONE_MOST)));
	for (size_t i = 0; !rc && i < g->n; i++)
		if (g->at[i].given_up)
			rc = sql_run(&db->sql, end, SQL_ARGS(sql_text(g->at[i].channel), sql_int(g->now_ms)));
	return rc;
}

static void gone_done(struct job *j)
{
	struct gone *g = (struct gone *)j;

	if (!j->failed)
		g->done(g->user, g->at, g->n);
}

static const struct job_kind gone_kind = {.name = "look for channels that are gone", .writes = true, .run = gone_run, .done = gone_done};

void db_outbox_gone(struct db *db, const char *const *names, size_t n, int64_t now_ms,
                    void (*done)(void *user, const struct db_gone *at, size_t n), void *user)
{
	struct gone *g = job_new(db, sizeof *g, &gone_kind);
	struct buf list;

	buf_init(&list, SIZE_MAX / 2);
	buf_addc(&list, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(&list, ',');
		json_add_str(&list, names[i]);
	}
	buf_addc(&list, ']');
	g->names = job_copy(&g->job.given, list.data);
	buf_release(&list);
	g->now_ms = now_ms;
	g->done = done;
	g->user = user;
	job_submit(&g->job);
}

/* ---- questions ---- */

struct query {
	struct job_json json;
	struct db_outbox_query q;
};

/* One for each way to find the rows by an index: by alert, by channel, or by number. */
#define ROWS_WHERE(which)                                                                                                     \
	"SELECT id, channel, message_id, alert, state, attempts, status, last_error, created_ms AS created,"                    \
	" iif(state = 'waiting' AND since_ms IS NULL, max(next_ms, coalesce(until_ms, 0)), NULL) AS next, finished_ms AS finished,"                         \
	" length(CAST(body AS BLOB)) AS bytes, iif(state = 'waiting', since_ms, NULL) AS gone, iif(state = 'waiting', since_ms + ?4, NULL) AS until" \
	" FROM outbox LEFT JOIN gone_channels USING (channel) LEFT JOIN held_channels USING (channel) WHERE " which                                                     \
	" AND (?2 IS NULL OR state = ?2) AND (?6 = 0 OR id < ?6) ORDER BY id DESC LIMIT ?3"

static int query_run(struct db *db, struct job *j)
{
	static const char by_alert[] = ROWS_WHERE("alert = ?5 AND (?1 IS NULL OR channel = ?1)");
	static const char by_channel[] = ROWS_WHERE("channel = ?1 AND ?5 IS NULL");
	static const char all[] = ROWS_WHERE("?1 IS NULL AND ?5 IS NULL");
	struct query *job = (struct query *)j;
	const struct db_outbox_query *q = &job->q;

	return sql_json(&db->sql, &job->json.rows, q->alert ? by_alert : q->channel ? by_channel : all,
		SQL_ARGS(sql_text(q->channel), sql_text(q->state), sql_int(q->limit), sql_int(GONE_MS), sql_text(q->alert), sql_int(q->before)));
}

static const struct job_kind query_kind = {
	.name = "question for deliveries", .run = query_run, .done = job_json_done, .release = job_json_release,
};

void db_outbox_query(struct db *db, const struct db_outbox_query *q, void (*done)(void *user, const char *rows), void *user)
{
	struct query *job = job_json_new(db, sizeof *job, &query_kind, done, user);

	job->q = *q;
	job->q.channel = job_copy(&job->json.job.given, q->channel);
	job->q.state = job_copy(&job->json.job.given, q->state);
	job->q.alert = job_copy(&job->json.job.given, q->alert);
	if (!q->limit || q->limit > LIMIT_DB_ROWS)
		job->q.limit = LIMIT_DB_ROWS;
	job_submit(&job->json.job);
}
