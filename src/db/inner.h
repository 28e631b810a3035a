/* inner.h: what the files of this folder share: the database, and the jobs that its thread does.
 *
 * A job is made by the caller, done by the thread inside a transaction, and told
 * on the loop after the commit. What it borrows it copies. run() may be called
 * several times: when a commit fails, all that was in it is done again. */
#ifndef DB_INNER_H
#define DB_INNER_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "db/db.h"
#include "db/sql.h"

#include <pthread.h>
#include <stdatomic.h>

#define TROUBLE_SIZE 256

struct job;
struct job_kind {
	const char *name;
	bool writes;           /* is tried again until it is written; a reading that fails is answered with nothing */
	bool kept;             /* never refused, however many wait */
	bool in_line;          /* waits for everything before it even while writing fails */
	int (*run)(struct db *db, struct job *j); /* on the thread; SQLite's result code */
	void (*done)(struct job *j);              /* on the loop; also when it was refused. May be NULL */
	void (*release)(struct job *j);           /* what is not in blocks. May be NULL */
};

struct block;
struct job {
	struct link link;
	const struct job_kind *kind;
	struct db *db;
	struct block *given;   /* copies of what was handed over */
	struct block *made;    /* what run() made; freed before it is run again */
	bool failed;           /* given up: it is not on disk, or has no answer */
};

/* The first member of a struct of this size is a struct job. */
void *job_new(struct db *db, size_t size, const struct job_kind *kind);
void *job_alloc(struct block **blocks, size_t size);
const char *job_copy(struct block **blocks, const char *s); /* NULL gives NULL */
void job_submit(struct job *take_j);
int job_run(struct job *j);                  /* on the thread; SQLite's result code */
void job_free(struct job *j);

/* A reading whose answer is JSON. Its own struct begins with this. */
struct job_json {
	struct job job;
	struct buf rows;
	void (*done)(void *user, const char *rows);
	void *user;
};
void *job_json_new(struct db *db, size_t size, const struct job_kind *kind, void (*done)(void *user, const char *rows), void *user);
void job_json_done(struct job *j);
void job_json_release(struct job *j);

struct db {
	char *dir, *path, *wal_path, *reserve_path;
	char host[256];
	struct loop *loop;     /* NULL: no thread */
	pthread_t thread;
	_Atomic uint64_t bytes;

	pthread_mutex_t lock;  /* of what follows, until the empty line */
	pthread_cond_t more;
	struct link queue, finished;
	size_t refusable;      /* jobs not finished that count against LIMIT_DB_QUEUE */
	uint64_t refused;      /* audit rows and the like, since it was last said */
	bool posted;           /* deliver() is on its way */
	bool closing, ended;   /* ended: the thread is no more */
	bool look_at_tokens, tell_tokens; /* now; whatever was told before */
	char trouble[TROUBLE_SIZE];

	/* the thread's own */
	struct sql sql;
	struct link work;      /* taken from the queue, not yet finished; in order */
	bool failing;
	char why[TROUBLE_SIZE]; /* what SQLite said of the last failure */
	int64_t retry_ms, wait_ms, give_up_ms;
	int64_t tokens_ms;     /* when to look at them again */
	int64_t upkeep_ms;     /* when to see to the reserve and the size */
	int64_t data_version;  /* SQLite's count of other connections' commits, at the last look; 0: look again whatever it is */
	bool tokens_wanted;
	unsigned char tokens_digest[32]; /* of those that were told last */
	bool reserved;         /* the reserve's file is there */
	int64_t prune_ms;
	size_t prune_step;

	/* the loop's own */
	void (*tokens_begin)(void *user);
	db_token_fn *tokens_each;
	void *tokens_user;
	struct map used;       /* a token's name: when its use was last written, ms */
};

/* A connection of the caller's own, for what is done on his thread. */
int db_visit(struct db *db, struct sql *s);

/* tokens.c: on the thread. */
void tokens_tell_anew(struct db *db);
void tokens_look(struct db *db);   /* tells the loop if they changed, unless data_version says that nothing did */
void tokens_forget(struct db *db); /* frees what db remembers of their use */

/* reserve.c: on the thread. */
void reserve_keep(struct db *db);  /* makes it when it is not there and there is room */
bool reserve_spend(struct db *db); /* the disk is full: was there one, so that it may go now? */

/* prune.c: one small step of forgetting what is old, in a transaction of its own. True: there may be more. */
bool prune_step(struct db *db, int64_t now_ms);

#endif
