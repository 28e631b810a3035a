/* probe.h: asking filesystems how full they are, without waiting for dead ones.
 *
 * statfs(2) on a mount whose server has gone may never return, and nothing
 * interrupts it. A probe asks on a thread of its own. When that thread stays
 * with one mount for too long it is left there, and another one asks the rest:
 * so a dead mount costs one thread, which ends when the mount comes back. */
#ifndef COLLECTORS_PROBE_H
#define COLLECTORS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/vfs.h>

#define PROBE_PATIENCE_MS 2000 /* for one call; once it is spent, the rest of that round gets */
#define PROBE_HASTE_MS 250     /* so much for each: a busy host may let a thread wait for that long */
#define PROBE_LOST_REMOTE 16   /* threads left behind: from here on remote mounts are not asked any more, */
#define PROBE_LOST_ALL 32      /* and from here on none is */

struct probe_target {
	const char *path;      /* borrowed for the call */
	bool remote;
	/* the answer */
	bool hangs;            /* no answer, now or since an earlier round */
	int err;               /* 0 or -errno */
	struct statfs st;
};

struct probe;

struct probe *probe_new(void);
void probe_free(struct probe *p); /* threads that are left behind free what is theirs when they come back */

/* Asks all of them. One thread at a time. */
void probe_ask(struct probe *p, struct probe_target *targets, size_t n);

unsigned probe_lost(void); /* threads that are left behind now, of all probes */

#endif
