/* read.c: reading the kernel's files in one go. */
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_CAP 2048

bool path_join(char *out, size_t size, const char *folder, const char *path)
{
	size_t len = strlen(folder);

	while (len > 1 && folder[len - 1] == '/')
		len--;
	return snprintf(out, size, "%.*s/%s", (int)len, folder, path) < (int)size;
}

static int reopen(struct source *s)
{
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

int source_open(struct source *s, const char *folder, const char *path, size_t max)
{
	int err;

	*s = (struct source){ .path = xasprintf("%s/%s", folder, path), .max = max, .fd = -1 };
	err = reopen(s);
	if (err)
		source_close(s);
	return err;
}

void source_close(struct source *s)
{
	if (!s->path)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s->data);
	*s = (struct source){ .fd = -1 };
}

/* One byte always stays free for the NUL. */
static int grow(struct source *s)
{
	size_t cap = s->cap ? s->cap * 2 : FIRST_CAP;

	if (s->cap > s->max)
		return -EFBIG;
	s->data = xrealloc(s->data, cap);
	s->cap = cap;
	return 0;
}

static int read_all(struct source *s)
{
	int err = 0;

	for (s->len = 0; !err;) {
		ssize_t n;

		if (s->cap - s->len < 2) {
			err = grow(s);
			continue;
		}
		n = pread(s->fd, s->data + s->len, s->cap - s->len - 1, (off_t)s->len);
		if (n < 0 && errno != EINTR)
			err = -errno;
		if (n == 0)
			break;
		if (n > 0)
			s->len += (size_t)n;
	}
	if (s->cap)
		s->data[s->len] = '\0';
	return err;
}

int source_read(struct source *s)
{
	int err = s->fd < 0 ? reopen(s) : 0;

	if (err)
		return err;
	err = read_all(s);
	if (err && err != -EFBIG) {
		/* A descriptor can outlive what it stood for; the next read starts over. */
		close(s->fd);
		s->fd = -1;
	}
	return err;
}

struct text source_text(const struct source *s)
{
	return text_of(s->data ? s->data : "", s->data ? s->len : 0);
}

int read_once(int dir, const char *path, char *out, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		err = -errno;
	close(fd);
	out[len] = '\0';
	return err ? err : (int)len;
}

int read_line(int dir, const char *path, char *out, size_t size)
{
	int len = read_once(dir, path, out, size);

	while (len > 0 && strchr(" \t\r\n", out[len - 1]))
		out[--len] = '\0';
	return len;
}

int read_i64(int dir, const char *path, int64_t *out)
{
	char line[32], *end;
	int len = read_line(dir, path, line, sizeof line);
	long long n;

	if (len < 0)
		return len;
	errno = 0;
	n = strtoll(line, &end, 0);
	if (errno || end == line || *end)
		return -EINVAL;
	*out = n;
	return 0;
}
