/* loop.h: one thread that owns every socket.
 *
 * A turn: wait (epoll_wait(2)), call what is ready, call timers that are due,
 * run what other threads posted, then what was deferred to the end of the turn.
 * Nothing dies mid-turn: who closes a thing makes it unreachable and defers its
 * free. Only loop_post() and loop_stop() may be called from other threads.
 *
 * In a program with an event loop of its own, on the same thread: wait until
 * loop_fd() is readable, loop_wait_ms() at most, then loop_turn(l, 0). What was
 * called between two turns is done in the next: ask for the wait after it. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
typedef void loop_fn(void *arg);

int loop_new(struct loop **out); /* 0 or -errno */
void loop_free(struct loop *l);  /* runs what is still deferred or posted first */
void loop_run(struct loop *l);   /* until loop_stop() */
void loop_stop(struct loop *l);
bool loop_turn(struct loop *l, int max_wait_ms); /* one turn, which waits so long at most; -1: for ever; false once stopped */
int loop_fd(const struct loop *l);      /* readable when a turn has something to do; it stays the loop's */
int loop_wait_ms(const struct loop *l); /* until a turn has something to do though loop_fd() is silent; -1: for ever */

int64_t loop_now_ms(const struct loop *l); /* monotonic; within a turn it stands still */
uint64_t loop_turns(const struct loop *l);  /* how many have begun: names the present one */

/* --- descriptors; the struct is embedded in its owner --- */

struct loop_watch;
typedef void loop_ready_fn(struct loop_watch *w, uint32_t events); /* EPOLLIN … of epoll_ctl(2) */
struct loop_watch {
	loop_ready_fn *ready;
	int fd;                /* -1 when not watched */
	uint32_t events;
};
int loop_watch(struct loop *l, struct loop_watch *w, int fd, uint32_t events, loop_ready_fn *ready); /* 0 or -errno */
void loop_rewatch(struct loop *l, struct loop_watch *w, uint32_t events); /* other events */
void loop_unwatch(struct loop *l, struct loop_watch *w);                  /* before the fd is closed; nothing if not watched */

/* --- timers, one-shot; embedded; a zeroed one is not set --- */

struct loop_timer;
typedef void loop_timer_fn(struct loop_timer *t);
struct loop_timer {
	loop_timer_fn *due;
	int64_t at_ms;
	uint32_t slot;         /* inner: place in the heap + 1; 0 when not set */
};
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t wait_ms, loop_timer_fn *due); /* again: moves it */
void loop_timer_clear(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->slot != 0;
}

/* --- calls --- */

void loop_post(struct loop *l, loop_fn *fn, void *arg);  /* any thread: runs on the loop, in order */
void loop_defer(struct loop *l, loop_fn *fn, void *arg); /* at the end of this turn, in order */
void loop_next(struct loop *l, loop_fn *fn, void *arg);  /* at the start of the next turn, after its ready descriptors */

/* Called on the loop for each of these signals, which are blocked for the process from then on: before other threads start. */
int loop_signals(struct loop *l, const int *signals, size_t n, void (*fn)(void *user, int signal), void *user);

#endif
