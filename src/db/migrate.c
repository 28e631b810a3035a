/* migrate.c: schema/NNN_*.sql, applied in order to a database whose user_version is lower. */
#include "db/migrate.h"

#include "base/clock.h"
#include "base/log.h"
#include "db/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 5000
#define AGAIN_US 20000

static void take_int(void *user, sqlite3_stmt *row)
{
	*(int *)user = sqlite3_column_int(row, 0);
}

static int read_version(struct sql *s, int *version)
{
	static const char text[] = "PRAGMA user_version";

	return sql_rows(s, text, take_int, version, SQL_NO_ARGS);
}

/* Changing the mode wants the file alone, and SQLite does not wait for that by itself. */
static int to_wal(struct sql *s)
{
	int64_t until = clock_mono_ms() + BUSY_MS;
	int rc;

	while ((rc = sqlite3_exec(s->handle, "PRAGMA journal_mode=WAL", NULL, NULL, NULL)) == SQLITE_BUSY && clock_mono_ms() < until)
		usleep(AGAIN_US);
	return rc;
}

static int apply(struct sql *s, const struct schema_step *step)
{
	char set[48];
	int rc = sqlite3_exec(s->handle, step->text, NULL, NULL, NULL);

	if (rc) {
		log_error("db: schema/%s: %s", step->name, sql_said(s));
		return rc;
	}
	snprintf(set, sizeof set, "PRAGMA user_version=%d", step->version);
	return sqlite3_exec(s->handle, set, NULL, NULL, NULL);
}

static int keep_foreign(struct sql *s, bool on)
{
	return sqlite3_exec(s->handle, on ? "PRAGMA foreign_keys=ON" : "PRAGMA foreign_keys=OFF", NULL, NULL, NULL);
}

/* All in one transaction: a crash leaves the old version or the new one. Foreign keys are not enforced meanwhile, so that a step can
 * make a table anew. */
static int bring_up(struct sql *s)
{
	int version = 0, rc = keep_foreign(s, false);

	if (!rc)
		rc = sql_begin(s, true);

	if (!rc)
		rc = read_version(s, &version); /* again: another process may have been quicker */
	for (size_t i = 0; !rc && i < schema_len; i++)
		if (schema_steps[i].version > version)
			rc = apply(s, &schema_steps[i]);
	if (!rc)
		rc = sql_commit(s);
	if (!rc)
		rc = keep_foreign(s, true);
	return rc;
}

void migrate_refuse(int err, const char *said, char *why, size_t size)
{
	if (err == -EBADMSG)
		snprintf(why, size, "is damaged, or not a database of SQLite (%s); it was left as it is", said);
	else
		snprintf(why, size, "cannot be used: %s", said);
}

int migrate(struct sql *s, char *why, size_t size)
{
	int known = schema_steps[schema_len - 1].version, version = 0;
	int rc = read_version(s, &version), err;

	if (!rc && version > known) {
		snprintf(why, size, "was made by a later version of Vedette (schema %d; this one knows %d); it was left as it is", version, known);
		return -ENOTSUP;
	}
	if (!rc)
		rc = to_wal(s);
	if (!rc && version < known)
		rc = bring_up(s);
	if (!rc)
		return 0;
	err = sql_errno(s, rc); /* before the rollback has an opinion of its own */
	migrate_refuse(err, sql_said(s), why, size);
	sql_rollback(s);
	return err;
}

/* --- is it whole? --- */

static int out_of_time(void *until)
{
	return clock_mono_ms() > *(const int64_t *)until;
}

struct verdict {
	char *why;
	size_t size;
};

static void take_verdict(void *user, sqlite3_stmt *row)
{
	struct verdict *v = user;
	const char *text = sql_column(row, 0);

	if (text && strcmp(text, "ok") != 0)
		snprintf(v->why, v->size, "is damaged (%s); it was left as it is", text);
}

bool migrate_check(struct sql *s, int most_ms, char *why, size_t size)
{
	static const char text[] = "PRAGMA quick_check(1)";
	int64_t until = clock_mono_ms() + most_ms;
	int rc;

	*why = '\0';
	sqlite3_progress_handler(s->handle, 10000, out_of_time, &until);
	rc = sql_rows(s, text, take_verdict, &(struct verdict){why, size}, SQL_NO_ARGS);
	sqlite3_progress_handler(s->handle, 0, NULL, NULL);
	if (sql_errno(s, rc) == -EBADMSG)
		migrate_refuse(-EBADMSG, sql_said(s), why, size);
	return *why == '\0';
}
