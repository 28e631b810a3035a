/* faults.c: what storage says of its own faults: commands that a disk failed, errors that a filesystem found, disks that an array
 * lacks.
 *
 * /sys/block/DISK/device of SCSI and ATA disks, /sys/block/MD/md (Documentation/admin-guide/md.rst of the kernel), /sys/fs/ext4
 * (Documentation/ABI/testing/sysfs-fs-ext4), /sys/fs/btrfs. Storage in trouble may answer late, so this has a thread of its own. */
#include "collectors/collectors.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { M_DISK_ERRORS, M_DISK_TIMEOUTS, M_FS_ERRORS, M_RAID_MISSING, M_RAID_ERRORS, METRICS };

static const struct metric metrics[] = {
	[M_DISK_ERRORS]   = { "disk.errors",   "", STORE_COUNTER, "Commands that the disk failed since it was found (SCSI and ATA)" },
	[M_DISK_TIMEOUTS] = { "disk.timeouts", "", STORE_COUNTER, "Commands that the disk did not answer in time" },
	[M_FS_ERRORS]     = { "fs.errors",     "", STORE_COUNTER, "Errors found in the filesystem since it was last repaired (ext4), or since its counters were reset (btrfs)" },
	[M_RAID_MISSING]  = { "raid.missing",  "", STORE_GAUGE,   "Disks that the array lacks (md)" },
	[M_RAID_ERRORS]   = { "raid.errors",   "", STORE_COUNTER, "Read errors that the array made good from its other disks" },
};

#define THINGS_MAX 1024        /* of each folder */

struct state {
	char *block, *ext4, *btrfs;
};

/* --- folders --- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_thing(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Calls fn for what is in a folder, in the order of its names. -errno when it cannot be read. */
static int each(int dir, const char *path, void (*fn)(int dir, const char *name, void *user), void *user)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	struct dirent **things;

	if (fd < 0)
		return -errno;
	n = scandirat(fd, ".", &things, is_thing, by_name);
	for (int i = 0; i < n; i++) {
		if (i < THINGS_MAX)
			fn(fd, things[i]->d_name, user);
		free(things[i]);
	}
	if (n >= 0)
		free(things);
	close(fd);
	return n < 0 ? -EIO : 0;
}

/* dir/name/rest is a number: tells it. */
static void tell_number(struct sink *out, size_t metric, int dir, const char *name, const char *rest)
{
	char path[512];
	int64_t n;
	int err;

	if (!path_join(path, sizeof path, name, rest))
		return;
	err = read_i64(dir, path, &n);
	if (!err)
		sink_set_at(out, metric, name, (double)n);
	else if (err != -ENOENT && err != -ENODEV)
		sink_set_at(out, metric, name, NAN);
}

/* --- disks and arrays --- */

struct sum {
	int64_t n;
	bool any;
};

static void add_member(int dir, const char *name, void *user)
{
	struct sum *sum = user;
	char path[300];
	int64_t n;

	if (strncmp(name, "dev-", 4) != 0 || !path_join(path, sizeof path, name, "errors") || read_i64(dir, path, &n))
		return;
	sum->n += n;
	sum->any = true;
}

static void tell_block(int dir, const char *name, void *user)
{
	struct sum errors = { 0 };
	char path[300];

	tell_number(user, M_DISK_ERRORS, dir, name, "device/ioerr_cnt");
	tell_number(user, M_DISK_TIMEOUTS, dir, name, "device/iotmo_cnt");
	if (!path_join(path, sizeof path, name, "md") || each(dir, path, add_member, &errors))
		return;
	tell_number(user, M_RAID_MISSING, dir, name, "md/degraded");
	if (errors.any)
		sink_set_at(user, M_RAID_ERRORS, name, (double)errors.n);
}

/* --- filesystems --- */

static void tell_ext4(int dir, const char *name, void *user)
{
	tell_number(user, M_FS_ERRORS, dir, name, "errors_count");
}

static void first_name(int dir, const char *name, void *user)
{
	char *first = user;

	(void)dir;
	if (!first[0])
		snprintf(first, 256, "%s", name);
}

/* "write_errs 0\nread_errs 0\n…" of each device. */
static void add_device(int dir, const char *name, void *user)
{
	struct sum *sum = user;
	struct text t, line, word;
	char path[300], text[1024];
	uint64_t n;
	int len;

	if (!path_join(path, sizeof path, name, "error_stats"))
		return;
	len = read_once(dir, path, text, sizeof text);
	t = text_of(text, len > 0 ? (size_t)len : 0);
	while (text_line(&t, &line))
		if (text_word(&line, &word) && text_u64(&line, &n)) {
			sum->n += (int64_t)n;
			sum->any = true;
		}
}

/* A folder has the filesystem's UUID for its name; people know it by its first device. */
static void tell_btrfs(int dir, const char *name, void *user)
{
	struct sum errors = { 0 };
	char path[300], first[256] = "";

	if (!path_join(path, sizeof path, name, "devinfo") || each(dir, path, add_device, &errors) || !errors.any)
		return;
	if (!path_join(path, sizeof path, name, "devices") || each(dir, path, first_name, first) || !first[0])
		return;
	sink_set_at(user, M_FS_ERRORS, first, (double)errors.n);
}

/* --- the collector --- */

static void close_faults(void *state)
{
	struct state *s = state;

	free(s->block);
	free(s->ext4);
	free(s->btrfs);
	*s = (struct state){ 0 };
}

static int open_faults(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;

	s->block = xasprintf("%s/block", roots->sys);
	s->ext4 = xasprintf("%s/fs/ext4", roots->sys);
	s->btrfs = xasprintf("%s/fs/btrfs", roots->sys);
	if (!access(s->block, F_OK) || !access(s->ext4, F_OK) || !access(s->btrfs, F_OK))
		return 0;
	*why = "this host shows no disks and no filesystems in /sys";
	close_faults(s);
	return -ENOENT;
}

static int read_faults(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	const struct state *s = state;

	(void)now;
	(void)why;
	each(AT_FDCWD, s->block, tell_block, out);
	each(AT_FDCWD, s->ext4, tell_ext4, out);
	each(AT_FDCWD, s->btrfs, tell_btrfs, out);
	return 0;
}

const struct collector collector_faults = {
	.name = "faults",
	.help = "Faults of disks, arrays and filesystems",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 10000,
	.blocking = true,
	.state_bytes = sizeof(struct state),
	.open = open_faults,
	.read = read_faults,
	.close = close_faults,
};
