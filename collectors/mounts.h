/* mounts.h: which filesystems are mounted, and which of them matter.
 *
 * /proc/PID/mounts (proc(5), fstab(5)). Pure; any thread. */
#ifndef COLLECTORS_MOUNTS_H
#define COLLECTORS_MOUNTS_H

#include "collectors/text.h"

#include <stdbool.h>
#include <stddef.h>

struct mount {
	char *device, *point, *type; /* owned; \040 and its like are undone */
	bool readonly;
	bool series;           /* a real filesystem: it gets series */
	bool exposed;          /* shown in /metrics, by the rules of Debian's node_exporter */
	bool remote;           /* behind a network or a program, either of which may be dead */
};
struct mounts {
	struct mount *at;
	size_t n;
};

/* Those that get series or are exposed, at most most of them; the rest is left out. */
void mounts_parse(struct text text, size_t most, struct mounts *out);
void mounts_release(struct mounts *m);

#endif
