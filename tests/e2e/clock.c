/* clock.c: a wall clock that a test can set: put before a program with LD_PRELOAD, it adds the milliseconds that CLOCK_FILE holds.
 *
 * The kernel's timers go by its own clock: what is set for a time by ours is set for that time by the kernel's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static int64_t ahead_ns(void)
{
	const char *path = getenv("CLOCK_FILE");
	char text[32];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return atoll(text) * 1000000;
}

static void shift(struct timespec *t, int64_t ns)
{
	int64_t at = (int64_t)t->tv_sec * SECOND + t->tv_nsec + ns;

	at = at < 1 ? 1 : at; /* 0 would be no time at all for a timer */
	t->tv_sec = at / SECOND;
	t->tv_nsec = at % SECOND;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (!rc && id == CLOCK_REALTIME)
		shift(t, ahead_ns());
	return rc;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
	struct itimerspec at = *when;

	/* Those of the monotonic clock are set by an interval. */
	if ((flags & TFD_TIMER_ABSTIME) && (at.it_value.tv_sec || at.it_value.tv_nsec))
		shift(&at.it_value, -ahead_ns());
	return (int)syscall(SYS_timerfd_settime, fd, flags, &at, before);
}
