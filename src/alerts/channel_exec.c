/* channel_exec.c: a program of the operator's: fixed arguments, the alert object on standard input and its main
 * members in the environment. No shell: nothing in an alert is ever a command. */
#include "alerts/channel.h"

#include "base/json.h"
#include "base/list.h"
#include "base/xmalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *body(const struct telling *t, struct buf *out)
{
	telling_object(t, out);
	return "application/json";
}

struct child {
	struct link link;
	struct loop *loop;
	struct loop_watch exit;        /* a pidfd: ready when it has ended */
	struct loop_timer timer;
	pid_t pid;
	int start_error;
	const char *killed;            /* why; NULL: it was not */
	attempt_done_fn *done;
	void *user;
};

static struct link children = {&children, &children};

static void finish(struct child *c, const struct attempt_result *r)
{
	list_remove(&c->link);
	loop_timer_clear(c->loop, &c->timer);
	c->done(c->user, r);
	free(c);
}

static void collect(struct child *c)
{
	struct attempt_result r = {.retry_after_ms = -1};
	int fd = c->exit.fd, status = 0;
	char text[80];

	waitpid(c->pid, &status, 0);   /* it has ended, or was killed: no wait to speak of */
	loop_unwatch(c->loop, &c->exit);
	close(fd);
	r.delivered = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	if (c->killed)
		snprintf(text, sizeof text, "%s", c->killed);
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof text, "was ended by signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof text, "exited with %d", r.status);
	r.error = r.delivered ? NULL : text;
	finish(c, &r);
}

static void on_exit_ready(struct loop_watch *w, uint32_t events)
{
	(void)events;
	collect(list_item(w, struct child, exit));
}

static void on_timeout(struct loop_timer *t)
{
	struct child *c = list_item(t, struct child, timer);

	c->killed = "took too long and was ended";
	kill(-c->pid, SIGKILL); /* it leads a group of its own */
}

static void cannot_start(struct child *c)
{
	struct attempt_result r = {.retry_after_ms = -1, .error = strerror(c->start_error)};

	finish(c, &r);
}

static void on_start_failed(struct loop_timer *t)
{
	cannot_start(list_item(t, struct child, timer));
}

/* NAME=value from a member of the alert; empty for null. */
static char *variable(struct slice alert, const char *name, const char *member)
{
	struct slice value;
	struct buf text;
	char *line;

	buf_init(&text, 4096);
	if (json_get(alert, member, &value)) {
		if (json_type(value) == JSON_IS_STRING)
			json_unquote(&text, value);
		else if (json_type(value) != JSON_IS_NULL)
			json_add_slice(&text, value);
	}
	line = xasprintf("%s=%s", name, text.data);
	buf_release(&text);
	return line;
}

static const char *const variables[][2] = {
	{"VEDETTE_ID", "id"},         {"VEDETTE_RULE", "rule"},         {"VEDETTE_TYPE", "type"},
	{"VEDETTE_SERIES", "series"}, {"VEDETTE_VALUE", "value"},       {"VEDETTE_THRESHOLD", "threshold"},
	{"VEDETTE_STATE", "state"},   {"VEDETTE_SEVERITY", "severity"}, {"VEDETTE_SUMMARY", "summary"},
	{"VEDETTE_HOST", "host"},     {"VEDETTE_URL", "url"},           {"VEDETTE_RUNBOOK", "runbook"},
};
#define VARIABLES (sizeof variables / sizeof *variables)

static int spawn(const struct attempt *a, int input, pid_t *pid)
{
	const struct channel *c = a->channel;
	char **argv = xcalloc(c->ncommand + 1, sizeof *argv), *env[VARIABLES + 2];
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int err;

	for (size_t i = 0; i < c->ncommand; i++)
		argv[i] = c->command[i];
	for (size_t i = 0; i < VARIABLES; i++)
		env[i] = variable(slice_of(a->body, a->len), variables[i][0], variables[i][1]);
	env[VARIABLES] = xstrdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env[VARIABLES + 1] = NULL;
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE); /* we ignore it, and a program would inherit that (signal(7)) */
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	err = posix_spawn(pid, argv[0], &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(argv);
	return err;
}

/* The body in a file of memory: a program that reads slowly, or not at all, blocks nobody. */
static int input_of(const struct attempt *a)
{
	int fd = memfd_create("alert", MFD_CLOEXEC);

	if (fd >= 0 && (write(fd, a->body, a->len) != (ssize_t)a->len || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* 0 or an errno. One that cannot be watched is not left to itself. */
static int start(const struct attempt *a, struct child *c)
{
	int input = input_of(a), err = input < 0 ? errno : spawn(a, input, &c->pid), fd;

	if (input >= 0)
		close(input);
	if (err)
		return err;
	fd = pidfd_open(c->pid, 0);
	if (fd < 0) {
		err = errno;
		kill(-c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
		return err;
	}
	loop_watch(c->loop, &c->exit, fd, EPOLLIN, on_exit_ready);
	return 0;
}

static void send_exec(const struct attempt *a, attempt_done_fn *done, void *user)
{
	struct child *c = xzalloc(sizeof *c);

	c->loop = a->loop;
	c->done = done;
	c->user = user;
	c->start_error = start(a, c);
	list_push(&children, &c->link);
	if (c->start_error)
		loop_timer_set(c->loop, &c->timer, 0, on_start_failed); /* done is never called from within */
	else
		loop_timer_set(c->loop, &c->timer, a->channel->timeout_ms, on_timeout);
}

/* NULL, or why it cannot be run by who runs this. */
static const char *not_a_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is no program";
	return access(path, X_OK) < 0 ? "is not executable: chmod +x would make it so" : NULL;
}

static bool check(const struct channel *c, char *why, size_t size)
{
	const char *fault;

	if (!c->ncommand || c->command[0][0] != '/') {
		snprintf(why, size, "command must be a list that starts with the full path of a program: {\"/usr/local/bin/page\", \"--now\"}");
		return false;
	}
	fault = not_a_program(c->command[0]);
	if (fault)
		snprintf(why, size, "command: %.200s: %s", c->command[0], fault);
	return !fault;
}

static void end(void)
{
	list_each(&children, l, after) {
		struct child *c = list_item(l, struct child, link);

		if (c->start_error) {
			cannot_start(c);
			continue;
		}
		c->killed = "given up: the program ends";
		kill(-c->pid, SIGKILL);
		collect(c);
	}
}

const struct channel_kind channel_exec = {"exec", body, send_exec, check, end};
