/* filesystem.c: how full the filesystems are: statfs(2) of what /proc/1/mounts
 * tells, as node_exporter does, or of one's own where that cannot be read.
 *
 * Percentages are df(1)'s: of what ordinary users can have. A mount that does
 * not answer is unknown until it does (probe.h), the others go on. */
#include "collectors/collectors.h"
#include "collectors/mounts.h"
#include "collectors/probe.h"
#include "collectors/prom.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	M_USED_PERCENT, M_USED, M_FREE, M_SIZE, M_INODES_PERCENT, M_INODES_USED, M_INODES_FREE, METRICS
};
#define BLOCK_METRICS M_INODES_PERCENT /* those before it every filesystem has, those from it not every */

static const struct metric metrics[] = {
	[M_USED_PERCENT]   = { "fs.used_percent",   "percent", STORE_GAUGE, "Space in use, of what ordinary users can have" },
	[M_USED]           = { "fs.used",           "bytes",   STORE_GAUGE, "Space in use" },
	[M_FREE]           = { "fs.free",           "bytes",   STORE_GAUGE, "Space that ordinary users can still have" },
	[M_SIZE]           = { "fs.size",           "bytes",   STORE_GAUGE, "Space in all" },
	[M_INODES_PERCENT] = { "fs.inodes_percent", "percent", STORE_GAUGE, "Inodes in use" },
	[M_INODES_USED]    = { "fs.inodes_used",    "",        STORE_GAUGE, "Inodes in use" },
	[M_INODES_FREE]    = { "fs.inodes_free",    "",        STORE_GAUGE, "Inodes that are free" },
};

struct state {
	struct source file;
	char *root;            /* put before every mount point; "" on a host */
	struct probe *probe;
	struct mounts mounts;  /* of the last read, and what they answered */
	struct probe_target *targets;
};

#define FILE_MAX (4u << 20)
#define MOUNTS_MAX 512

static void forget(struct state *s)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		free((char *)s->targets[i].path);
	free(s->targets);
	s->targets = NULL;
	mounts_release(&s->mounts);
}

static void close_filesystem(void *state)
{
	struct state *s = state;

	forget(s);
	source_close(&s->file);
	probe_free(s->probe);
	free(s->root);
	s->probe = NULL;
	s->root = NULL;
}

static int open_filesystem(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->file, roots->proc, "1/mounts", FILE_MAX);

	if (!err)
		err = source_read(&s->file);
	if (err) {
		source_close(&s->file);
		err = source_open(&s->file, roots->proc, "self/mounts", FILE_MAX);
	}
	if (err) {
		*why = "cannot read /proc/1/mounts nor /proc/self/mounts";
		return err;
	}
	s->root = xstrdup(strcmp(roots->root, "/") ? roots->root : "");
	s->probe = probe_new();
	return 0;
}

static void list(struct state *s)
{
	forget(s);
	mounts_parse(source_text(&s->file), MOUNTS_MAX, &s->mounts);
	s->targets = xcalloc(s->mounts.n, sizeof *s->targets);
	for (size_t i = 0; i < s->mounts.n; i++)
		s->targets[i] = (struct probe_target){
			.path = xasprintf("%s%s", s->root, s->mounts.at[i].point),
			.remote = s->mounts.at[i].remote,
		};
}

static double percent(double used, double free)
{
	return used + free > 0 ? 100 * used / (used + free) : NAN;
}

static void tell_unknown(const struct mount *m, struct sink *out)
{
	for (size_t i = 0; i < BLOCK_METRICS; i++)
		sink_set_at(out, i, m->point, NAN);
}

/* What the numbers of blocks count, as statvfs(3) and df(1) have it. f_bsize is what one request should be, which a network's
 * filesystem may say is more; node_exporter takes that all the same. */
static double block_bytes(const struct statfs *st)
{
	return (double)(st->f_frsize ? st->f_frsize : st->f_bsize);
}

/* A server that knows quotas may say that more is free than there is. */
static double in_use(uint64_t all, uint64_t free)
{
	return all > free ? (double)(all - free) : 0;
}

