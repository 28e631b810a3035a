/* probe.c: asking filesystems how full they are, without waiting for dead ones.
 *
 * A round belongs to two: to the collector's thread, which waits for it, and to
 * the thread that walks it. Whoever lets go of it last frees it. */
#include "collectors/probe.h"

#include "base/clock.h"
#include "base/xmalloc.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STACK_BYTES (64 * 1024)

struct step {
	char *path;
	size_t target;         /* whose question it is */
	int err;
	struct statfs st;
};

struct round {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct step *steps;
	size_t n;
	size_t at;             /* (lock) the step that is being asked; n: all done */
	bool left;             /* (lock) nobody waits any more: stop after this step */
	int owners;            /* (lock) */
};

/* A mount that a thread was left with. */
struct lost {
	char *path;
	struct round *round;
};

struct probe {
	struct lost *lost;
	size_t nlost;
};

static _Atomic unsigned lost_threads;

unsigned probe_lost(void)
{
	return lost_threads;
}

static void round_free(struct round *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->steps[i].path);
	free(r->steps);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->moved);
	free(r);
}

static void round_let_go(struct round *r)
{
	bool last;

	pthread_mutex_lock(&r->lock);
	{
		last = !--r->owners;
	}
	pthread_mutex_unlock(&r->lock);
	if (last)
		round_free(r);
}

/* Counts the step as done; false when that was the last one that anybody wants. */
static bool advance(struct round *r)
{
	bool more;

	pthread_mutex_lock(&r->lock);
	{
		r->at++;
		more = !r->left && r->at < r->n;
		if (r->left)
			lost_threads--;
		pthread_cond_signal(&r->moved);
	}
	pthread_mutex_unlock(&r->lock);
	return more;
}

static void *walk(void *arg)
{
	struct round *r = arg;
	size_t i = 0;

	do {
		struct step *s = &r->steps[i++];

		s->err = statfs(s->path, &s->st) ? -errno : 0;
	} while (advance(r));
	round_let_go(r);
	return NULL;
}

static int start(struct round *r)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r->owners = 2;
	err = pthread_create(&thread, &attr, walk, r);
	if (err)
		r->owners = 1;
	pthread_attr_destroy(&attr);
	return -err;
}

static struct timespec in_ns(int64_t ns)
{
	int64_t at = clock_mono_ns() + ns;

	return (struct timespec){ .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };
}

/* Waits until the step moves on from `at`, or for patience_ns. */
static size_t wait_step(struct round *r, size_t at, int64_t patience_ns)
{
	struct timespec until = in_ns(patience_ns);
	int err = 0;

	pthread_mutex_lock(&r->lock);
	{
		while (r->at == at && err != ETIMEDOUT)
			err = pthread_cond_timedwait(&r->moved, &r->lock, &until);
		if (r->at == at) {
			r->left = true;
			lost_threads++;
		}
		at = r->at;
	}
	pthread_mutex_unlock(&r->lock);
	return at;
}

static bool is_left(struct round *r)
{
	bool left;

	pthread_mutex_lock(&r->lock);
	{
		left = r->left;
	}
	pthread_mutex_unlock(&r->lock);
	return left;
}

/* Returns the number of steps that were answered; the next one, if there is one, hangs. */
static size_t follow(struct round *r, int64_t deadline_ns)
{
	size_t at = 0;

	while (at < r->n && !is_left(r)) {
		int64_t left_ns = deadline_ns - clock_mono_ns();
		int64_t least_ns = (int64_t)PROBE_HASTE_MS * 1000000;

		at = wait_step(r, at, left_ns > least_ns ? left_ns : least_ns);
	}
	return at;
}

static struct round *round_new(struct probe_target *targets, const size_t *ask, size_t n)
{
	struct round *r = xzalloc(sizeof *r);
	pthread_condattr_t attr;

	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->moved, &attr);
	pthread_condattr_destroy(&attr);
	r->steps = xcalloc(n, sizeof *r->steps);
	r->n = n;
	for (size_t i = 0; i < n; i++)
		r->steps[i] = (struct step){ .path = xstrdup(targets[ask[i]].path), .target = ask[i] };
	return r;
}

/* Takes the round along, to see later whether its thread came back. */
static void remember(struct probe *p, struct probe_target *target, struct round *r)
{
	target->hangs = true;
	p->lost = xreallocarray(p->lost, p->nlost + 1, sizeof *p->lost);
	p->lost[p->nlost++] = (struct lost){ xstrdup(target->path), r };
}

/* One round over the targets in ask[]; how many of them are dealt with. */
static size_t run(struct probe *p, struct probe_target *targets, const size_t *ask, size_t n, int64_t deadline_ns)
{
	struct round *r = round_new(targets, ask, n);
	int err = start(r);
	size_t done;

	if (err) {
		for (size_t i = 0; i < n; i++)
			targets[ask[i]].err = err;
		round_let_go(r);
		return n;
	}
	done = follow(r, deadline_ns);
	for (size_t i = 0; i < done; i++) {
		targets[ask[i]].err = r->steps[i].err;
		targets[ask[i]].st = r->steps[i].st;
	}
	if (done < n)
		remember(p, &targets[ask[done++]], r);
	else
		round_let_go(r);
	return done;
}

/* Forgets mounts whose thread has come back. */
static void look_after_lost(struct probe *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->nlost; i++) {
		struct lost *l = &p->lost[i];
		bool back;

		pthread_mutex_lock(&l->round->lock);
		{
			back = l->round->owners == 1;
		}
		pthread_mutex_unlock(&l->round->lock);
		if (!back) {
			p->lost[kept++] = *l;
			continue;
		}
		round_let_go(l->round);
		free(l->path);
	}
	p->nlost = kept;
}

static bool is_lost(const struct probe *p, const char *path)
{
	for (size_t i = 0; i < p->nlost; i++)
		if (!strcmp(p->lost[i].path, path))
			return true;
	return false;
}

static bool may_ask(const struct probe *p, struct probe_target *t)
{
	t->err = 0;
	t->hangs = is_lost(p, t->path) || lost_threads >= (t->remote ? PROBE_LOST_REMOTE : PROBE_LOST_ALL);
	return !t->hangs;
}

/* Local ones first: they seldom hang, and then have not waited for the others. */
void probe_ask(struct probe *p, struct probe_target *targets, size_t n)
{
	int64_t deadline_ns = clock_mono_ns() + (int64_t)PROBE_PATIENCE_MS * 1000000;
	size_t *order = xcalloc(n, sizeof *order), count = 0, at = 0;

	look_after_lost(p);
	for (int remote = 0; remote <= 1; remote++)
		for (size_t i = 0; i < n; i++)
			if (targets[i].remote == remote)
				order[count++] = i;
	while (at < count) {
		size_t ask = at;

		/* Threads may be lost on the way, so each round asks anew who may be asked. */
		for (size_t i = at; i < count; i++)
			if (may_ask(p, &targets[order[i]])) {
				size_t swap = order[ask];

				order[ask++] = order[i];
				order[i] = swap;
			}
		if (ask == at)
			break;
		at += run(p, targets, order + at, ask - at, deadline_ns);
	}
	free(order);
}

struct probe *probe_new(void)
{
	return xzalloc(sizeof(struct probe));
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nlost; i++) {
		round_let_go(p->lost[i].round);
		free(p->lost[i].path);
	}
	free(p->lost);
	free(p);
}
