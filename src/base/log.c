/* log.c: one line a fact, to standard error. */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct level {
	const char *name;
	char priority; /* syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", '3'},
	[LOG_LEVEL_WARN] = {"warn", '4'},
	[LOG_LEVEL_INFO] = {"info", '6'},
	[LOG_LEVEL_DEBUG] = {"debug", '7'},
};

static atomic_int most = LOG_LEVEL_INFO;
static log_fn *listener;
static void *listener_user;

void log_set_level(enum log_level level)
{
	atomic_store(&most, (int)level);
}

void log_to(log_fn *fn, void *user)
{
	listener = fn;
	listener_user = user;
}

static size_t print_head(char *out, size_t size, enum log_level level)
{
	int64_t now = clock_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	char stamp[32];

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(out, size, "<%c>", levels[level].priority);
	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	return (size_t)snprintf(out, size, "%s.%03dZ %-5s ", stamp, (int)(now % 1000), levels[level].name);
}

/* A peer's bytes may be in the text: no control character reaches a terminal
 * or starts a line of its own. */
static void tame(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			s[i] = '?';
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	size_t head, len;
	va_list ap;
	int n;

	if ((int)level > atomic_load(&most))
		return;
	head = listener ? 0 : print_head(line, sizeof line, level);
	va_start(ap, fmt);
	n = vsnprintf(line + head, sizeof line - head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len = head + (size_t)n;
	if (len > sizeof line - 2)
		len = sizeof line - 2;
	tame(line + head, len - head);
	line[len] = '\0';
	if (listener) {
		listener(listener_user, level, line);
		return;
	}
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say it */
}
