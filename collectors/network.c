/* network.c: what goes over the interfaces, from /proc/net/dev (proc(5)), and
 * whether they have a link. Nothing here waits for the kernel's RTNL lock, which
 * is held for seconds where containers come and go: what does is in links.c.
 *
 * The loopback interface has no series, as node_exporter has none of its
 * traffic: Vedette's own clients would be most of it. */
#include "collectors/collectors.h"
#include "collectors/links.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The numbers of a line of /proc/net/dev, in their order. */
enum {
	RX_BYTES, RX_PACKETS, RX_ERRORS, RX_DROPS, RX_FIFO, RX_FRAME, RX_COMPRESSED, RX_MULTICAST,
	TX_BYTES, TX_PACKETS, TX_ERRORS, TX_DROPS, TX_FIFO, TX_COLLISIONS, TX_CARRIER, TX_COMPRESSED, FIELDS
};
enum {
	M_RX_BYTES, M_TX_BYTES, M_RX_PACKETS, M_TX_PACKETS, M_RX_ERRORS, M_TX_ERRORS, M_RX_DROPS, M_TX_DROPS, RATES,
	M_LINK = RATES, METRICS
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

static void tell(const struct state *s, const struct nic *n, struct sink *out)
{
	for (size_t i = 0; n->known && i < RATES; i++)
		sink_set_at(out, i, n->item.name, n->rate[i]);
	sink_set_at(out, M_LINK, n->item.name, link_of(s->sys, n->item.name));
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
		tell(s, n, out);
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

		if (!link_attribute(s->sys, s->nics.items[i]->name, "statistics/rx_nohandler", &value))
			continue;
		if (!begun)
			prom_family(out, family, PROM_COUNTER, "Network device statistic receive_nohandler.");
		begun = true;
		prom_sample(out, family, (double)value, "device", s->nics.items[i]->name, NULL);
	}
}

static void expose_network(void *state, struct buf *out)
{
	const struct state *s = state;

	if (!s->nics.n)
		return;
	expose_traffic(s, out);
	expose_nohandler(s, out);
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
