/* sql.h: a connection to SQLite with its statements kept, and parameters that know their type.
 *
 * One thread at a time owns a connection. Functions return SQLite's result
 * codes, SQLITE_OK or an error; sql_errno() makes an errno of them. A statement
 * is known by the address of its text, which therefore is a constant that lives
 * for ever; it is compiled once for each connection. */
#ifndef DB_SQL_H
#define DB_SQL_H

#include "base/buf.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQL_KEPT 64 /* different statements of one connection */

struct sql {
	sqlite3 *handle; /* NULL when closed */
	struct {
		const char *text;
		sqlite3_stmt *stmt;
	} kept[SQL_KEPT];
	size_t nkept;
	int busy_ms; /* how long a call waits for other processes that write, before it fails with SQLITE_BUSY */
	int64_t busy_until_ms;
};

/* The file must exist. s stays where it is until it is closed; on an error it is closed. */
int sql_open(struct sql *s, const char *path, int busy_ms);
void sql_close(struct sql *s);                              /* nothing when closed */

int sql_errno(const struct sql *s, int rc); /* -errno; 0 for SQLITE_OK */
const char *sql_said(const struct sql *s); /* the last error in words; valid until the next call */
/* Is it the state of the disk or of other users, so that the same may succeed later? */
bool sql_may_pass(int rc);

/* --- parameters --- */

struct sql_arg {
	enum { SQL_TEXT, SQL_INT, SQL_REAL, SQL_BLOB } kind;
	const void *p; /* borrowed until the call returns */
	size_t n;
	int64_t i;
	double d;
};
static inline struct sql_arg sql_text(const char *s) /* NULL gives NULL */
{
	return (struct sql_arg){.kind = SQL_TEXT, .p = s};
}
static inline struct sql_arg sql_int(int64_t i)
{
	return (struct sql_arg){.kind = SQL_INT, .i = i};
}
static inline struct sql_arg sql_real(double d) /* NaN gives NULL */
{
	return (struct sql_arg){.kind = SQL_REAL, .d = d};
}
static inline struct sql_arg sql_blob(const void *p, size_t n)
{
	return (struct sql_arg){.kind = SQL_BLOB, .p = p, .n = n};
}
/* A list of them, as the last argument of what follows. */
#define SQL_ARGS(...) \
	(const struct sql_arg[]){__VA_ARGS__}, sizeof((const struct sql_arg[]){__VA_ARGS__}) / sizeof(struct sql_arg)
#define SQL_NO_ARGS NULL, 0

/* --- running --- */

int sql_run(struct sql *s, const char *text, const struct sql_arg *args, size_t n);
int sql_changes(const struct sql *s); /* rows that the last one changed */

typedef void sql_row_fn(void *user, sqlite3_stmt *row);
int sql_rows(struct sql *s, const char *text, sql_row_fn *fn, void *user, const struct sql_arg *args, size_t n);
const char *sql_column(sqlite3_stmt *row, int i); /* text; NULL for NULL; valid until the next row */
double sql_column_real(sqlite3_stmt *row, int i); /* NaN for NULL */

/* All rows as a JSON array of objects, whose members are named as the columns are; a BLOB is JSON text. Past LIMIT_DB_ANSWER_BYTES the rest is left out. */
int sql_json(struct sql *s, struct buf *out, const char *text, const struct sql_arg *args, size_t n);

/* --- transactions --- */

int sql_begin(struct sql *s, bool writes);
int sql_commit(struct sql *s);
void sql_rollback(struct sql *s); /* nothing when there is none */

#endif
