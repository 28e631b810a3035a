/* reserve.c: a few megabytes kept for the hour in which the disk is full: then alerts are worth most, and have to be written down
 * before they are told. The file is given up when there is no room, and made again once there is plenty. */
#include "base/log.h"
#include "db/inner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_BYTES (4 * 1024 * 1024) /* about a hundred transactions */
#define PLENTY 16                       /* times as much is free, or we would be part of the trouble */

static bool plenty(const char *dir)
{
	struct statvfs s;

	return statvfs(dir, &s) == 0 && s.f_bavail * s.f_frsize >= (unsigned long)PLENTY * RESERVE_BYTES;
}

static bool make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return false;
	err = posix_fallocate(fd, 0, RESERVE_BYTES);
	close(fd);
	if (err)
		unlink(path);
	return !err;
}

void reserve_keep(struct db *db)
{
	struct stat st;

	if (db->reserved)
		return;
	db->reserved = stat(db->reserve_path, &st) == 0 && st.st_size == RESERVE_BYTES;
	if (!db->reserved && plenty(db->dir))
		db->reserved = make(db->reserve_path);
}

bool reserve_spend(struct db *db)
{
	if (!db->reserved)
		return false;
	db->reserved = false;
	if (unlink(db->reserve_path) < 0)
		return false;
	log_warn("db: %s: the disk is full: what was kept in reserve for that is used now", db->path);
	return true;
}
