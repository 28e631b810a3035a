/* audit.c: who did what. */
#include "base/clock.h"
#include "base/limits.h"
#include "db/inner.h"

struct entry {
	struct job job;
	int64_t t_ms;
	const char *who, *role, *action, *detail;
};

static int entry_run(struct db *db, struct job *j)
{
	static const char text[] = "INSERT INTO audit (t_ms, who, role, action, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
	struct entry *e = (struct entry *)j;

	return sql_run(&db->sql, text,
		SQL_ARGS(sql_int(e->t_ms), sql_text(e->who), sql_text(e->role), sql_text(e->action), sql_text(e->detail)));
}

/* Not kept beyond the ceiling: clients cause them. */
static const struct job_kind entry_kind = {.name = "audit row", .writes = true, .run = entry_run};

void db_audit(struct db *db, const char *who, const char *role, const char *action, const char *detail)
{
	struct entry *e = job_new(db, sizeof *e, &entry_kind);

	e->t_ms = clock_wall_ms();
	e->who = job_copy(&e->job.given, who);
	e->role = job_copy(&e->job.given, role);
	e->action = job_copy(&e->job.given, action);
	e->detail = job_copy(&e->job.given, detail);
	job_submit(&e->job);
}

struct query {
	struct job_json json;
	uint32_t limit;
};

static int query_run(struct db *db, struct job *j)
{
	static const char text[] = "SELECT t_ms AS timestamp, who, role, action, detail FROM audit ORDER BY seq DESC LIMIT ?1";
	struct query *q = (struct query *)j;

	return sql_json(&db->sql, &q->json.rows, text, SQL_ARGS(sql_int(q->limit)));
}

static const struct job_kind query_kind = {
	.name = "question for audit rows", .run = query_run, .done = job_json_done, .release = job_json_release,
};

void db_audit_query(struct db *db, uint32_t limit, void (*done)(void *user, const char *rows), void *user)
{
	struct query *q = job_json_new(db, sizeof *q, &query_kind, done, user);

	q->limit = limit && limit < LIMIT_DB_ROWS ? limit : LIMIT_DB_ROWS;
	job_submit(&q->json.job);
}
