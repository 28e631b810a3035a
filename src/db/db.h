/* db.h: the thread that owns SQLite, and what is kept there.
 *
 * Work is handed over and done in order; an answer comes back on the loop through loop_post(). Nothing of SQL shows outside
 * this folder. A write that fails (disk full) is tried again with growing waits, in order, so that nothing that was handed over is lost
 * while the process lives; db_trouble() says so meanwhile, and questions are answered from what is on disk. Strings are copied when they
 * are handed over, and borrowed for the call when they come back.
 *
 * Everything is for the loop's thread where nothing else is said. Changes of alerts, outcomes of messages and silences are always kept;
 * beyond LIMIT_DB_QUEUE waiting questions are answered with nothing (NULL, 0, false), and audit rows are lost and counted in the log. */
#ifndef DB_DB_H
#define DB_DB_H

#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

/* Opens or makes DIR/vedette.db (0600; DIR exists), brings its schema up to date (schema/NNN_*.sql by user_version), starts the thread. 0
 * or -errno with a sentence in why: -ENOTSUP, a database of a later version; -EBADMSG, a damaged one or something else; neither is changed.
 * l NULL: no thread; then there are only the functions that work on the caller's thread, for the command line beside a daemon. */
int db_open(struct db **out, const char *dir, struct loop *l, char *why, size_t why_size);
/* Finishes what was handed over (at most 5 s when it fails), joins. Every answer is given before it returns, save the done of a change
 * that could not be written. Not from within an answer; before loop_free(), which frees the last of it. NULL: nothing. */
void db_close(struct db *db);
bool db_trouble(struct db *db, char *why, size_t size); /* does it fail now? any thread */
uint64_t db_bytes(struct db *db);                       /* on disk, as of the last 5 s; any thread */

/* --- alerts: present state and every change --- */

struct db_alert {
	const char *id, *rule, *type, *metric, *series, *severity, *state, *summary, *by, *note;
	double value, threshold;
	int64_t starts_ms, ends_ms, changed_ms;
	const char *labels, *runbook;  /* labels: a JSON object; NULL: not known */
	int64_t acked_ms;              /* 0: nobody acknowledged it. Also while by and note are those of a silence */
	const char *ack_by, *ack_note;
	bool untold;                   /* channels do not know of it yet */
	const char *told;              /* channels that heard of it, a JSON array; NULL: none */
	bool flapping, inhibited;
	int64_t silenced_ms;           /* silenced until then; 0: not, or until it is resolved */
};
/* A message for a channel, written in the same transaction as the change that it tells. */
struct db_message {
	const char *channel, *message_id, *body, *content_type;
};
/* done (may be NULL) is called on the loop once it is on disk. a NULL: messages of no alert (a test). A change is known by id, changed_ms and
 * state, a message by message_id and channel: what is there already is not there twice. NaN: unknown. */
void db_alert_change(struct db *db, const struct db_alert *a, const struct db_message *messages, size_t n,
                     void (*done)(void *user), void *user);

/* At start, as it is on disk: on the caller's thread, before it returns. */
void db_alerts_open(struct db *db, void (*fn)(void *user, const struct db_alert *a), void *user); /* not resolved */

struct db_alerts_query {
	const char *state, *rule, *id; /* NULL: any */
	int64_t from_ms, to_ms;        /* to 0: no end. Alerts that lasted into that time, or changes that happened in it */
	uint32_t limit;                /* 1…1000 */
	bool changes;                  /* every change instead of each alert's last state */
};
/* rows: a JSON array of objects as in API.md (timestamp: of the change; endsAt null while it lasts), the latest to start or to change first. labels: {} where
 * they were not kept. */
void db_alerts_query(struct db *db, const struct db_alerts_query *q, void (*done)(void *user, const char *rows), void *user);

/* --- silences --- */

struct db_silence {
	const char *id, *matcher, *by, *note;
	int64_t from_ms, until_ms;
	const char *alert;             /* it covers this one alone; NULL: whatever matches */
};
void db_silence_save(struct db *db, const struct db_silence *s); /* an id that exists is replaced */
void db_silences_open(struct db *db, int64_t now_ms, void (*fn)(void *user, const struct db_silence *s), void *user); /* at start */

/* --- the outbox --- */

struct db_delivery {
	int64_t id;
	const char *channel, *message_id, *alert_id, *body, *content_type;
	uint32_t attempts;
	int64_t since_ms, next_ms;     /* since: when it was put in line */
};
/* The messages of a channel that wait, oldest first, at most max; done on the loop. In order for each alert: only the
 * oldest undelivered message of an alert is given, again and again until its result is there: who asks knows what is under way. While
 * results cannot be written the answer waits, so that nothing is sent over and over. Nothing while the channel is held. attempts: since it
 * was put in line. */
