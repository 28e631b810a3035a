/* network.c: what goes over the interfaces, from /proc/net/dev (proc(5)), and
 * their links, from /sys/class/net (Documentation/ABI/testing/sysfs-class-net of
 * the kernel).
 *
 * The loopback interface has no series, as node_exporter has none of its
 * traffic: Vedette's own clients would be most of it. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The numbers of a line of /proc/net/dev, in their order. */
enum {
	RX_BYTES, RX_PACKETS, RX_ERRORS, RX_DROPS, RX_FIFO, RX_FRAME, RX_COMPRESSED, RX_MULTICAST,
	TX_BYTES, TX_PACKETS, TX_ERRORS, TX_DROPS, TX_FIFO, TX_COLLISIONS, TX_CARRIER, TX_COMPRESSED, FIELDS
};
enum {
	M_RX_BYTES, M_TX_BYTES, M_RX_PACKETS, M_TX_PACKETS, M_RX_ERRORS, M_TX_ERRORS, M_RX_DROPS, M_TX_DROPS, RATES,
	M_LINK = RATES, M_SPEED, METRICS
};

static const struct metric metrics[] = {
	[M_RX_BYTES]   = { "net.rx_bytes",   "bytes/s", STORE_RATE,  "Received" },
	[M_TX_BYTES]   = { "net.tx_bytes",   "bytes/s", STORE_RATE,  "Sent" },
	[M_RX_PACKETS] = { "net.rx_packets", "1/s",     STORE_RATE,  "Packets received" },
	[M_TX_PACKETS] = { "net.tx_packets", "1/s",     STORE_RATE,  "Packets sent" },
	[M_RX_ERRORS]  = { "net.rx_errors",  "1/s",     STORE_RATE,  "Packets received broken" },
	[M_TX_ERRORS]  = { "net.tx_errors",  "1/s",     STORE_RATE,  "Packets that could not be sent" },
	[M_RX_DROPS]   = { "net.rx_drops",   "1/s",     STORE_RATE,  "Packets received and dropped" },
	[M_TX_DROPS]   = { "net.tx_drops",   "1/s",     STORE_RATE,  "Packets dropped instead of sent" },
	[M_LINK]       = { "net.link",       "",        STORE_GAUGE, "1 while the interface has a link, else 0" },
	[M_SPEED]      = { "net.speed",      "bit/s",   STORE_GAUGE, "What the link can carry; unknown for most virtual ones" },
};

static const int rate_fields[RATES] = {
	[M_RX_BYTES] = RX_BYTES,     [M_TX_BYTES] = TX_BYTES,   [M_RX_PACKETS] = RX_PACKETS, [M_TX_PACKETS] = TX_PACKETS,
	[M_RX_ERRORS] = RX_ERRORS,   [M_TX_ERRORS] = TX_ERRORS, [M_RX_DROPS] = RX_DROPS,     [M_TX_DROPS] = TX_DROPS,
};

static const char *const field_names[FIELDS] = {
	[RX_BYTES] = "receive_bytes",      [RX_PACKETS] = "receive_packets",       [RX_ERRORS] = "receive_errs",
	[RX_DROPS] = "receive_drop",       [RX_FIFO] = "receive_fifo",             [RX_FRAME] = "receive_frame",
	[RX_COMPRESSED] = "receive_compressed", [RX_MULTICAST] = "receive_multicast", [TX_BYTES] = "transmit_bytes",
	[TX_PACKETS] = "transmit_packets", [TX_ERRORS] = "transmit_errs",          [TX_DROPS] = "transmit_drop",
	[TX_FIFO] = "transmit_fifo",       [TX_COLLISIONS] = "transmit_colls",     [TX_CARRIER] = "transmit_carrier",
	[TX_COMPRESSED] = "transmit_compressed",
};

struct nic {
	struct roster_item item;
	uint64_t now[FIELDS], base[FIELDS];
	double rate[RATES];
	bool known;
	double link, speed_bps;
	unsigned since_speed;  /* reads since speed_bps was asked for */
};

struct state {
	struct source dev;
	struct span span;
	struct roster nics;
	char *sys;             /* folder of the interfaces */
};

