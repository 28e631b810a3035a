/* fixture.h: the hosts of tests/fixtures, laid out in a folder for collectors to read.
 *
 * tests/fixtures/HOST/0 is a host's first moment, whole: proc, sys, root,
 * statfs, what its filesystems answer, and timex, what its clock does. 1, 2 … hold only what changes in the
 * second after, and in `gone` what has disappeared. Files are written in place,
 * so that a collector which keeps them open sees them change, as /proc's do. */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "collectors/collectors.h"
#include "collectors/text.h"

#include "base/buf.h"
#include "base/xmalloc.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES "tests/fixtures"

/* --- the folder --- */

struct host {
	const char *name;
	char folder[256];      /* where it is laid out */
	char proc[300], sys[300], root[300];
	struct collect_roots roots;
	struct collect_time now;
};

static inline void slurp(const char *path, struct buf *out)
{
	char part[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	buf_reset(out);
	if (fd < 0)
		return;
	while ((n = read(fd, part, sizeof part)) > 0)
		buf_add(out, part, (size_t)n);
	close(fd);
}

static inline void spill(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static inline void copy_link(const char *from, const char *to)
{
	char target[512];
	ssize_t n = readlink(from, target, sizeof target - 1);

	assert_true(n > 0);
	target[n] = '\0';
	unlink(to);
	assert_int_equal(symlink(target, to), 0);
}

static inline void copy_tree(const char *from, const char *to)
{
	struct dirent *e;
	DIR *dir = opendir(from);
	struct buf data;

	if (!dir)
		return;
	mkdir(to, 0755);
	buf_init(&data, 16 << 20);
	while ((e = readdir(dir))) {
		char *a = xasprintf("%s/%s", from, e->d_name), *b = xasprintf("%s/%s", to, e->d_name);

		if (e->d_type == DT_LNK) {
			copy_link(a, b);
		} else if (e->d_type == DT_REG) {
			slurp(a, &data);
			spill(b, data.data, data.len);
		} else if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
			copy_tree(a, b);
		}
		free(a);
		free(b);
	}
	closedir(dir);
	buf_release(&data);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What is listed in `gone`, a path a line. */
static inline void remove_gone(const struct host *h, const char *step)
{
	char *list = xasprintf("%s/gone", step), *line, *next;
	struct buf data;

	buf_init(&data, 1 << 20);
	slurp(list, &data);
	for (line = data.data; line && *line; line = next) {
		char *path;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		path = xasprintf("%s/%s", h->folder, line);
		remove_tree(path);
		free(path);
	}
	buf_release(&data);
	free(list);
}

/* False when the host has no such step. A second passes from step to step. */
static inline bool host_step(struct host *h, int step)
{
	char *from = xasprintf(FIXTURES "/%s/%d", h->name, step);
	bool there = access(from, F_OK) == 0;

	if (there) {
		remove_gone(h, from);
		copy_tree(from, h->folder);
		h->now = (struct collect_time){
			.wall_ms = INT64_C(1700000000000) + step * 1000,
			.mono_ns = (5 + step) * INT64_C(1000000000),
		};
	}
	free(from);
	return there;
}

static struct host *host_of_answers; /* whose answers statfs() and adjtimex() give */

static inline void host_open(struct host *h, const char *name)
{
	const char *tmp = getenv("TMPDIR");

	*h = (struct host){ .name = name };
	snprintf(h->folder, sizeof h->folder, "%s/vedette-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(h->folder));
	snprintf(h->proc, sizeof h->proc, "%s/proc", h->folder);
	snprintf(h->sys, sizeof h->sys, "%s/sys", h->folder);
	snprintf(h->root, sizeof h->root, "%s/root", h->folder);
	h->roots = (struct collect_roots){ h->proc, h->sys, h->root };
	host_of_answers = h;
	assert_true(host_step(h, 0));
}

static inline void host_close(struct host *h)
{
	host_of_answers = NULL;
	remove_tree(h->folder);
}

/* --- what its filesystems answer --- */

/* "/srv 4096 2500000 1000000 870000 655360 500000": block size, blocks, free,
 * available, files, free, and what a block is counted in where that is another
 * size; or "/srv error 116". */
static inline int answer(const char *line, struct statfs *st)
{
	unsigned long long n[7] = { 0 };
	int err;

	if (sscanf(line, " error %d", &err) == 1) {
		errno = err;
		return -1;
	}
	assert_true(sscanf(line, "%llu %llu %llu %llu %llu %llu %llu", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6]) >= 6);
	*st = (struct statfs){ 0 };
	st->f_bsize = (__typeof__(st->f_bsize))n[0];
	st->f_blocks = n[1];
	st->f_bfree = n[2];
	st->f_bavail = n[3];
	st->f_files = n[4];
	st->f_ffree = n[5];
	st->f_frsize = (__typeof__(st->f_frsize))n[6];
	return 0;
}

static inline int fixture_statfs(const char *path, struct statfs *st)
{
	const struct host *h = host_of_answers;
	char *list, point[512], *line;
	struct buf data;
	int result = -1;

	if (!h)
		return (int)syscall(SYS_statfs, path, st);
	assert_int_equal(strncmp(path, h->root, strlen(h->root)), 0);
	snprintf(point, sizeof point, "\n%s ", path + strlen(h->root));
	for (char *c = point + 1; *c; c++)
		if (*c == '\n')
			*c = '?';
	list = xasprintf("%s/statfs", h->folder);
	buf_init(&data, 1 << 20);
	slurp(list, &data);
	line = !strncmp(data.data, point + 1, strlen(point + 1)) ? data.data - 1 : strstr(data.data, point);
	errno = ENOENT;
	if (line)
		result = answer(line + strlen(point), st);
	buf_release(&data);
	free(list);
	return result;
}

/* --- what its clock answers --- */

/* "5 64 0 0 16000000 16000000 2 10000 0": the state, then status, offset, frequency, greatest and estimated error, time constant,
 * tick and TAI offset of adjtimex(2). A host without the file is a sandbox that does not let anyone ask. */
static inline int fixture_adjtimex(struct timex *t)
{
	const struct host *h = host_of_answers;
	char *path;
	struct buf data;
	int clock = -1;

	if (!h)
		return (int)syscall(SYS_adjtimex, t);
	assert_int_equal(t->modes, 0);
	path = xasprintf("%s/timex", h->folder);
	buf_init(&data, 4096);
	slurp(path, &data);
	if (sscanf(data.data, "%d %d %ld %ld %ld %ld %ld %ld %d", &clock, &t->status, &t->offset, &t->freq, &t->maxerror, &t->esterror,
	           &t->constant, &t->tick, &t->tai) != 9) {
		clock = -1;
		errno = EPERM;
	}
	buf_release(&data);
	free(path);
	return clock;
}

/* --- a sink that writes down what it is told --- */

struct sink {
	const struct collector *collector;
	struct buf text;       /* "cpu.usage/0 12.5\n" … */
	size_t n;
};

static inline void sink_init(struct sink *s, const struct collector *c)
{
	*s = (struct sink){ .collector = c };
	buf_init(&s->text, 16 << 20);
}

static inline void note(struct sink *out, size_t metric, const char *instance, double value)
{
	struct text raw = text_of(instance, instance ? strlen(instance) : 0);
	char clean[512];

	assert_true(metric < out->collector->nmetrics);
	text_clean(&raw, clean, sizeof clean);
	buf_addf(&out->text, isnan(value) ? "%s%s%s unknown\n" : "%s%s%s %.6g\n", out->collector->metrics[metric].family,
	         instance ? "/" : "", clean, value);
	out->n++;
}

void sink_set(struct sink *out, size_t metric, double value)
{
	note(out, metric, NULL, value);
}

void sink_set_at(struct sink *out, size_t metric, const char *instance, double value)
{
	assert_non_null(instance);
	note(out, metric, instance, value);
}

/* The value of a series among those told; false when it was not told. */
static inline bool sink_value(const struct sink *s, const char *id, double *value)
{
	char *key = xasprintf("\n%s ", id), *at;
	bool first = !strncmp(s->text.data, key + 1, strlen(key) - 1);

	at = first ? s->text.data + strlen(key) - 1 : strstr(s->text.data, key);
	if (at && !first)
		at += strlen(key);
	if (at)
		*value = !strncmp(at, "unknown", 7) ? (double)NAN : strtod(at, NULL);
	free(key);
	return at;
}

static inline const struct collector *collector_named(const char *name)
{
	for (size_t i = 0; i < collectors_len; i++)
		if (!strcmp(collectors[i]->name, name))
			return collectors[i];
	fail_msg("no collector %s", name);
	return NULL;
}

#endif