void db_outbox_due(struct db *db, const char *channel, int64_t now_ms, uint32_t max,
                   void (*done)(void *user, const struct db_delivery *d, size_t n), void *user);
/* outcome "delivered", "retry" (next_ms), "held" (likewise, and nothing of its channel before), "dead", or "cut short": to be tried
 * again, and the channel is not to blame. */
void db_outbox_result(struct db *db, int64_t id, const char *outcome, int64_t next_ms, int status, const char *error,
                      void (*done)(void *user), void *user);
void db_outbox_hurry(struct db *db, const char *channel); /* what waits there is due now; if the channel is held, after that */
/* The clock was set back by so much: what was put off, and channels that are held, wait as long as they would have. */
void db_outbox_set_back(struct db *db, int64_t by_ms);
/* At once; also a dead or delivered one. done: what it was; channel NULL: there is none of that number. */
void db_outbox_resend(struct db *db, int64_t id, void (*done)(void *user, const char *channel, const char *alert), void *user);
/* All that this channel gave up, at most so many, the oldest first. done: how many, and how many are left. */
void db_outbox_resend_dead(struct db *db, const char *channel, uint32_t most, void (*done)(void *user, uint32_t sent, uint32_t left), void *user);

struct db_outbox_query {
	const char *channel, *state, *alert; /* NULL: any; state: waiting, delivered, dead */
	int64_t before;                /* those with a lower number, for pages; 0: all */
	uint32_t limit;                /* 1…1000 */
};
void db_outbox_query(struct db *db, const struct db_outbox_query *q, void (*done)(void *user, const char *rows), void *user);

/* rows: newest first, [{id, channel, message_id, alert, state, attempts, status, last_error, created, next, finished, bytes, gone, until}];
 * alert null: of none; status: of the last answer, or null; next: while it waits; finished: once delivered or dead; gone: since when the
 * configuration does not hold the channel that it waits for, and until when it waits for that. */

/* How a channel does: what came of its last attempt, test or not, and what is in the outbox for it. */
struct db_channel {
	const char *name, *error;      /* error: of the last attempt, while it fails */
	int64_t since_ms, ok_ms;       /* fails since, last delivered; 0: it does not, never */
	uint32_t waiting, dead;
};
/* done: all that something was ever sent to, by name; at NULL: it could not be read. */
void db_channels(struct db *db, void (*done)(void *user, const struct db_channel *at, size_t n), void *user);
void db_channel_tested(struct db *db, const char *channel, const char *error); /* error NULL: it arrived */

/* A channel that messages wait for and the configuration does not hold. */
struct db_gone {
	const char *channel;
	int64_t since_ms, until_ms;    /* then its messages are given up */
	uint32_t waiting;
	bool given_up;                 /* they were, now */
};
/* names: the channels that the configuration holds. done, unless that could not be written: the others, by name. Asked at start, after a
 * reload, after a resend and now and then: who is missing at two questions seven days apart, and at those between, is given up. */
void db_outbox_gone(struct db *db, const char *const *names, size_t n, int64_t now_ms,
                    void (*done)(void *user, const struct db_gone *at, size_t n), void *user);

/* --- who did what --- */

void db_audit(struct db *db, const char *who, const char *role, const char *action, const char *detail);
/* rows: newest first, [{timestamp, who, role, action, detail}] */
void db_audit_query(struct db *db, uint32_t limit, void (*done)(void *user, const char *rows), void *user);

/* --- tokens: only a hash is kept --- */

/* secret: set to the token (vdt_…), shown once; its hash is SHA-256 of that text. These three on the caller's thread (the command line's),
 * which may wait 5 s for other writers; 0 or -errno: -EEXIST, -ENOENT, -ENOSPC, -EBUSY … */
int db_token_add(struct db *db, const char *name, const char *role, char secret[64]);
int db_token_revoke(struct db *db, const char *name);
int db_token_list(struct db *db, void (*fn)(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms), void *user);
void db_token_used(struct db *db, const char *name, int64_t now_ms); /* written once a minute at most */
/* All tokens' hashes, so that the loop can check one without asking: called on the loop at start and after each change that this or
 * another process made (checked every second): begin (may be NULL), then each token. */
typedef void db_token_fn(void *user, const char *name, const char *role, const unsigned char hash[32]);
void db_on_tokens(struct db *db, void (*begin)(void *user), db_token_fn *each, void *user);

#endif