#define FILE_MAX (4u << 20)
#define NICS_MAX 4096
#define RATE_MOST 1e12
#define SPEED_EVERY 30         /* reads: a driver is asked for it under the kernel's big network lock */

static void close_network(void *state)
{
	struct state *s = state;

	source_close(&s->dev);
	roster_release(&s->nics);
	free(s->sys);
	s->sys = NULL;
}

static int open_network(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->dev, roots->proc, "net/dev", FILE_MAX);

	if (err) {
		*why = "cannot read /proc/net/dev";
		return err;
	}
	s->nics.item_bytes = sizeof(struct nic);
	s->nics.most = NICS_MAX;
	s->sys = xasprintf("%s/class/net", roots->sys);
	return 0;
}

static void compare(struct nic *n, double s)
{
	n->known = true;
	for (int i = 0; i < RATES; i++)
		n->rate[i] = counter_delta(n->base[rate_fields[i]], n->now[rate_fields[i]], RATE_MOST * s) / s;
}

static bool attribute(const struct state *s, const char *nic, const char *name, int64_t *value, int *err)
{
	char path[512];

	if (snprintf(path, sizeof path, "%s/%s/%s", s->sys, nic, name) >= (int)sizeof path)
		return false;
	*err = read_i64(AT_FDCWD, path, value);
	return !*err;
}

/* An interface that is switched off has no carrier to be read (EINVAL), which is no link. */
static void read_link(const struct state *s, struct nic *n)
{
	double before = n->link;
	int64_t value;
	int err = -ENOENT;

	if (attribute(s, n->item.name, "carrier", &value, &err))
		n->link = value != 0;
	else
		n->link = err == -EINVAL ? 0 : NAN;
	if (!n->item.fresh && n->link == before && ++n->since_speed < SPEED_EVERY)
		return;
	n->since_speed = 0;
	n->speed_bps = n->link == 1 && attribute(s, n->item.name, "speed", &value, &err) && value > 0 ?
		(double)value * 1e6 : NAN;
}

static void advance(struct nic *n, bool next, double span_s)
{
	if (next && !n->item.fresh)
		compare(n, span_s);
	memcpy(n->base, n->now, sizeof n->base);
}

/* "  eth0: 287163275    7400    0 …"; the two lines of titles have no colon. */
static struct nic *parse(struct state *s, struct text *line)
{
	uint64_t now[FIELDS];
	struct text name;
	struct nic *n;

	while (text_skip(line, " "))
		;
	if (!text_until(line, ':', &name) || text_is(&name, "lo") || text_u64s(line, now, FIELDS) < FIELDS)
		return NULL;
	n = roster_meet(&s->nics, &name);
	if (n)
		memcpy(n->now, now, sizeof n->now);
	return n;
}

static void tell(const struct nic *n, struct sink *out)
{
	for (size_t i = 0; n->known && i < RATES; i++)
		sink_set_at(out, i, n->item.name, n->rate[i]);
	sink_set_at(out, M_LINK, n->item.name, n->link);
	sink_set_at(out, M_SPEED, n->item.name, n->speed_bps);
}

static int read_network(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->dev);
	struct text text = source_text(&s->dev), line;
	bool next;

	(void)why;
	if (err)
		return err;
	next = span_next(&s->span, now);
	roster_begin(&s->nics);
	while (text_line(&text, &line)) {
		struct nic *n = parse(s, &line);

		if (!n)
			continue;
		advance(n, next, s->span.s);
		read_link(s, n);
		tell(n, out);
	}
	roster_end(&s->nics);
	return 0;
}

static void expose_traffic(const struct state *s, struct buf *out)
{
	char family[80], help[96];

	for (int f = 0; f < FIELDS; f++) {
		snprintf(family, sizeof family, "node_network_%s_total", field_names[f]);
		snprintf(help, sizeof help, "Network device statistic %s.", field_names[f]);
		prom_family(out, family, PROM_COUNTER, help);
		for (size_t i = 0; i < s->nics.n; i++) {
			const struct nic *n = (const struct nic *)s->nics.items[i];

			prom_sample(out, family, (double)n->now[f], "device", n->item.name, NULL);
		}
	}
}

