/* db.h: the thread that owns SQLite, and what is kept there.
 *
 * Work is handed over and done in order; an answer comes back on the loop through loop_post(). Nothing of SQL shows outside
 * this folder. A write that fails (disk full) is tried again with growing waits, in order, so that nothing that was handed over is lost
 * while the process lives; db_trouble() says so meanwhile. Strings are copied when they are handed over. */
#ifndef DB_DB_H
#define DB_DB_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

/* Opens or makes DIR/vedette.db, brings its schema up to date (schema/NNN_*.sql by user_version), starts the thread. 0 or -errno with a
 * sentence in why. A database of a later version is refused, not changed. */
int db_open(struct db **out, const char *dir, struct loop *l, char *why, size_t why_size);
void db_close(struct db *db); /* finishes what was handed over (at most 5 s when it fails), joins */
bool db_trouble(struct db *db, char *why, size_t size); /* does it fail now? any thread */
uint64_t db_bytes(struct db *db);                       /* on disk; any thread */

/* --- alerts: present state and every change --- */

struct db_alert {
	const char *id, *rule, *type, *metric, *series, *severity, *state, *summary, *by, *note;
	double value, threshold;
	int64_t starts_ms, ends_ms, changed_ms;
};
/* A message for a channel, written in the same transaction as the change that it tells. */
struct db_message {
	const char *channel, *message_id, *body, *content_type;
};
/* done (may be NULL) is called on the loop once it is on disk. */
void db_alert_change(struct db *db, const struct db_alert *a, const struct db_message *messages, size_t n,
                     void (*done)(void *user), void *user);

/* At start, before the thread is busy: on the caller's thread. */
void db_alerts_open(struct db *db, void (*fn)(void *user, const struct db_alert *a), void *user); /* not resolved */

struct db_alerts_query {
	const char *state, *rule, *id; /* NULL: any */
	int64_t from_ms, to_ms;        /* to 0: now */
	uint32_t limit;                /* 1…1000 */
	bool changes;                  /* every change instead of each alert's last state */
};
/* rows: a JSON array of objects as in API.md, newest first; valid for the call, on the loop. */
void db_alerts_query(struct db *db, const struct db_alerts_query *q, void (*done)(void *user, const char *rows), void *user);

/* --- silences --- */

struct db_silence {
	const char *id, *matcher, *by, *note;
	int64_t from_ms, until_ms;
};
void db_silence_save(struct db *db, const struct db_silence *s);
void db_silences_open(struct db *db, int64_t now_ms, void (*fn)(void *user, const struct db_silence *s), void *user); /* at start */

/* --- the outbox --- */

struct db_delivery {
	int64_t id;
	const char *channel, *message_id, *alert_id, *body, *content_type;
	uint32_t attempts;
	int64_t created_ms, next_ms;
};
/* The messages of a channel that wait, oldest first, at most max; done on the loop. In order for each alert: only the
 * oldest undelivered message of an alert is given. */
void db_outbox_due(struct db *db, const char *channel, int64_t now_ms, uint32_t max,
                   void (*done)(void *user, const struct db_delivery *d, size_t n), void *user);
/* outcome "delivered", "retry" (next_ms) or "dead". */
void db_outbox_result(struct db *db, int64_t id, const char *outcome, int64_t next_ms, int status, const char *error,
                      void (*done)(void *user), void *user);
void db_outbox_resend(struct db *db, int64_t id, void (*done)(void *user, bool found), void *user); /* also a dead or delivered one */
void db_outbox_query(struct db *db, const char *channel, const char *state, uint32_t limit,
                     void (*done)(void *user, const char *rows), void *user); /* a JSON array: id, channel, alert, state, attempts, last_error, … */

/* --- who did what --- */

void db_audit(struct db *db, const char *who, const char *role, const char *action, const char *detail);
void db_audit_query(struct db *db, uint32_t limit, void (*done)(void *user, const char *rows), void *user);

/* --- tokens: only a hash is kept --- */

/* secret: set to the token, shown once. On the caller's thread (the command line's). 0, -EEXIST. */
int db_token_add(struct db *db, const char *name, const char *role, char secret[64]);
int db_token_revoke(struct db *db, const char *name); /* 0, -ENOENT */
void db_token_list(struct db *db, void (*fn)(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms), void *user);
/* All tokens' hashes, so that the loop can check one without asking: called on the loop at start and after each change that this or
 * another process made (checked every 5 s). */
typedef void db_token_fn(void *user, const char *name, const char *role, const unsigned char hash[32]);
void db_on_tokens(struct db *db, void (*begin)(void *user), db_token_fn *each, void *user);

#endif
