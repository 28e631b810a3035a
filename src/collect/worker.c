/* worker.c: a thread and its units: it sleeps until the next of them is due, reads all that are, and publishes that at once.
 *
 * The timer is a timerfd(2) on the wall clock that is cancelled when that clock
 * is set, so the grid holds through jumps; the eventfd is for everything else. */
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "collect/inner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define WATCH_MS 1000
#define SCRAPE_MAX (16 * 1024 * 1024)
#define SCRAPE_IDLE_NS (300 * INT64_C(1000000000))

/* ---- birth and death ---- */

struct worker *worker_new(struct collect *owner, const struct collect_config *config)
{
	struct worker *w = xzalloc(sizeof *w);
	pthread_condattr_t attr;

	w->owner = owner;
	w->store = config->store;
	w->roots.proc = xstrdup(config->roots.proc);
	w->roots.sys = xstrdup(config->roots.sys);
	w->roots.root = xstrdup(config->roots.root);
	w->wake_fd = w->timer_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->over, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

void worker_add(struct worker *w, struct unit *u)
{
	w->units = xreallocarray(w->units, w->nunits + 1, sizeof(struct unit *));
	w->units[w->nunits++] = u;
	u->worker = w;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void worker_free(struct worker *w)
{
	for (size_t i = 0; i < w->nunits; i++)
		unit_free(w->units[i]);
	free(w->units);
	free(w->batch.at);
	free((char *)w->roots.proc);
	free((char *)w->roots.sys);
	free((char *)w->roots.root);
	close_fd(w->wake_fd);
	close_fd(w->timer_fd);
	pthread_cond_destroy(&w->over);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* ---- scrapes ---- */

static struct scrape *take(struct worker *w, struct scrape **list)
{
	struct scrape *all;

	pthread_mutex_lock(&w->lock);
	{
		all = *list;
		*list = NULL;
	}
	pthread_mutex_unlock(&w->lock);
	return all;
}

/* Each gets a text of its own, in the order in which they asked. */
static void answer(struct scrape *list, const struct buf *text)
{
	while (list) {
		struct scrape *next = list->next;
		struct buf out;

		buf_init(&out, SCRAPE_MAX);
		if (text)
			buf_add(&out, text->data, text->len);
		list->done(list->user, &out);
		buf_release(&out);
		free(list);
		list = next;
	}
}

static void answer_all(struct worker *w)
{
	answer(take(w, &w->serving), NULL);
	answer(take(w, &w->waiting), NULL);
}

static bool begin_scrape(struct worker *w)
{
	bool any;

	pthread_mutex_lock(&w->lock);
	{
		any = w->waiting;
		if (any) {
			w->serving = w->waiting;
			w->waiting = NULL;
		}
	}
	pthread_mutex_unlock(&w->lock);
	return any;
}

static bool serve_scrapes(struct worker *w)
{
	const struct collect *c = w->owner;
	struct buf text;
	bool on = true;

	if (!begin_scrape(w))
		return true;
	buf_init(&text, SCRAPE_MAX);
	for (size_t i = 0; on && i < c->nunits; i++)
		on = unit_expose(c->units[i], clock_wall_ms(), &text);
	w->scraped_ns = clock_mono_ns();
	if (on)
		answer(take(w, &w->serving), &text);
	buf_release(&text);
	return on;
}

static bool close_idle_scrapes(struct worker *w)
{
	if (!w->scraped_ns || clock_mono_ns() - w->scraped_ns < SCRAPE_IDLE_NS)
		return true;
	w->scraped_ns = 0;
	for (size_t i = 0; i < w->nunits; i++)
		if (!unit_close_scrape(w->units[i]))
			return false;
	return true;
}

/* ---- a turn ---- */

static void publish(struct worker *w)
{
	store_publish(w->store, w->batch.t_ms, w->batch.at, w->batch.n);
	w->batch.n = 0;
}

/* All that is due at once has one time, unless a read took so long that the next tick came. */
static void stamp(struct worker *w, int64_t t_ms)
{
	if (w->batch.n && w->batch.t_ms != t_ms)
		publish(w);
	w->batch.t_ms = t_ms;
}

static bool apply_settings(struct worker *w)
{
	for (size_t i = 0; i < w->nunits; i++) {
		struct unit *u = w->units[i];
		struct collect_setting wanted;
		bool renew;

		pthread_mutex_lock(&w->lock);
		{
			renew = u->renew;
			u->renew = false;
			wanted = u->wanted;
			u->health.interval_ms = wanted.interval_ms;
		}
		pthread_mutex_unlock(&w->lock);
		if (renew && !unit_apply(u, &wanted))
			return false;
	}
	return true;
}

static bool run_due(struct worker *w)
{
	for (size_t i = 0; i < w->nunits; i++) {
		struct unit *u = w->units[i];
		int64_t now_ms = clock_wall_ms(); /* each time: the one before may have been slow */

		if (!unit_due(u, now_ms))
			continue;
		stamp(w, now_ms - now_ms % u->interval_ms);
		if (!unit_run(u, now_ms, &w->batch))
			return false;
	}
	return true;
}

/* The sampler tells what the store knows of itself, and who hangs. */
static void watch(struct worker *w)
{
	struct collect *c = w->owner;
	int64_t now_ms = clock_wall_ms();

	if (w->watch_ms > now_ms + 2 * WATCH_MS)
		w->watch_ms = 0;
	if (w != c->workers[0] || w->watch_ms > now_ms)
		return;
	w->watch_ms = (now_ms / WATCH_MS + 1) * WATCH_MS;
	stamp(w, now_ms - now_ms % WATCH_MS);
	for (size_t i = 1; i < c->nworkers; i++)
		unit_hangs(c->workers[i]->units[0], &w->batch);
	batch_add(&w->batch, self_series(w->store, NULL, WATCH_MS, SELF_SERIES), (double)store_count(w->store));
	batch_add(&w->batch, self_series(w->store, NULL, WATCH_MS, SELF_SERIES_REFUSED), (double)store_refused(w->store));
	batch_add(&w->batch, self_series(w->store, NULL, WATCH_MS, SELF_STORE_BYTES), (double)store_bytes(w->store));
}

static bool turn(struct worker *w)
{
	if (!apply_settings(w) || !serve_scrapes(w) || !close_idle_scrapes(w) || !run_due(w))
		return false;
	watch(w);
	if (w->batch.n)
		publish(w);
	return true;
}

/* ---- sleeping ---- */

static int64_t next_due(const struct worker *w)
{
	int64_t due = w == w->owner->workers[0] ? w->watch_ms : INT64_MAX;

	for (size_t i = 0; i < w->nunits; i++)
		if (w->units[i]->enabled && w->units[i]->due_ms < due)
			due = w->units[i]->due_ms;
	return due;
}

static void sleep_until_due(struct worker *w)
{
	int64_t due = next_due(w);
	struct itimerspec at = {0}; /* all zero: none */
	struct pollfd fds[] = {{.fd = w->wake_fd, .events = POLLIN}, {.fd = w->timer_fd, .events = POLLIN}};
	eventfd_t woken;
	uint64_t expired;

	if (due != INT64_MAX) {
		at.it_value.tv_sec = due / 1000;
		at.it_value.tv_nsec = due % 1000 * 1000000 + 1; /* one more, because zero would disarm */
	}
	timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents)
		eventfd_read(w->wake_fd, &woken);
	/* ECANCELED: the clock was set. In any case the next turn looks at what is due. */
	if (fds[1].revents && read(w->timer_fd, &expired, sizeof expired) < 0 && errno == ECANCELED)
		log_debug("the clock was set");
}

static bool asked_to_stop(struct worker *w)
{
	bool stop;

	pthread_mutex_lock(&w->lock);
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	return stop;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool on = true, abandoned;

	while (on && !asked_to_stop(w)) {
		on = turn(w);
		if (on && !asked_to_stop(w))
			sleep_until_due(w);
	}
	if (on)
		answer_all(w);
	for (size_t i = 0; i < w->nunits; i++)
		unit_close(w->units[i]);
	pthread_mutex_lock(&w->lock);
	{
		w->finished = true;
		abandoned = w->abandoned;
		pthread_cond_signal(&w->over);
	}
	pthread_mutex_unlock(&w->lock);
	if (abandoned)
		worker_free(w);
	return NULL;
}

/* ---- from outside ---- */

/* Signals are for the loop's thread. */
static int spawn(struct worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int worker_start(struct worker *w, const char *name)
{
	char short_name[16]; /* pthread_setname_np(3) takes no more */
	int err = 0;

	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake_fd >= 0)
		w->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->timer_fd < 0)
		err = -errno;
	if (!err)
		err = spawn(w);
	w->started = !err;
	snprintf(short_name, sizeof short_name, "%.15s", name);
	if (!err)
		pthread_setname_np(w->thread, short_name);
	return err;
}

void worker_wake(struct worker *w)
{
	if (w->wake_fd >= 0)
		eventfd_write(w->wake_fd, 1);
}

void worker_ask_stop(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_mutex_unlock(&w->lock);
	worker_wake(w);
}

/* The lock is held. */
static struct scrape *take_orphans(struct worker *w)
{
	struct scrape *list = w->serving, **end = &list;