/* Not in /proc/net/dev, but node_exporter has it, from netlink. */
static void expose_nohandler(const struct state *s, struct buf *out)
{
	static const char family[] = "node_network_receive_nohandler_total";
	bool begun = false;

	for (size_t i = 0; i < s->nics.n; i++) {
		int64_t value;
		int err;

		if (!attribute(s, s->nics.items[i]->name, "statistics/rx_nohandler", &value, &err))
			continue;
		if (!begun)
			prom_family(out, family, PROM_COUNTER, "Network device statistic receive_nohandler.");
		begun = true;
		prom_sample(out, family, (double)value, "device", s->nics.items[i]->name, NULL);
	}
}

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

/* The names of all interfaces, the loopback one included; the caller frees them. */
static char **list_take(const struct state *s, size_t *n)
{
	DIR *dir = opendir(s->sys);
	struct dirent *e;
	char **names = NULL;
	struct stat st;

	*n = 0;
	while (dir && *n < NICS_MAX && (e = readdir(dir))) {
		/* bonding_masters is a file among the interfaces. */
		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) || !S_ISDIR(st.st_mode))
			continue;
		names = xreallocarray(names, *n + 1, sizeof *names);
		names[(*n)++] = xstrdup(e->d_name);
	}
	if (dir)
		closedir(dir);
	return names;
}

static void expose_attributes(const struct state *s, char **names, size_t n, struct buf *out)
{
	char family[80], help[96];

	for (size_t a = 0; a < sizeof attributes / sizeof *attributes; a++) {
		bool begun = false;

		snprintf(family, sizeof family, "node_network_%s", attributes[a].name);
		snprintf(help, sizeof help, "Network device property: %s", attributes[a].name);
		for (size_t i = 0; i < n; i++) {
			int64_t value;
			int err;

			if (!attribute(s, names[i], attributes[a].file, &value, &err))
				continue;
			if (!begun)
				prom_family(out, family, attributes[a].counter ? PROM_COUNTER : PROM_GAUGE, help);
			begun = true;
			prom_sample(out, family, (double)value * attributes[a].unit, "device", names[i], NULL);
		}
	}
}

enum { ADDRESS, BROADCAST, DUPLEX, IFALIAS, OPERSTATE, STRINGS };
static const char *const strings[STRINGS] = { "address", "broadcast", "duplex", "ifalias", "operstate" };

static void read_string(const struct state *s, const char *nic, int which, char *out, size_t size)
{
	char path[512];

	if (snprintf(path, sizeof path, "%s/%s/%s", s->sys, nic, strings[which]) >= (int)sizeof path ||
	    read_line(AT_FDCWD, path, out, size) < 0)
		out[0] = '\0';
}

static void expose_info(const struct state *s, char **names, size_t n, struct buf *out)
{
	static const char info[] = "node_network_info", up[] = "node_network_up";
	char state[STRINGS][256];

	prom_family(out, info, PROM_GAUGE, "Non-numeric data from /sys/class/net/<iface>, value is always 1.");
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < STRINGS; k++)
			read_string(s, names[i], k, state[k], sizeof state[k]);
		prom_sample(out, info, 1, "address", state[ADDRESS], "broadcast", state[BROADCAST], "device", names[i],
		            "duplex", state[DUPLEX], "ifalias", state[IFALIAS], "operstate", state[OPERSTATE], NULL);
	}
	prom_family(out, up, PROM_GAUGE, "Value is 1 if operstate is 'up', 0 otherwise.");
	for (size_t i = 0; i < n; i++) {
		read_string(s, names[i], OPERSTATE, state[OPERSTATE], sizeof state[OPERSTATE]);
		prom_sample(out, up, !strcmp(state[OPERSTATE], "up"), "device", names[i], NULL);
	}
}

static void expose_network(void *state, struct buf *out)
{
	const struct state *s = state;
	size_t n;
	char **names = list_take(s, &n);

	expose_attributes(s, names, n, out);
	if (n)
		expose_info(s, names, n, out);
	if (s->nics.n) {
		expose_traffic(s, out);
		expose_nohandler(s, out);
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

const struct collector collector_network = {
	.name = "network",
	.help = "Network interfaces: traffic, errors, links",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_network,
	.read = read_network,
	.expose = expose_network,
	.close = close_network,
};
