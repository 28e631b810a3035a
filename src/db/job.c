/* job.c: what is handed to the database's thread, and the memory that it holds. */
#include "db/inner.h"

#include "base/xmalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	_Alignas(max_align_t) char bytes[];
};

void *job_alloc(struct block **blocks, size_t size)
{
	struct block *b = xzalloc(sizeof *b + size);

	b->next = *blocks;
	*blocks = b;
	return b->bytes;
}

const char *job_copy(struct block **blocks, const char *s)
{
	size_t size;

	if (!s)
		return NULL;
	size = strlen(s) + 1;
	return memcpy(job_alloc(blocks, size), s, size);
}

static void free_blocks(struct block **blocks)
{
	for (struct block *b = *blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*blocks = NULL;
}

void *job_new(struct db *db, size_t size, const struct job_kind *kind)
{
	struct job *j = xzalloc(size);

	assert(db->loop); /* without one there is no thread */
	j->kind = kind;
	j->db = db;
	return j;
}

int job_run(struct job *j)
{
	free_blocks(&j->made);
	return j->kind->run(j->db, j);
}

void job_free(struct job *j)
{
	if (j->kind->release)
		j->kind->release(j);
	free_blocks(&j->given);
	free_blocks(&j->made);
	free(j);
}

/* --- those that are answered with JSON --- */

void *job_json_new(struct db *db, size_t size, const struct job_kind *kind, void (*done)(void *user, const char *rows), void *user)
{
	struct job_json *q = job_new(db, size, kind);

	buf_init(&q->rows, SIZE_MAX / 2); /* sql_json() has the ceiling */
	q->done = done;
	q->user = user;
	return q;
}

void job_json_done(struct job *j)
{
	struct job_json *q = (struct job_json *)j;

	q->done(q->user, j->failed ? NULL : q->rows.data);
}

void job_json_release(struct job *j)
{
	buf_release(&((struct job_json *)j)->rows);
}
