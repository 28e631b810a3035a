/* links.c: what the interfaces are, and what their links can carry, from
 * /sys/class/net (Documentation/ABI/testing/sysfs-class-net of the kernel).
 *
 * Many of these files wait for the kernel's RTNL lock (rtnetlink(7)). Whoever
 * makes or removes interfaces holds it, for seconds on a host of many containers;
 * and a driver may be slow to answer. So this collector has a thread of its own. */
#include "collectors/links.h"

#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { M_SPEED, METRICS };
static const struct metric metrics[] = {
	[M_SPEED] = { "net.speed", "bit/s", STORE_GAUGE, "What the link can carry; unknown for most virtual ones" },
};

struct state {
	char *sys;             /* folder of the interfaces */
	char **names;          /* of the last read, the loopback one included */
	size_t n;
};

#define NICS_MAX 4096

/* ---- files of an interface ---- */

static bool path_of(const char *sys, const char *nic, const char *file, char out[512])
{
	return snprintf(out, 512, "%s/%s/%s", sys, nic, file) < 512;
}

bool link_attribute(const char *sys, const char *nic, const char *file, int64_t *value)
{
	char path[512];

	return path_of(sys, nic, file, path) && !read_i64(AT_FDCWD, path, value);
}

static void link_text(const char *sys, const char *nic, const char *file, char *out, size_t size)
{
	char path[512];

	if (!path_of(sys, nic, file, path) || read_line(AT_FDCWD, path, out, size) < 0)
		out[0] = '\0';
}

double link_of(const char *sys, const char *nic)
{
	char state[32];

	link_text(sys, nic, "operstate", state, sizeof state);
	if (!state[0])
		return NAN;
	return !strcmp(state, "up") || !strcmp(state, "unknown"); /* most virtual ones never say more than that */
}

/* ---- the series ---- */

static void forget_names(struct state *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->names[i]);
	free(s->names);
	s->names = NULL;
	s->n = 0;
}

static void close_links(void *state)
{
	struct state *s = state;

	forget_names(s);
	free(s->sys);
}

static int open_links(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err;

	s->sys = xasprintf("%s/class/net", roots->sys);
	if (!access(s->sys, R_OK | X_OK))
		return 0;
	err = -errno;
	*why = "cannot read /sys/class/net";
	free(s->sys);
	return err;
}

static int list(struct state *s)
{
	DIR *dir = opendir(s->sys);
	struct dirent *e;
	struct stat st;

	if (!dir)
		return -errno;
	while (s->n < NICS_MAX && (e = readdir(dir))) {
		/* bonding_masters is a file among the interfaces. */
		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) || !S_ISDIR(st.st_mode))
			continue;
		s->names = xreallocarray(s->names, s->n + 1, sizeof *s->names);
		s->names[s->n++] = xstrdup(e->d_name);
	}
	closedir(dir);
	return 0;
}

static double speed_bps(const struct state *s, const char *nic)
{
	int64_t mbit;

	return link_of(s->sys, nic) == 1 && link_attribute(s->sys, nic, "speed", &mbit) && mbit > 0 ? (double)mbit * 1e6 : NAN;
}

static int read_links(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err;

	(void)now;
	forget_names(s);
	err = list(s);
	if (err)
		*why = "cannot read /sys/class/net";
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], "lo") != 0)
			sink_set_at(out, M_SPEED, s->names[i], speed_bps(s, s->names[i]));
	return err;
}

/* ---- node_exporter's ---- */

/* Attributes that are numbers. A driver refuses those that it does not have. */
static const struct {
	const char *file, *name;
	bool counter;
	double unit;
} attributes[] = {
	{ "addr_assign_type", "address_assign_type", false, 1 },
	{ "carrier", "carrier", false, 1 },
	{ "carrier_changes", "carrier_changes_total", true, 1 },
	{ "carrier_down_count", "carrier_down_changes_total", true, 1 },
	{ "carrier_up_count", "carrier_up_changes_total", true, 1 },
	{ "dev_id", "device_id", false, 1 },
	{ "dormant", "dormant", false, 1 },
	{ "flags", "flags", false, 1 },
	{ "ifindex", "iface_id", false, 1 },
	{ "iflink", "iface_link", false, 1 },
	{ "link_mode", "iface_link_mode", false, 1 },
	{ "mtu", "mtu_bytes", false, 1 },
	{ "name_assign_type", "name_assign_type", false, 1 },
	{ "netdev_group", "net_dev_group", false, 1 },
	{ "type", "protocol_type", false, 1 },
	{ "speed", "speed_bytes", false, 1e6 / 8 },
	{ "tx_queue_len", "transmit_queue_length", false, 1 },
};

static void expose_attributes(const struct state *s, struct buf *out)
{
	char family[80], help[96];

	for (size_t a = 0; a < sizeof attributes / sizeof *attributes; a++) {
		bool begun = false;

		snprintf(family, sizeof family, "node_network_%s", attributes[a].name);
		snprintf(help, sizeof help, "Network device property: %s", attributes[a].name);
		for (size_t i = 0; i < s->n; i++) {
			int64_t value;

			if (!link_attribute(s->sys, s->names[i], attributes[a].file, &value))
				continue;
			if (!begun)
				prom_family(out, family, attributes[a].counter ? PROM_COUNTER : PROM_GAUGE, help);
			begun = true;
			prom_sample(out, family, (double)value * attributes[a].unit, "device", s->names[i], NULL);
		}
	}
}

enum { ADDRESS, BROADCAST, DUPLEX, IFALIAS, OPERSTATE, STRINGS };
static const char *const strings[STRINGS] = { "address", "broadcast", "duplex", "ifalias", "operstate" };

static void expose_info(const struct state *s, struct buf *out)
{
	static const char info[] = "node_network_info", up[] = "node_network_up";
	char state[STRINGS][256];

	prom_family(out, info, PROM_GAUGE, "Non-numeric data from /sys/class/net/<iface>, value is always 1.");
	for (size_t i = 0; i < s->n; i++) {
		for (int k = 0; k < STRINGS; k++)
			link_text(s->sys, s->names[i], strings[k], state[k], sizeof state[k]);
		prom_sample(out, info, 1, "address", state[ADDRESS], "broadcast", state[BROADCAST], "device", s->names[i],
		            "duplex", state[DUPLEX], "ifalias", state[IFALIAS], "operstate", state[OPERSTATE], NULL);
	}
	prom_family(out, up, PROM_GAUGE, "Value is 1 if operstate is 'up', 0 otherwise.");
	for (size_t i = 0; i < s->n; i++) {
		link_text(s->sys, s->names[i], strings[OPERSTATE], state[OPERSTATE], sizeof state[OPERSTATE]);
		prom_sample(out, up, !strcmp(state[OPERSTATE], "up"), "device", s->names[i], NULL);
	}
}

static void expose_links(void *state, struct buf *out)
{
	const struct state *s = state;

	expose_attributes(s, out);
	if (s->n)
		expose_info(s, out);
}

const struct collector collector_links = {
	.name = "links",
	.help = "Network interfaces: what they are, the speed of their links",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 10000,
	.blocking = true,
	.state_bytes = sizeof(struct state),
	.open = open_links,
	.read = read_links,
	.expose = expose_links,
	.close = close_links,
};
