/* loop.c: one thread that owns every socket. epoll(7), eventfd(2), signalfd(2). */
#include "loop/loop.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/xmalloc.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_A_TURN 256

struct call {
	loop_fn *fn;
	void *arg;
};

struct calls {
	struct call *at;
	size_t n, cap;
};

struct loop {
	int epoll_fd;
	int64_t now_ms;        /* of the turn that runs */
	uint64_t turns;
	bool turning;
	atomic_bool stopped;

	struct epoll_event events[EVENTS_A_TURN];
	int nevents;           /* of the turn that runs */

	struct loop_timer **heap; /* a binary heap by at_ms */
	uint32_t nheap, heap_cap;

	struct calls deferred, next;

	pthread_mutex_t lock;  /* of posted alone */
	struct calls posted;
	struct loop_watch wake;

	struct loop_watch signals;
	void (*on_signal)(void *user, int signal);
	void *signal_user;
};

static void calls_add(struct calls *c, loop_fn *fn, void *arg)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->at = xreallocarray(c->at, c->cap, sizeof *c->at);
	}
	c->at[c->n++] = (struct call){fn, arg};
}

/* --- descriptors --- */

int loop_watch(struct loop *l, struct loop_watch *w, int fd, uint32_t events, loop_ready_fn *ready)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	*w = (struct loop_watch){.ready = ready, .fd = fd, .events = events};
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		w->fd = -1;
		return -errno;
	}
	return 0;
}

void loop_rewatch(struct loop *l, struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (w->events == events)
		return;
	w->events = events;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_unwatch(struct loop *l, struct loop_watch *w)
{
	if (!w->ready || w->fd < 0)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
	/* What this turn still holds for it must not be delivered: w may be gone by then. */
	for (int i = 0; i < l->nevents; i++)
		if (l->events[i].data.ptr == w)
			l->events[i].data.ptr = NULL;
}

/* --- timers --- */

static void heap_put(struct loop *l, uint32_t at, struct loop_timer *t)
{
	l->heap[at] = t;
	t->slot = at + 1;
}

static void heap_up(struct loop *l, uint32_t at)
{
	struct loop_timer *t = l->heap[at];

	for (uint32_t up; at && l->heap[up = (at - 1) / 2]->at_ms > t->at_ms; at = up)
		heap_put(l, at, l->heap[up]);
	heap_put(l, at, t);
}

static void heap_down(struct loop *l, uint32_t at)
{
	struct loop_timer *t = l->heap[at];

	for (uint32_t child; (child = at * 2 + 1) < l->nheap; at = child) {
		if (child + 1 < l->nheap && l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
			child++;
		if (l->heap[child]->at_ms >= t->at_ms)
			break;
		heap_put(l, at, l->heap[child]);
	}
	heap_put(l, at, t);
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	uint32_t at = t->slot;
	struct loop_timer *last;

	if (!at--)
		return;
	t->slot = 0;
	last = l->heap[--l->nheap];
	if (last == t)
		return;
	heap_put(l, at, last);
	heap_up(l, at);
	heap_down(l, last->slot - 1);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t wait_ms, loop_timer_fn *due)
{
	int64_t at_ms = loop_now_ms(l) + (wait_ms > 0 ? wait_ms : 1); /* never in the same turn */

	t->due = due;
	if (t->slot) {
		t->at_ms = at_ms;
		heap_up(l, t->slot - 1);
		heap_down(l, t->slot - 1);
		return;
	}
	if (l->nheap == l->heap_cap) {
		l->heap_cap = l->heap_cap ? l->heap_cap * 2 : 64;
		l->heap = xreallocarray(l->heap, l->heap_cap, sizeof *l->heap);
	}
	t->at_ms = at_ms;
	heap_put(l, l->nheap, t);
	heap_up(l, l->nheap++);
}

static void run_timers(struct loop *l)
{
	while (l->nheap && l->heap[0]->at_ms <= l->now_ms) {
		struct loop_timer *t = l->heap[0];

		loop_timer_clear(l, t);
		t->due(t);
	}
}

/* --- calls --- */

void loop_defer(struct loop *l, loop_fn *fn, void *arg)
{
	calls_add(&l->deferred, fn, arg);
}

void loop_next(struct loop *l, loop_fn *fn, void *arg)
{
	calls_add(&l->next, fn, arg);
}

void loop_post(struct loop *l, loop_fn *fn, void *arg)
{
	bool first;

	pthread_mutex_lock(&l->lock);
	{
		first = l->posted.n == 0;
		calls_add(&l->posted, fn, arg);
	}
	pthread_mutex_unlock(&l->lock);
	if (first)
		eventfd_write(l->wake.fd, 1);
}

static void on_wake(struct loop_watch *w, uint32_t events)
{
	eventfd_t n;

	(void)events;
	eventfd_read(w->fd, &n);
}

/* Runs what was in the list when it began; what is added meanwhile waits for its next run. */
static void run_calls(struct calls *list)
{
	struct calls now = *list;

	*list = (struct calls){0};
	for (size_t i = 0; i < now.n; i++)
		now.at[i].fn(now.at[i].arg);
	if (!list->at) {
		now.n = 0;
		*list = now; /* nothing came: keep the memory */
	} else {
		free(now.at);
	}
}

static void run_posted(struct loop *l)
{
	struct calls now;

	pthread_mutex_lock(&l->lock);
	{
		now = l->posted;
		l->posted = (struct calls){0};
	}
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < now.n; i++)
		now.at[i].fn(now.at[i].arg);
	free(now.at);
}

static void run_deferred(struct loop *l)
{
	while (l->deferred.n) /* the end of a turn is reached when nobody asks for more */
		run_calls(&l->deferred);
}

/* --- signals --- */

static void on_signalfd(struct loop_watch *w, uint32_t events)
{
	struct loop *l = list_item(w, struct loop, signals);
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof info) == (ssize_t)sizeof info)
		l->on_signal(l->signal_user, (int)info.ssi_signo);
}

