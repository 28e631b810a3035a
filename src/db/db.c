/* db.c: the database's file, its thread, and the queue between it and the loop.
 *
 * The thread takes all that waits, does it in one transaction, and tells the loop after the commit. When that fails because the disk
 * is full, or the like, the work stays where it is, in order, and is tried again with growing waits; only readings are answered meanwhile,
 * from what is on disk. */
#include "db/db.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "db/inner.h"
#include "db/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 256          /* jobs of one transaction: other processes want to write, too */
#define BUSY_MS 2000       /* the thread can try again; */
#define BUSY_VISIT_MS 15000 /* the command line cannot */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000
#define CLOSE_MS 5000
#define CHECK_MS 2000
#define TOKENS_EVERY_MS 1000 /* a look at a counter in shared memory */
#define UPKEEP_EVERY_MS 5000
#define PRUNE_EVERY_MS (60 * 60 * 1000)
#define PRUNE_PAUSE_MS 20

/* ---- telling the loop ---- */

static void move_all(struct link *to, struct link *from)
{
	list_each(from, l, after) {
		list_remove(l);
		list_push(to, l);
	}
}

/* On the loop. False: there was nothing. */
static bool deliver_finished(struct db *db)
{
	struct link finished;
	bool any;

	list_init(&finished);
	pthread_mutex_lock(&db->lock);
	{
		db->posted = false;
		move_all(&finished, &db->finished);
	}
	pthread_mutex_unlock(&db->lock);
	any = !list_empty(&finished);
	list_each(&finished, l, after) {
		struct job *j = list_item(l, struct job, link);

		list_remove(l);
		if (j->kind->done)
			j->kind->done(j);
		job_free(j);
	}
	return any;
}

static void deliver(void *arg)
{
	struct db *db = arg;

	if (!db->ended) /* else db_close() did */
		deliver_finished(db);
}

static void tell(struct db *db, struct link *jobs)
{
	bool post;

	pthread_mutex_lock(&db->lock);
	{
		list_each(jobs, l, after)
			db->refusable -= !list_item(l, struct job, link)->kind->kept;
		move_all(&db->finished, jobs);
		post = !db->posted && !list_empty(&db->finished);
		db->posted |= post;
	}
	pthread_mutex_unlock(&db->lock);
	if (post)
		loop_post(db->loop, deliver, db);
}

/* ---- being told ---- */

void job_submit(struct job *j)
{
	struct db *db = j->db;
	bool post = false;

	pthread_mutex_lock(&db->lock);
	{
		j->failed = db->ended || (!j->kind->kept && db->refusable >= LIMIT_DB_QUEUE);
		if (j->failed) {
			db->refused += !j->kind->done;
			list_push(&db->finished, &j->link);
			post = !db->posted && !db->ended;
			db->posted |= post;
		} else {
			db->refusable += !j->kind->kept;
			list_push(&db->queue, &j->link);
		}
	}
	pthread_mutex_unlock(&db->lock);
	if (post)
		loop_post(db->loop, deliver, db);
	else
		pthread_cond_signal(&db->more);
}

/* ---- trouble ---- */

bool db_trouble(struct db *db, char *why, size_t size)
{
	bool any;

	pthread_mutex_lock(&db->lock);
	{
		any = db->trouble[0] != '\0';
		if (any)
			snprintf(why, size, "%s", db->trouble);
	}
	pthread_mutex_unlock(&db->lock);
	return any;
}

static void set_trouble(struct db *db, const char *text)
{
	pthread_mutex_lock(&db->lock);
	{
		snprintf(db->trouble, sizeof db->trouble, "%s", text);
	}
	pthread_mutex_unlock(&db->lock);
}

static void begin_trouble(struct db *db)
{
	db->wait_ms = db->failing ? db->wait_ms * 2 : RETRY_MIN_MS;
	if (db->wait_ms > RETRY_MAX_MS)
		db->wait_ms = RETRY_MAX_MS;
	db->retry_ms = clock_mono_ms() + db->wait_ms;
	set_trouble(db, db->why);
	if (!db->failing)
		log_error("db: %s: cannot write: %s; changes are kept in memory and tried again", db->path, db->why);
	db->failing = true;
}

static void end_trouble(struct db *db)
{
	if (!db->failing)
		return;
	db->failing = false;
	set_trouble(db, "");
	log_info("db: %s: writes again, nothing is missing", db->path);
}

/* ---- a transaction ---- */

/* Before a rollback, which would have a message of its own. */
static void note_why(struct db *db)
{
	snprintf(db->why, sizeof db->why, "%s", sql_said(&db->sql));
}

static void finish(struct db *db, struct job *j)
{
	struct link one;

	list_init(&one);
	list_remove(&j->link);
	list_push(&one, &j->link);
	tell(db, &one);
}

/* A job that fails by itself, and would for ever, does not keep the others waiting. */
static void give_up(struct db *db, struct job *j)
{
	log_error("db: %s: %s", j->kind->name, db->why);
	j->failed = true;
	finish(db, j);
}

