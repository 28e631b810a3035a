/* tokens.c: who may come in. A token is 32 random bytes; only its SHA-256 is kept, which suffices since nobody guesses 256 bits. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "db/inner.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_BYTES 32
#define PREFIX "vdt_" /* so that scanners for leaked secrets know it */
#define USED_EVERY_MS 60000

/* ---- the command line's, on the caller's thread ---- */

static void hash_of(const char *secret, unsigned char out[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(secret), (const uint8_t *)secret);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, out);
}

static void look_soon(struct db *db, bool tell)
{
	pthread_mutex_lock(&db->lock);
	{
		db->look_at_tokens = true;
		db->tell_tokens |= tell;
	}
	pthread_mutex_unlock(&db->lock);
	pthread_cond_signal(&db->more);
}

/* One statement, a transaction by itself. changed: how many rows it changed. */
static int visit_run(struct db *db, const char *text, const struct sql_arg *args, size_t n, int *changed)
{
	struct sql s;
	int rc = db_visit(db, &s), err;

	if (!rc)
		rc = sql_run(&s, text, args, n);
	err = sql_errno(&s, rc);
	*changed = rc ? 0 : sql_changes(&s);
	sql_close(&s);
	if (!rc)
		look_soon(db, false);
	return err;
}

int db_token_add(struct db *db, const char *name, const char *role, char secret[64])
{
	static const char text[] = "INSERT INTO tokens (name, role, hash, created_ms, used_ms) VALUES (?1, ?2, ?3, ?4, 0)";
	unsigned char bytes[SECRET_BYTES], hash[SHA256_DIGEST_SIZE];
	char made[64] = PREFIX;
	int changed, err;
	size_t n;

	random_bytes(bytes, sizeof bytes);
	n = base64_encode(made + strlen(PREFIX), bytes, sizeof bytes, BASE64_URL);
	made[strlen(PREFIX) + n] = '\0';
	hash_of(made, hash);
	err = visit_run(db, text,
		SQL_ARGS(sql_text(name), sql_text(role), sql_blob(hash, sizeof hash), sql_int(clock_wall_ms())), &changed);
	if (!err)
		memcpy(secret, made, sizeof made);
	return err;
}

int db_token_revoke(struct db *db, const char *name)
{
	static const char text[] = "DELETE FROM tokens WHERE name = ?1";
	int changed, err = visit_run(db, text, SQL_ARGS(sql_text(name)), &changed);

	return err || changed ? err : -ENOENT;
}

struct lister {
	void (*fn)(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms);
	void *user;
};

static void list_row(void *user, sqlite3_stmt *row)
{
	const struct lister *l = user;

	l->fn(l->user, sql_column(row, 0), sql_column(row, 1), sqlite3_column_int64(row, 2), sqlite3_column_int64(row, 3));
}

int db_token_list(struct db *db, void (*fn)(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms), void *user)
{
	static const char text[] = "SELECT name, role, created_ms, used_ms FROM tokens ORDER BY name";
	struct sql s;
	int rc = db_visit(db, &s), err;

	if (!rc)
		rc = sql_rows(&s, text, list_row, &(struct lister){fn, user}, SQL_NO_ARGS);
	err = sql_errno(&s, rc);
	sql_close(&s);
	return err;
}

/* ---- all of them, for the loop ---- */

struct token {
	struct token *next;
	const char *name, *role;
	unsigned char hash[SHA256_DIGEST_SIZE];
};

struct tokens {
	struct job job;
	struct token *first, **last; /* made */
	struct sha256_ctx digest;
	bool same;             /* as when they were last told */
};

static void take_token(void *user, sqlite3_stmt *row)
{
	struct tokens *t = user;
	struct token *one = job_alloc(&t->job.made, sizeof *one);

	one->name = job_copy(&t->job.made, sql_column(row, 0));
	one->role = job_copy(&t->job.made, sql_column(row, 1));
	memcpy(one->hash, sqlite3_column_blob(row, 2), sizeof one->hash);
	*t->last = one;
	t->last = &one->next;
	sha256_update(&t->digest, strlen(one->name) + 1, (const uint8_t *)one->name);
	sha256_update(&t->digest, strlen(one->role) + 1, (const uint8_t *)one->role);
	sha256_update(&t->digest, sizeof one->hash, one->hash);
}

