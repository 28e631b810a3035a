/* prune.c: forgets what is old, a few rows at a time, so that nobody waits long for the lock. */
#include "base/log.h"
#include "db/inner.h"

#define KEEP_MS (INT64_C(90) * 24 * 60 * 60 * 1000)
#define ROWS 200

/* ?1: what is older goes; ?2: rows of a step. Changes go with their alert. What waits to be delivered is never too old. */
static const char *const steps[] = {
	"DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE state = 'resolved' AND changed_ms < ?1 LIMIT ?2)",
	"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state <> 'waiting' AND finished_ms < ?1 LIMIT ?2)",
	"DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE t_ms < ?1 LIMIT ?2)",
	"DELETE FROM silences WHERE id IN (SELECT id FROM silences WHERE until_ms < ?1 LIMIT ?2)",
	("DELETE FROM channel_states WHERE channel IN (SELECT channel FROM channel_states WHERE max(coalesce(ok_ms, 0), coalesce(since_ms, 0)) < ?1"
	" AND channel NOT IN (SELECT channel FROM outbox WHERE state <> 'delivered') LIMIT ?2)"),
};

#define STEPS (sizeof steps / sizeof *steps)

bool prune_step(struct db *db, int64_t now_ms)
{
	int rc = sql_begin(&db->sql, true), n = 0;

	if (!rc)
		rc = sql_run(&db->sql, steps[db->prune_step], SQL_ARGS(sql_int(now_ms - KEEP_MS), sql_int(ROWS)));
	if (!rc) {
		n = sql_changes(&db->sql);
		rc = sql_commit(&db->sql);
	}
	if (rc) {
		log_debug("db: cannot forget what is old: %s", sql_said(&db->sql));
		sql_rollback(&db->sql);
		db->prune_step = 0;
		return false; /* in an hour */
	}
	if (n < ROWS)
		db->prune_step = (db->prune_step + 1) % STEPS;
	return n == ROWS || db->prune_step;
}
