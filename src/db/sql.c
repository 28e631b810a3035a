/* sql.c: a connection to SQLite with its statements kept. */
#include "db/sql.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* --- waiting for others who write --- */

#define BUSY_POLL_US 1000

/* SQLite's own handler soon waits 100 ms between its tries. Beside someone who commits all the time, and so leaves the lock for
 * moments only, it meets none of them for seconds; tries this close together do. */
static int wait_for_others(void *arg, int tries)
{
	struct sql *s = arg;

	if (tries == 0)
		s->busy_until_ms = clock_mono_ms() + s->busy_ms;
	if (clock_mono_ms() >= s->busy_until_ms)
		return 0;
	usleep(BUSY_POLL_US);
	return 1;
}

/* --- birth and death --- */

int sql_open(struct sql *s, const char *path, int busy_ms)
{
	int rc;

	*s = (struct sql){.busy_ms = busy_ms};
	rc = sqlite3_open_v2(path, &s->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (!rc)
		rc = sqlite3_extended_result_codes(s->handle, 1);
	if (!rc)
		rc = sqlite3_busy_handler(s->handle, wait_for_others, s);
	/* FULL: a commit in WAL mode is on the disk when it returns, also when the power goes. */
	if (!rc)
		rc = sqlite3_exec(s->handle, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF", NULL, NULL, NULL);
	if (rc)
		sql_close(s);
	return rc;
}

void sql_close(struct sql *s)
{
	for (size_t i = 0; i < s->nkept; i++)
		sqlite3_finalize(s->kept[i].stmt);
	sqlite3_close(s->handle);
	*s = (struct sql){0};
}

/* --- errors --- */

static const struct cause {
	int rc; /* primary */
	int err;
	bool passes;
} causes[] = {
	{SQLITE_FULL, ENOSPC, true},
	{SQLITE_IOERR, EIO, true},
	{SQLITE_BUSY, EBUSY, true},
	{SQLITE_LOCKED, EBUSY, true},
	{SQLITE_PROTOCOL, EBUSY, true},
	{SQLITE_NOMEM, ENOMEM, true},
	{SQLITE_READONLY, EROFS, true},
	{SQLITE_CANTOPEN, EACCES, true},
	{SQLITE_PERM, EACCES, true},
	{SQLITE_AUTH, EACCES, true},
	{SQLITE_CORRUPT, EBADMSG, true}, /* what was handed over stays at least in memory */
	{SQLITE_NOTADB, EBADMSG, true},
	{SQLITE_SCHEMA, EBUSY, true},
	{SQLITE_INTERRUPT, EINTR, true},
	{SQLITE_CONSTRAINT, EEXIST, false},
};

static const struct cause *cause_of(int rc)
{
	static const struct cause other = {0, EIO, false};

	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
		if (causes[i].rc == (rc & 0xff))
			return &causes[i];
	return &other;
}

int sql_errno(const struct sql *s, int rc)
{
	int err = s->handle ? sqlite3_system_errno(s->handle) : 0;

	if (rc == SQLITE_OK)
		return 0;
	if ((rc & 0xff) == SQLITE_CANTOPEN && err)
		return -err;
	return -cause_of(rc)->err;
}

const char *sql_said(const struct sql *s)
{
	return sqlite3_errmsg(s->handle);
}

bool sql_may_pass(int rc)
{
	return cause_of(rc)->passes;
}

/* --- statements --- */

static int prepare(struct sql *s, const char *text, sqlite3_stmt **out)
{
	int rc;

	for (size_t i = 0; i < s->nkept; i++)
		if (s->kept[i].text == text) {
			*out = s->kept[i].stmt;
			return SQLITE_OK;
		}
	assert(s->nkept < SQL_KEPT);
	rc = sqlite3_prepare_v3(s->handle, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
	if (rc)
		return rc;
	s->kept[s->nkept].text = text;
	s->kept[s->nkept++].stmt = *out;
	return SQLITE_OK;
}

static int bind(sqlite3_stmt *stmt, int at, const struct sql_arg *a)
{
	switch (a->kind) {
	case SQL_TEXT:
		return sqlite3_bind_text(stmt, at, a->p, -1, SQLITE_STATIC);
	case SQL_INT:
		return sqlite3_bind_int64(stmt, at, a->i);
	case SQL_REAL:
		return sqlite3_bind_double(stmt, at, a->d);
	case SQL_BLOB:
		return sqlite3_bind_blob64(stmt, at, a->p, a->n, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

int sql_rows(struct sql *s, const char *text, sql_row_fn *fn, void *user, const struct sql_arg *args, size_t n)
{
	sqlite3_stmt *stmt;
	int rc = prepare(s, text, &stmt);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < n; i++)
		rc = bind(stmt, (int)i + 1, &args[i]);
	if (!rc)
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
			if (fn)
				fn(user, stmt);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt); /* they borrow from the caller */
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sql_run(struct sql *s, const char *text, const struct sql_arg *args, size_t n)
{
	return sql_rows(s, text, NULL, NULL, args, n);
}

int sql_changes(const struct sql *s)
{
	return sqlite3_changes(s->handle);
}

/* --- results --- */

const char *sql_column(sqlite3_stmt *row, int i)
{
	return (const char *)sqlite3_column_text(row, i);
}

double sql_column_real(sqlite3_stmt *row, int i)
{
	return sqlite3_column_type(row, i) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, i);
}

static void add_value(struct buf *out, sqlite3_stmt *row, int i)
{
	switch (sqlite3_column_type(row, i)) {
	case SQLITE_INTEGER:
		buf_addi(out, sqlite3_column_int64(row, i));
		break;
	case SQLITE_FLOAT:
		json_add_number(out, sqlite3_column_double(row, i));
		break;
	case SQLITE_BLOB:
		buf_add(out, sqlite3_column_blob(row, i), (size_t)sqlite3_column_bytes(row, i));
		break;
	default:
		json_add_str(out, sql_column(row, i));
	}
}

static void add_object(void *user, sqlite3_stmt *row)
{
	struct buf *out = user;

	if (out->len > LIMIT_DB_ANSWER_BYTES)
		return;
	buf_addc(out, out->len > 1 ? ',' : '[');
	for (int i = 0; i < sqlite3_column_count(row); i++) {
		buf_addc(out, i ? ',' : '{');
		json_add_str(out, sqlite3_column_name(row, i));
		buf_addc(out, ':');
		add_value(out, row, i);
	}
	buf_addc(out, '}');
}

int sql_json(struct sql *s, struct buf *out, const char *text, const struct sql_arg *args, size_t n)
{
	int rc;

	buf_reset(out);
	rc = sql_rows(s, text, add_object, out, args, n);
	if (rc)
		buf_reset(out);
	buf_adds(out, out->len ? "]" : "[]");
	return rc;
}

/* --- transactions --- */

int sql_begin(struct sql *s, bool writes)
{
	/* IMMEDIATE: to wait for the lock now, for a reading transaction that wants to write later cannot wait. */
	static const char reading[] = "BEGIN", writing[] = "BEGIN IMMEDIATE";

	return sql_run(s, writes ? writing : reading, SQL_NO_ARGS);
}

int sql_commit(struct sql *s)
{
	static const char text[] = "COMMIT";

	return sql_run(s, text, SQL_NO_ARGS);
}

void sql_rollback(struct sql *s)
{
	static const char text[] = "ROLLBACK";

	if (!sqlite3_get_autocommit(s->handle))
		sql_run(s, text, SQL_NO_ARGS);
}