static bool batch_writes(const struct db *db)
{
	const struct link *l = db->work.next;

	for (size_t n = 0; l != &db->work && n < BATCH; l = l->next, n++)
		if (list_item(l, const struct job, link)->kind->writes)
			return true;
	return false;
}

/* Does the first jobs of the work, stops at the first that fails and sets bad to it. */
static int run_batch(struct db *db, struct link *finished, struct job **bad)
{
	size_t n = 0;
	int rc = SQLITE_OK;

	list_each(&db->work, l, after) {
		struct job *j = list_item(l, struct job, link);

		if (n++ == BATCH)
			break;
		rc = job_run(j);
		if (rc) {
			*bad = j;
			break;
		}
		list_remove(l);
		list_push(finished, l);
	}
	return rc;
}

static void put_back(struct db *db, struct link *finished)
{
	move_all(finished, &db->work);
	move_all(&db->work, finished);
}

/* One transaction. SQLITE_OK also when it only got rid of a bad job; an error when it is to be tried again later. */
static int attempt(struct db *db)
{
	struct job *bad = NULL;
	struct link finished;
	int rc = sql_begin(&db->sql, batch_writes(db));

	list_init(&finished);
	if (!rc)
		rc = run_batch(db, &finished, &bad);
	if (!rc)
		rc = sql_commit(&db->sql);
	if (!rc) {
		tell(db, &finished);
		end_trouble(db);
		return SQLITE_OK;
	}
	note_why(db);
	sql_rollback(&db->sql);
	put_back(db, &finished);
	if (!bad || (bad->kind->writes && sql_may_pass(rc)))
		return rc;
	give_up(db, bad);
	return SQLITE_OK;
}

/* While writing fails. */
static void answer_readings(struct db *db)
{
	list_each(&db->work, l, after) {
		struct job *j = list_item(l, struct job, link);

		if (j->kind->writes || j->kind->in_line)
			continue;
		j->failed = job_run(j) != SQLITE_OK;
		finish(db, j);
	}
}

static void work_off(struct db *db)
{
	while (!list_empty(&db->work)) {
		int rc = attempt(db);

		if (rc == SQLITE_FULL && reserve_spend(db))
			rc = attempt(db);
		if (rc) {
			begin_trouble(db);
			return;
		}
	}
}

static void serve(struct db *db)
{
	if (!db->failing || clock_mono_ms() >= db->retry_ms)
		work_off(db);
	if (db->failing)
		answer_readings(db);
}

/* ---- between the jobs ---- */

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static void measure(struct db *db)
{
	atomic_store(&db->bytes, size_of(db->path) + size_of(db->wal_path));
}

uint64_t db_bytes(struct db *db)
{
	return atomic_load(&db->bytes);
}

static void say_refused(struct db *db)
{
	uint64_t n;

	pthread_mutex_lock(&db->lock);
	{
		n = db->refused;
		db->refused = 0;
	}
	pthread_mutex_unlock(&db->lock);
	if (n)
		log_warn("db: %llu audit rows were lost, for too much was waiting", (unsigned long long)n);
}

static void tidy(struct db *db)
{
	int64_t now = clock_mono_ms();

	if (now >= db->tokens_ms) {
		db->tokens_ms = now + TOKENS_EVERY_MS;
		tokens_look(db);
	}
	if (now >= db->upkeep_ms) {
		db->upkeep_ms = now + UPKEEP_EVERY_MS;
		reserve_keep(db);
		measure(db);
		say_refused(db);
	}
	if (now >= db->prune_ms && !db->failing && list_empty(&db->work)) {
		bool more = prune_step(db, clock_wall_ms());

		db->prune_ms = now + (more ? PRUNE_PAUSE_MS : PRUNE_EVERY_MS);
	}
}

/* ---- the thread ---- */

static int64_t due_ms(const struct db *db)
{
	int64_t due = db->failing ? db->retry_ms : db->prune_ms;

	if (due > db->tokens_ms)
		due = db->tokens_ms;
	return db->give_up_ms && due > db->give_up_ms ? db->give_up_ms : due;
}

static void wait_until(struct db *db, int64_t ms)
{
	struct timespec at = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	pthread_cond_timedwait(&db->more, &db->lock, &at);
}

/* What closing makes of the waits: once more at once, then until CLOSE_MS are over. */
static void hurry(struct db *db)
{
	if (db->give_up_ms)
		return;
	db->retry_ms = clock_mono_ms();
	db->give_up_ms = db->retry_ms + CLOSE_MS;
	db->wait_ms = RETRY_MIN_MS / 2;
}

/* Waits for something to do; false when it is over. */
static bool take(struct db *db)
{
	bool closing;

	pthread_mutex_lock(&db->lock);
	{
		while (list_empty(&db->queue) && !db->look_at_tokens && clock_mono_ms() < due_ms(db) && !(db->closing && !db->give_up_ms))
			wait_until(db, due_ms(db));
		move_all(&db->work, &db->queue);
		if (db->tell_tokens)
			tokens_tell_anew(db);
		if (db->look_at_tokens)
			db->tokens_ms = 0;
		db->look_at_tokens = db->tell_tokens = false;
		closing = db->closing;
	}
	pthread_mutex_unlock(&db->lock);
	if (!closing)
		return true;
	if (list_empty(&db->work) || (db->give_up_ms && clock_mono_ms() >= db->give_up_ms))
		return false;
	hurry(db);
	return true;
}

