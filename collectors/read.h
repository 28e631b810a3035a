/* read.h: reading the kernel's files in one go.
 *
 * A source stays open from read to read, so that most reads are one pread(2):
 * files of /proc and /sys are made anew whenever they are read from their
 * start (proc(5)). One thread at a time. A zeroed source is a closed one. */
#ifndef COLLECTORS_READ_H
#define COLLECTORS_READ_H

#include "collectors/text.h"

#include <stddef.h>

struct source {
	char *path;
	char *data;            /* of the last read; ends in NUL */
	size_t len, cap, max;
	int fd;                /* -1: opened anew by the next read */
};

/* 0 or -errno. A file of more than max bytes fails with -EFBIG when it is read. */
int source_open(struct source *s, const char *folder, const char *path, size_t max);
int source_read(struct source *s);
void source_close(struct source *s);
struct text source_text(const struct source *s); /* borrowed until the next read */

/* Once, without keeping it open: the length, or -errno. What does not fit in
 * size - 1 bytes is cut. dir is a folder's descriptor, or AT_FDCWD. */
int read_once(int dir, const char *path, char *out, size_t size);
/* An attribute: one line, without blanks at its end. */
int read_line(int dir, const char *path, char *out, size_t size);
/* A number, decimal or 0x…; 0 or -errno (-EINVAL when it is none). */
int read_i64(int dir, const char *path, int64_t *out);

/* folder/path in a buffer of the caller's; false when it does not fit. */
bool path_join(char *out, size_t size, const char *folder, const char *path);

#endif