int loop_signals(struct loop *l, const int *signals, size_t n, void (*fn)(void *user, int signal), void *user)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	l->on_signal = fn;
	l->signal_user = user;
	return loop_watch(l, &l->signals, fd, EPOLLIN, on_signalfd);
}

/* --- the turn --- */

int loop_fd(const struct loop *l)
{
	return l->epoll_fd;
}

int loop_wait_ms(const struct loop *l)
{
	int64_t wait;

	if (l->next.n || l->deferred.n) /* deferred between two turns, that is */
		return 0;
	if (!l->nheap)
		return -1;
	wait = l->heap[0]->at_ms - clock_mono_ms();
	return wait < 0 ? 0 : wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static int shorter_wait(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

bool loop_turn(struct loop *l, int max_wait_ms)
{
	int n = epoll_wait(l->epoll_fd, l->events, EVENTS_A_TURN, shorter_wait(max_wait_ms, loop_wait_ms(l)));

	l->now_ms = clock_mono_ms();
	l->turning = true;
	l->turns++;
	l->nevents = n > 0 ? n : 0;
	for (int i = 0; i < l->nevents; i++) {
		struct loop_watch *w = l->events[i].data.ptr;

		if (w)
			w->ready(w, l->events[i].events);
	}
	l->nevents = 0;
	run_calls(&l->next);
	run_timers(l);
	run_posted(l);
	run_deferred(l);
	l->turning = false;
	return !atomic_load(&l->stopped);
}

void loop_run(struct loop *l)
{
	while (loop_turn(l, -1))
		;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stopped, true);
	eventfd_write(l->wake.fd, 1);
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->turning ? l->now_ms : clock_mono_ms();
}

uint64_t loop_turns(const struct loop *l)
{
	return l->turns;
}

int loop_new(struct loop **out)
{
	struct loop *l = xzalloc(sizeof *l);
	int fd, err = 0;

	pthread_mutex_init(&l->lock, NULL);
	l->wake.fd = l->signals.fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fd = l->epoll_fd < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0 || (err = loop_watch(l, &l->wake, fd, EPOLLIN, on_wake)) < 0) {
		err = err ? err : -errno;
		loop_free(l);
		return err;
	}
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	run_posted(l);
	run_calls(&l->next);
	run_deferred(l);
	if (l->signals.fd >= 0)
		close(l->signals.fd);
	if (l->wake.fd >= 0)
		close(l->wake.fd);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	free(l->heap);
	free(l->deferred.at);
	free(l->next.at);
	free(l->posted.at);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