	while (*end)
		end = &(*end)->next;
	*end = w->waiting;
	w->serving = w->waiting = NULL;
	return list;
}

/* Past the deadline one that is inside a collector is left there; anything else ends by itself and soon. False: it is
 * its own thread's now, but for the scrapes that wait. */
static bool wait_for(struct worker *w, int64_t deadline_ns, struct scrape **orphans)
{
	struct timespec at = {deadline_ns / 1000000000, deadline_ns % 1000000000};
	int err = 0;
	bool finished;

	pthread_mutex_lock(&w->lock);
	{
		while (!w->finished && !(err == ETIMEDOUT && w->inside)) {
			if (err == ETIMEDOUT)
				at.tv_sec++; /* between two calls into collectors: it sees `stop` next */
			err = pthread_cond_timedwait(&w->over, &w->lock, &at);
		}
		finished = w->finished;
		w->abandoned = !finished;
		*orphans = finished ? NULL : take_orphans(w);
	}
	pthread_mutex_unlock(&w->lock);
	return finished;
}

void worker_end(struct worker *w, int64_t deadline_ns)
{
	pthread_t thread = w->thread;
	struct scrape *orphans = NULL;

	if (!w->started) {
		worker_free(w);
	} else if (wait_for(w, deadline_ns, &orphans)) {
		pthread_join(thread, NULL);
		worker_free(w);
	} else {
		pthread_detach(thread);
		answer(orphans, NULL);
	}
}
