/* mounts.c: which filesystems are mounted, and which of them matter. */
#include "collectors/mounts.h"

#include "base/xmalloc.h"

#include <limits.h>
#include <stdlib.h>

/* Filesystems that hold nothing of their own (node_exporter's list). */
static const char *const pseudo_types[] = {
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl",
	"hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs",
	"selinuxfs", "squashfs", "sysfs", "tracefs",
};

/* Folders below which mounts are left out. Debian's node_exporter leaves out
 * /mnt and /media as well; disks are mounted there, so they do get series. */
static const struct {
	const char *folder;
	bool itself;           /* what is mounted right there, too */
	bool series;           /* left out of the series, not only of /metrics */
} hidden[] = {
	{ "/dev", true, true },
	{ "/proc", true, true },
	{ "/sys", true, true },
	{ "/run", true, true },
	{ "/mnt", true, false },
	{ "/media", true, false },
	{ "/var/lib/docker", false, true },
	{ "/var/lib/containers/storage", false, true },
};

static const char *const remote_types[] = {
	"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
	"virtiofs",
};

static bool in_list(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, list[i]))
			return true;
	return false;
}
#define IN(word, list) in_list(word, list, sizeof(list) / sizeof *(list))

static bool below(const char *point, const char *folder, bool itself)
{
	size_t len = strlen(folder);

	if (strncmp(point, folder, len))
		return false;
	return point[len] == '/' ? itself || point[len + 1] : itself && !point[len];
}

/* Removable disks of a desktop's user are below /run. */
static void judge(struct mount *m)
{
	bool pseudo = IN(m->type, pseudo_types);

	/* A container's root is an overlay, and its only disk. */
	m->series = !pseudo || (!strcmp(m->type, "overlay") && !strcmp(m->point, "/"));
	m->exposed = !pseudo;
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (below(m->point, hidden[i].folder, hidden[i].itself)) {
			m->exposed = false;
			m->series = m->series && (!hidden[i].series || below(m->point, "/run/media", false));
		}
	m->remote = IN(m->type, remote_types) || !strncmp(m->type, "fuse", 4);
}

static char *unescape_take(const struct text *word)
{
	char plain[PATH_MAX];

	return xmemdup(plain, text_unescape(word, plain, sizeof plain));
}

/* "rw,relatime": is one of the options ro? */
static bool is_readonly(struct text options)
{
	struct text option;

	while (text_until(&options, ',', &option))
		if (text_is(&option, "ro"))
			return true;
	return text_is(&options, "ro");
}

static void mount_release(struct mount *m)
{
	free(m->device);
	free(m->point);
	free(m->type);
}

/* "/dev/sda1 /srv/My\040Files ext4 rw,relatime 0 0" */
static bool parse(struct text *line, struct mount *m)
{
	struct text device, point, type, options;

	if (!text_word(line, &device) || !text_word(line, &point) || !text_word(line, &type) || !text_word(line, &options))
		return false;
	*m = (struct mount){
		.device = unescape_take(&device),
		.point = unescape_take(&point),
		.type = unescape_take(&type),
		.readonly = is_readonly(options),
	};
	judge(m);
	return true;
}

static bool known(const struct mounts *list, const struct mount *m)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->at[i].point, m->point) && !strcmp(list->at[i].device, m->device) &&
		    !strcmp(list->at[i].type, m->type))
			return true;
	return false;
}

void mounts_parse(struct text text, size_t most, struct mounts *out)
{
	struct text line;
	struct mount m;

	*out = (struct mounts){ 0 };
	while (out->n < most && text_line(&text, &line)) {
		if (!parse(&line, &m))
			continue;
		if ((!m.series && !m.exposed) || known(out, &m)) {
			mount_release(&m);
			continue;
		}
		out->at = xreallocarray(out->at, out->n + 1, sizeof *out->at);
		out->at[out->n++] = m;
	}
}

void mounts_release(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		mount_release(&m->at[i]);
	free(m->at);
	*m = (struct mounts){ 0 };
}