/* What could not be done until the end. */
static void abandon(struct db *db)
{
	size_t n = 0;

	list_each(&db->work, l, after) {
		struct job *j = list_item(l, struct job, link);

		n += j->kind->writes;
		j->failed = true;
	}
	if (n)
		log_error("db: %s: %zu changes could not be written before the end: %s", db->path, n, db->why);
	tell(db, &db->work);
}

static void *run(void *arg)
{
	struct db *db = arg;

	while (take(db)) {
		serve(db);
		tidy(db);
	}
	abandon(db);
	return NULL;
}

/* ---- birth and death ---- */

/* Made by us, so that nobody else ever reads it; SQLite gives the files beside it the same mode and owner. */
static int make_file(const char *dir, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 && errno != EEXIST)
		return -errno;
	if (fd < 0) { /* not opened: closing it would drop the locks that SQLite may have on it, fcntl(2) */
		if (stat(path, &st) == 0 && (st.st_mode & 077))
			chmod(path, 0600);
		return 0;
	}
	/* root's command line makes it for whom the folder belongs to */
	if (geteuid() == 0 && stat(dir, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		log_debug("db: %s: chown: %s", path, strerror(errno));
	close(fd);
	return 0;
}

static int open_file(struct db *db, const char *dir, char *why, size_t size)
{
	char text[TROUBLE_SIZE];
	int err = make_file(dir, db->path), rc;

	if (err) {
		snprintf(why, size, "%s: %s", db->path, strerror(-err));
		return err;
	}
	rc = sql_open(&db->sql, db->path, BUSY_VISIT_MS);
	if (rc) {
		err = sql_errno(&db->sql, rc);
		migrate_refuse(err, sqlite3_errstr(rc), text, sizeof text);
		goto out;
	}
	err = migrate(&db->sql, text, sizeof text);
	if (!err && db->loop && !migrate_check(&db->sql, CHECK_MS, text, sizeof text))
		err = -EBADMSG;
out:
	if (err)
		snprintf(why, size, "%s %s", db->path, text);
	return err;
}

static int start_thread(struct db *db)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
	err = pthread_create(&db->thread, NULL, run, db);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

static struct db *db_new(const char *dir, struct loop *l)
{
	struct db *db = xzalloc(sizeof *db);
	pthread_condattr_t attr;

	db->dir = xstrdup(dir);
	db->path = xasprintf("%s/vedette.db", dir);
	db->reserve_path = xasprintf("%s/vedette.reserve", dir);
	db->wal_path = xasprintf("%s-wal", db->path);
	db->loop = l;
	if (gethostname(db->host, sizeof db->host - 1) < 0)
		snprintf(db->host, sizeof db->host, "localhost");
	list_init(&db->queue);
	list_init(&db->finished);
	list_init(&db->work);
	map_init(&db->used);
	pthread_mutex_init(&db->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&db->more, &attr);
	pthread_condattr_destroy(&attr);
	return db;
}

static void db_free(void *arg)
{
	struct db *db = arg;

	list_each(&db->finished, l, after)
		job_free(list_item(l, struct job, link));
	sql_close(&db->sql);
	tokens_forget(db);
	pthread_cond_destroy(&db->more);
	pthread_mutex_destroy(&db->lock);
	free(db->dir);
	free(db->path);
	free(db->reserve_path);
	free(db->wal_path);
	free(db);
}

int db_open(struct db **out, const char *dir, struct loop *l, char *why, size_t why_size)
{
	struct db *db = db_new(dir, l);
	int err = open_file(db, dir, why, why_size);

	if (err)
		goto fail;
	measure(db);
	if (l) {
		db->sql.busy_ms = BUSY_MS;
		err = start_thread(db);
	} else {
		sql_close(&db->sql);
	}
	if (err) {
		snprintf(why, why_size, "a thread cannot be started: %s", strerror(-err));
		goto fail;
	}
	*out = db;
	return 0;
fail:
	db_free(db);
	return err;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (!db->loop) {
		db_free(db);
		return;
	}
	pthread_mutex_lock(&db->lock);
	{
		db->closing = true;
	}
	pthread_mutex_unlock(&db->lock);
	pthread_cond_signal(&db->more);
	pthread_join(db->thread, NULL);
	sql_close(&db->sql);
	pthread_mutex_lock(&db->lock);
	{
		db->ended = true;
	}
	pthread_mutex_unlock(&db->lock);
	/* An answer may make its hearer ask again, which is answered with nothing; but not for ever. */
	for (int i = 0; i < 8 && deliver_finished(db); i++)
		;
	loop_post(db->loop, db_free, db); /* after a deliver() that may still be on its way */
}

int db_visit(struct db *db, struct sql *s)
{
	return sql_open(s, db->path, BUSY_VISIT_MS);
}