static void tell(const struct mount *m, const struct statfs *st, struct sink *out)
{
	double block = block_bytes(st), used = in_use(st->f_blocks, st->f_bfree) * block;
	double avail = (double)st->f_bavail * block, inodes_used = in_use(st->f_files, st->f_ffree), inodes_free = (double)st->f_ffree;

	sink_set_at(out, M_USED_PERCENT, m->point, percent(used, avail));
	sink_set_at(out, M_USED, m->point, used);
	sink_set_at(out, M_FREE, m->point, avail);
	sink_set_at(out, M_SIZE, m->point, (double)st->f_blocks * block);
	if (!st->f_files)
		return; /* btrfs, vfat: inodes are made as they are needed */
	sink_set_at(out, M_INODES_PERCENT, m->point, percent(inodes_used, inodes_free));
	sink_set_at(out, M_INODES_USED, m->point, inodes_used);
	sink_set_at(out, M_INODES_FREE, m->point, inodes_free);
}

static int read_filesystem(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->file);

	(void)now;
	(void)why;
	if (err)
		return err;
	list(s);
	probe_ask(s->probe, s->targets, s->mounts.n);
	for (size_t i = 0; i < s->mounts.n; i++) {
		const struct probe_target *t = &s->targets[i];

		if (!s->mounts.at[i].series)
			continue;
		if (t->hangs || t->err)
			tell_unknown(&s->mounts.at[i], out);
		else if (t->st.f_blocks) /* else it has no size: nothing is kept there */
			tell(&s->mounts.at[i], &t->st, out);
	}
	return 0;
}

/* --- /metrics --- */

struct answer {
	const struct mount *mount;
	const struct probe_target *target;
};

static double avail_bytes(const struct answer *a)
{
	return (double)a->target->st.f_bavail * (double)a->target->st.f_bsize;
}

static double failed(const struct answer *a)
{
	return a->target->hangs || a->target->err;
}

static double files(const struct answer *a)
{
	return (double)a->target->st.f_files;
}

static double files_free(const struct answer *a)
{
	return (double)a->target->st.f_ffree;
}

static double free_bytes(const struct answer *a)
{
	return (double)a->target->st.f_bfree * (double)a->target->st.f_bsize;
}

static double readonly(const struct answer *a)
{
	return a->mount->readonly;
}

static double size_bytes(const struct answer *a)
{
	return (double)a->target->st.f_blocks * (double)a->target->st.f_bsize;
}

static const struct {
	const char *name, *help;
	bool always;           /* also of a mount that did not answer */
	double (*value)(const struct answer *a);
} families[] = {
	{ "node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", false, avail_bytes },
	{ "node_filesystem_device_error", "Whether an error occurred while getting statistics for the given device.", true, failed },
	{ "node_filesystem_files", "Filesystem total file nodes.", false, files },
	{ "node_filesystem_files_free", "Filesystem total free file nodes.", false, files_free },
	{ "node_filesystem_free_bytes", "Filesystem free space in bytes.", false, free_bytes },
	{ "node_filesystem_readonly", "Filesystem read-only status.", false, readonly },
	{ "node_filesystem_size_bytes", "Filesystem size in bytes.", false, size_bytes },
};

static void expose_filesystem(void *state, struct buf *out)
{
	const struct state *s = state;

	for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
		bool begun = false;

		for (size_t i = 0; i < s->mounts.n; i++) {
			const struct mount *m = &s->mounts.at[i];
			const struct answer a = { m, &s->targets[i] };

			if (!m->exposed || (failed(&a) > 0 && !families[f].always))
				continue;
			if (!begun)
				prom_family(out, families[f].name, PROM_GAUGE, families[f].help);
			begun = true;
			prom_sample(out, families[f].name, families[f].value(&a), "device", m->device, "fstype", m->type,
			            "mountpoint", m->point, NULL);
		}
	}
}

const struct collector collector_filesystem = {
	.name = "filesystem",
	.help = "Filesystems: space and inodes",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.blocking = true,
	.state_bytes = sizeof(struct state),
	.open = open_filesystem,
	.read = read_filesystem,
	.expose = expose_filesystem,
	.close = close_filesystem,
};