static int tokens_run(struct db *db, struct job *j)
{
	static const char text[] = "SELECT name, role, hash FROM tokens ORDER BY name";
	struct tokens *t = (struct tokens *)j;
	unsigned char digest[SHA256_DIGEST_SIZE];
	int rc;

	t->first = NULL;
	t->last = &t->first;
	sha256_init(&t->digest);
	rc = sql_rows(&db->sql, text, take_token, t, SQL_NO_ARGS);
	if (rc) {
		tokens_tell_anew(db); /* in a second */
		return rc;
	}
	sha256_digest(&t->digest, sizeof digest, digest);
	t->same = memcmp(digest, db->tokens_digest, sizeof digest) == 0;
	memcpy(db->tokens_digest, digest, sizeof digest);
	return SQLITE_OK;
}

static void tokens_done(struct job *j)
{
	struct tokens *t = (struct tokens *)j;
	struct db *db = j->db;

	if (j->failed || t->same || !db->tokens_each)
		return;
	if (db->tokens_begin)
		db->tokens_begin(db->tokens_user);
	for (const struct token *one = t->first; one; one = one->next)
		db->tokens_each(db->tokens_user, one->name, one->role, one->hash);
}

static const struct job_kind tokens_kind = {.name = "tokens", .kept = true, .run = tokens_run, .done = tokens_done};

static void take_int(void *user, sqlite3_stmt *row)
{
	*(int64_t *)user = sqlite3_column_int64(row, 0);
}

void tokens_tell_anew(struct db *db)
{
	db->tokens_wanted = true;
	db->data_version = 0;
	memset(db->tokens_digest, 0, sizeof db->tokens_digest);
}

void tokens_look(struct db *db)
{
	static const char text[] = "PRAGMA data_version";
	struct tokens *t;
	int64_t version = 0;

	if (!db->tokens_wanted || sql_rows(&db->sql, text, take_int, &version, SQL_NO_ARGS) || version == db->data_version)
		return;
	db->data_version = version;
	t = job_new(db, sizeof *t, &tokens_kind);
	job_submit(&t->job);
}

void db_on_tokens(struct db *db, void (*begin)(void *user), db_token_fn *each, void *user)
{
	db->tokens_begin = begin;
	db->tokens_each = each;
	db->tokens_user = user;
	look_soon(db, true);
}

/* ---- when one was used ---- */

struct use {
	struct job job;
	const char *name;
	int64_t now_ms;
};

static int use_run(struct db *db, struct job *j)
{
	static const char text[] = "UPDATE tokens SET used_ms = ?2 WHERE name = ?1";
	struct use *u = (struct use *)j;

	return sql_run(&db->sql, text, SQL_ARGS(sql_text(u->name), sql_int(u->now_ms)));
}

static const struct job_kind use_kind = {.name = "use of a token", .writes = true, .run = use_run};

void db_token_used(struct db *db, const char *name, int64_t now_ms)
{
	int64_t *last = map_get(&db->used, name, strlen(name));
	struct use *u;

	if (last && now_ms >= *last && now_ms - *last < USED_EVERY_MS)
		return;
	if (!last) {
		last = xmalloc(sizeof *last);
		map_set(&db->used, name, strlen(name), last);
	}
	*last = now_ms;
	u = job_new(db, sizeof *u, &use_kind);
	u->name = job_copy(&u->job.given, name);
	u->now_ms = now_ms;
	job_submit(&u->job);
}

void tokens_forget(struct db *db)
{
	struct map_iter it = map_begin(&db->used);

	for (struct map_entry *e; (e = map_next(&it));)
		free(e->value);
	map_release(&db->used);
}
