/* channels.c: how channels do: what came of the last attempt of each, and how much waits or was given up. */
#include "base/clock.h"
#include "db/inner.h"
#include "db/outbox.h"

#define MOST 1000 /* channels that are told of */

int channel_tried(struct sql *s, int64_t message, const char *channel, const char *error, int64_t now_ms)
{
	/* A message that is gone since tells nothing. */
	static const char text[] =
		"INSERT INTO channel_states (channel, ok_ms, since_ms, error) SELECT name, iif(?3 IS NULL, ?4, NULL), iif(?3 IS NULL, NULL, ?4), ?3"
		" FROM (SELECT coalesce(?2, (SELECT channel FROM outbox WHERE id = ?1)) AS name) WHERE name IS NOT NULL"
		" ON CONFLICT (channel) DO UPDATE SET ok_ms = coalesce(excluded.ok_ms, ok_ms), error = excluded.error,"
		" since_ms = iif(excluded.since_ms IS NULL, NULL, coalesce(since_ms, excluded.since_ms))";

	return sql_run(s, text, SQL_ARGS(sql_int(message), sql_text(channel), sql_text(error), sql_int(now_ms)));
}

/* ---- a test ---- */

struct tested {
	struct job job;
	const char *channel, *error;
	int64_t now_ms;
};

static int tested_run(struct db *db, struct job *j)
{
	struct tested *t = (struct tested *)j;

	return channel_tried(&db->sql, 0, t->channel, t->error, t->now_ms);
}

static const struct job_kind tested_kind = {.name = "outcome of a test", .writes = true, .run = tested_run};

void db_channel_tested(struct db *db, const char *channel, const char *error)
{
	struct tested *t = job_new(db, sizeof *t, &tested_kind);

	t->channel = job_copy(&t->job.given, channel);
	t->error = job_copy(&t->job.given, error);
	t->now_ms = clock_wall_ms();
	job_submit(&t->job);
}

/* ---- all of them ---- */

struct listing {
	struct job job;
	struct db_channel *at; /* made */
	size_t n;
	void (*done)(void *user, const struct db_channel *at, size_t n);
	void *user;
};

static void take_channel(void *user, sqlite3_stmt *row)
{
	struct listing *l = user;

	l->at[l->n++] = (struct db_channel){
		.name = job_copy(&l->job.made, sql_column(row, 0)),
		.since_ms = sqlite3_column_int64(row, 1),
		.ok_ms = sqlite3_column_int64(row, 2),
		.error = job_copy(&l->job.made, sql_column(row, 3)),
		.waiting = (uint32_t)sqlite3_column_int64(row, 4),
		.dead = (uint32_t)sqlite3_column_int64(row, 5),
	};
}

static int list_run(struct db *db, struct job *j)
{
	static const char text[] =
		"SELECT channel, max(since), max(ok), max(error), sum(waiting), sum(dead) FROM ("
		" SELECT channel, since_ms AS since, ok_ms AS ok, error, 0 AS waiting, 0 AS dead FROM channel_states UNION ALL"
		" SELECT channel, NULL, NULL, NULL, sum(state = 'waiting'), sum(state = 'dead') FROM outbox WHERE state <> 'delivered' GROUP BY channel)"
		" GROUP BY channel ORDER BY channel LIMIT ?1";
	struct listing *l = (struct listing *)j;

	l->n = 0;
	l->at = job_alloc(&j->made, MOST * sizeof *l->at);
	return sql_rows(&db->sql, text, take_channel, l, SQL_ARGS(sql_int(MOST)));
}

static void list_done(struct job *j)
{
	struct listing *l = (struct listing *)j;

	l->done(l->user, j->failed ? NULL : l->at, j->failed ? 0 : l->n);
}

static const struct job_kind list_kind = {.name = "question for channels", .run = list_run, .done = list_done};

void db_channels(struct db *db, void (*done)(void *user, const struct db_channel *at, size_t n), void *user)
{
	struct listing *l = job_new(db, sizeof *l, &list_kind);

	l->done = done;
	l->user = user;
	job_submit(&l->job);
}
