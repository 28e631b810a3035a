/* supervisor.c: sd_notify(3), without a library. */
#include "app/supervisor.h"

#include "base/list.h"
#include "base/log.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_US UINT64_C(86400000000) /* a day: whoever waits longer need not hear more often */

struct supervisor {
	struct loop *loop;
	struct loop_timer timer;
	struct sockaddr_un address;
	socklen_t address_len;
	int fd;                        /* -1: nobody listens */
	int64_t watchdog_ms;           /* 0: nobody waits for pings */
};

/* --- the environment --- */

/* A path, or behind an @ a name that is not in the filesystem (unix(7)). */
static int read_address(struct supervisor *s, const char *path)
{
	size_t len = strlen(path);

	if ((*path != '/' && *path != '@') || len < 2)
		return -EAFNOSUPPORT;
	if (len >= sizeof s->address.sun_path)
		return -ENAMETOOLONG;
	s->address.sun_family = AF_UNIX;
	memcpy(s->address.sun_path, path, len + 1);
	s->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*path == '/'));
	if (*path == '@')
		s->address.sun_path[0] = '\0';
	return 0;
}

static void open_socket(struct supervisor *s, const char *path)
{
	int err = read_address(s, path);

	if (!err)
		s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!err && s->fd < 0)
		err = -errno;
	if (err)
		log_warn("cannot tell the service manager at NOTIFY_SOCKET=%s: %s", path, strerror(-err));
}

/* sd_watchdog_enabled(3). WATCHDOG_PID: whom it is for, as one process may have started another. */
static int64_t read_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us = usec ? strtoull(usec, NULL, 10) : 0;

	if (pid && strtoll(pid, NULL, 10) != getpid())
		return 0;
	return us ? (int64_t)((us < LONGEST_US ? us : LONGEST_US) / 1000) : 0;
}

struct supervisor *supervisor_new(struct loop *loop)
{
	static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
	struct supervisor *s = xzalloc(sizeof *s);
	const char *path = getenv("NOTIFY_SOCKET");

	s->loop = loop;
	s->fd = -1;
	if (path && *path)
		open_socket(s, path);
	s->watchdog_ms = read_watchdog_ms();
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	return s;
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	loop_timer_clear(s->loop, &s->timer);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* --- telling --- */

static int tell(const struct supervisor *s, const char *state)
{
	const struct sockaddr *to = (const struct sockaddr *)&s->address;

	if (s->fd < 0)
		return 0;
	return sendto(s->fd, state, strlen(state), MSG_NOSIGNAL, to, s->address_len) < 0 ? -errno : 0;
}

static void tell_or_warn(const struct supervisor *s, const char *state)
{
	int err = tell(s, state);

	if (err)
		log_warn("cannot tell the service manager %.*s: %s", (int)strcspn(state, "\n"), state, strerror(-err));
}

/* A ping that gets lost is followed by another in time. */
static void ping(struct loop_timer *t)
{
	struct supervisor *s = list_item(t, struct supervisor, timer);

	tell(s, "WATCHDOG=1");
	loop_timer_set(s->loop, t, s->watchdog_ms / 2, ping);
}

void supervisor_ready(struct supervisor *s, const char *status)
{
	char state[300];

	snprintf(state, sizeof state, "READY=1\nSTATUS=%s", status);
	tell_or_warn(s, state);
	if (s->fd >= 0 && s->watchdog_ms && !loop_timer_is_set(&s->timer))
		loop_timer_set(s->loop, &s->timer, s->watchdog_ms / 2, ping);
}

/* When it began is what Type=notify-reload asks for. */
void supervisor_reloading(struct supervisor *s)
{
	struct timespec t;
	char state[100];

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	tell_or_warn(s, state);
}

void supervisor_stopping(struct supervisor *s)
{
	tell_or_warn(s, "STOPPING=1\nSTATUS=Ending");
}
