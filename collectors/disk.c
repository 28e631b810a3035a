/* disk.c: what the disks do, from /proc/diskstats (Documentation/admin-guide/iostats.rst
 * of the kernel); what they are, from udev's records.
 *
 * Partitions are left out by node_exporter's rule, so is a disk that has never
 * done anything. A device's times are 32 bits of milliseconds and wrap. */
#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"

#include "base/xmalloc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	M_READ_BYTES, M_WRITE_BYTES, M_READS, M_WRITES, M_BUSY, M_AWAIT, M_QUEUE, METRICS
};

static const struct metric metrics[] = {
	[M_READ_BYTES]  = { "disk.read_bytes",  "bytes/s", STORE_RATE,  "Read from the disk" },
	[M_WRITE_BYTES] = { "disk.write_bytes", "bytes/s", STORE_RATE,  "Written to the disk" },
	[M_READS]       = { "disk.reads",       "1/s",     STORE_RATE,  "Reads completed" },
	[M_WRITES]      = { "disk.writes",      "1/s",     STORE_RATE,  "Writes completed" },
	[M_BUSY]        = { "disk.busy",        "percent", STORE_GAUGE, "Time in which at least one request was under way" },
	[M_AWAIT]       = { "disk.await",       "ms",      STORE_GAUGE, "What a request took, waiting included; unknown when there was none" },
	[M_QUEUE]       = { "disk.queue",       "",        STORE_GAUGE, "Requests under way, on average" },
};

/* The numbers that follow the name; older kernels end earlier (11 before 4.18, 15 before 5.5). */
enum {
	READS, READS_MERGED, READ_SECTORS, READ_MS, WRITES, WRITES_MERGED, WRITE_SECTORS, WRITE_MS, IN_FLIGHT, BUSY_MS,
	WEIGHTED_MS, DISCARDS, DISCARDS_MERGED, DISCARD_SECTORS, DISCARD_MS, FLUSHES, FLUSH_MS, FIELDS
};
#define SECTOR 512.0 /* of /proc/diskstats, whatever the disk's own are */

static const struct {
	int field;
	double unit;           /* what one of the field is in the family's unit */
	const char *family, *type, *help;
} families[] = {
	{ DISCARD_MS,      0.001,  "node_disk_discard_time_seconds_total",        PROM_COUNTER, "This is the total number of seconds spent by all discards." },
	{ DISCARD_SECTORS, 1,      "node_disk_discarded_sectors_total",           PROM_COUNTER, "The total number of sectors discarded successfully." },
	{ DISCARDS,        1,      "node_disk_discards_completed_total",          PROM_COUNTER, "The total number of discards completed successfully." },
	{ DISCARDS_MERGED, 1,      "node_disk_discards_merged_total",             PROM_COUNTER, "The total number of discards merged." },
	{ FLUSH_MS,        0.001,  "node_disk_flush_requests_time_seconds_total", PROM_COUNTER, "This is the total number of seconds spent by all flush requests." },
	{ FLUSHES,         1,      "node_disk_flush_requests_total",              PROM_COUNTER, "The total number of flush requests completed successfully" },
	{ IN_FLIGHT,       1,      "node_disk_io_now",                            PROM_GAUGE,   "The number of I/Os currently in progress." },
	{ BUSY_MS,         0.001,  "node_disk_io_time_seconds_total",             PROM_COUNTER, "Total seconds spent doing I/Os." },
	{ WEIGHTED_MS,     0.001,  "node_disk_io_time_weighted_seconds_total",    PROM_COUNTER, "The weighted # of seconds spent doing I/Os." },
	{ READ_SECTORS,    SECTOR, "node_disk_read_bytes_total",                  PROM_COUNTER, "The total number of bytes read successfully." },
	{ READ_MS,         0.001,  "node_disk_read_time_seconds_total",           PROM_COUNTER, "The total number of seconds spent by all reads." },
	{ READS,           1,      "node_disk_reads_completed_total",             PROM_COUNTER, "The total number of reads completed successfully." },
	{ READS_MERGED,    1,      "node_disk_reads_merged_total",                PROM_COUNTER, "The total number of reads merged." },
	{ WRITE_MS,        0.001,  "node_disk_write_time_seconds_total",          PROM_COUNTER, "This is the total number of seconds spent by all writes." },
	{ WRITES,          1,      "node_disk_writes_completed_total",            PROM_COUNTER, "The total number of writes completed successfully." },
	{ WRITES_MERGED,   1,      "node_disk_writes_merged_total",               PROM_COUNTER, "The number of writes merged." },
	{ WRITE_SECTORS,   SECTOR, "node_disk_written_bytes_total",               PROM_COUNTER, "The total number of bytes written successfully." },
};

struct disk {
	struct roster_item item;
	uint64_t now[FIELDS], base[FIELDS];
	size_t fields;         /* how many of now[] the kernel tells */
	unsigned major, minor;
	double value[METRICS];
	bool known;
};

struct state {
	struct source diskstats;
	struct span span;
	struct roster disks;
	char *udev;            /* folder of udev's records */
};

#define FILE_MAX (1u << 20)
#define DISKS_MAX 1024
#define MOST_OPS 1e9           /* a second */
#define MOST_SECTORS 1e10

static void close_disk(void *state)
{
	struct state *s = state;

	source_close(&s->diskstats);
	roster_release(&s->disks);
	free(s->udev);
	s->udev = NULL;
}

static int open_disk(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;
	int err = source_open(&s->diskstats, roots->proc, "diskstats", FILE_MAX);

	if (err) {
		*why = err == -ENOENT ? "this kernel has no /proc/diskstats" : "cannot read /proc/diskstats";
		return err;
	}
	s->disks.item_bytes = sizeof(struct disk);
	s->disks.most = DISKS_MAX;
	s->udev = xasprintf("%s/run/udev/data", roots->root);
	return 0;
}

static bool all_digits(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && isdigit((unsigned char)*p))
		p++;
	return p == end && p > from;
}

/* nvme0n1p */
static bool nvme_part(struct text t)
{
	const char *n;

	if (!text_skip(&t, "nvme") || t.at == t.end || t.end[-1] != 'p')
		return false;
	n = memchr(t.at, 'n', text_len(&t));
	return n && all_digits(t.at, n) && all_digits(n + 1, t.end - 1);
}

/* node_exporter's rule: ^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$ */
static bool left_out(const struct text *name)
{
	struct text t = *name;

	while (t.end > t.at && isdigit((unsigned char)t.end[-1]))
		t.end--;
	if (t.end == name->end)
		return false;
	if (text_is(&t, "ram") || text_is(&t, "loop") || text_is(&t, "fd") || nvme_part(t))
		return true;
	text_skip(&t, "x");
	if (t.at > name->at && (t.at == t.end || *t.at != 'v'))
		return false;
	return text_len(&t) == 3 && memchr("hsv", t.at[0], 3) && t.at[1] == 'd' && islower((unsigned char)t.at[2]);
}

static double grown(const struct disk *d, int field, double most)
{
	return counter_delta(d->base[field], d->now[field], most);
}

static void compare(struct disk *d, double s)
{
	double ms = s * 1000, ops, took;

	d->known = true;
	d->value[M_READS] = grown(d, READS, MOST_OPS * s) / s;
	d->value[M_WRITES] = grown(d, WRITES, MOST_OPS * s) / s;
	d->value[M_READ_BYTES] = grown(d, READ_SECTORS, MOST_SECTORS * s) * SECTOR / s;
	d->value[M_WRITE_BYTES] = grown(d, WRITE_SECTORS, MOST_SECTORS * s) * SECTOR / s;
	/* The kernel rounds to ticks, so a busy disk may show a little more than all of the time. */
	d->value[M_BUSY] = grown(d, BUSY_MS, ms * 2 + 1000) * 100 / ms;
	if (d->value[M_BUSY] > 100)
		d->value[M_BUSY] = 100;
	d->value[M_QUEUE] = grown(d, WEIGHTED_MS, ms * 1e6) / ms;
	ops = grown(d, READS, MOST_OPS * s) + grown(d, WRITES, MOST_OPS * s);
	took = grown(d, READ_MS, ms * 1e6) + grown(d, WRITE_MS, ms * 1e6);
	d->value[M_AWAIT] = ops > 0 ? took / ops : NAN;
}

static bool ever_used(const struct disk *d)
{
	uint64_t any = 0;

	for (size_t i = 0; i < d->fields; i++)
		any |= d->now[i];
	return any;
}

static void advance(struct disk *d, bool next, double span_s)
{
	if (next && !d->item.fresh)
		compare(d, span_s);
	memcpy(d->base, d->now, sizeof d->base);
}

/* " 254       0 vda 116561 24167 …" */
static struct disk *parse(struct state *s, struct text *line)
{
	uint64_t number[2], now[FIELDS] = { 0 };
	struct text name;
	struct disk *d;
	size_t n;

	if (text_u64s(line, number, 2) < 2 || !text_word(line, &name) || left_out(&name))
		return NULL;
	n = text_u64s(line, now, FIELDS);
	if (n <= WEIGHTED_MS || !(d = roster_meet(&s->disks, &name)))
		return NULL;
	memcpy(d->now, now, sizeof d->now);
	d->fields = n;
	d->major = (unsigned)number[0];
	d->minor = (unsigned)number[1];
	return d;
}

static int read_disk(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;
	int err = source_read(&s->diskstats);
	struct text text = source_text(&s->diskstats), line;
	bool next;

	(void)why;
	if (err)
		return err;
	next = span_next(&s->span, now);
	roster_begin(&s->disks);
	while (text_line(&text, &line)) {
		struct disk *d = parse(s, &line);

		if (!d)
			continue;
		advance(d, next, s->span.s);
		for (size_t i = 0; d->known && ever_used(d) && i < METRICS; i++)
			sink_set_at(out, i, d->item.name, d->value[i]);
	}
	roster_end(&s->disks);
	return 0;
}

/* The labels of node_disk_info, and udev's properties that they come from. */
enum { INFO_MODEL, INFO_PATH, INFO_REVISION, INFO_SERIAL, INFO_SCSI_SERIAL, INFO_WWN, INFOS };
static const char *const properties[INFOS] = {
	[INFO_MODEL] = "E:ID_MODEL=",         [INFO_PATH] = "E:ID_PATH=",
	[INFO_REVISION] = "E:ID_REVISION=",   [INFO_SERIAL] = "E:ID_SERIAL_SHORT=",
	[INFO_SCSI_SERIAL] = "E:SCSI_IDENT_SERIAL=", [INFO_WWN] = "E:ID_WWN=",
};

static void read_udev(const struct state *s, const struct disk *d, char info[INFOS][128])
{
	char path[512], text[16384];
	struct text t, line;
	int len = snprintf(path, sizeof path, "%s/b%u:%u", s->udev, d->major, d->minor);

	if (len < (int)sizeof path)
		len = read_once(AT_FDCWD, path, text, sizeof text);
	t = text_of(text, len > 0 ? (size_t)len : 0);
	for (int i = 0; i < INFOS; i++)
		info[i][0] = '\0';
	while (text_line(&t, &line))
		for (int i = 0; i < INFOS; i++)
			if (text_skip(&line, properties[i]))
				text_clean(&line, info[i], sizeof info[i]);
}

static void expose_info(const struct state *s, struct buf *out)
{
	static const char family[] = "node_disk_info";

	prom_family(out, family, PROM_GAUGE, "Info of /sys/block/<block_device>.");
	for (size_t i = 0; i < s->disks.n; i++) {
		const struct disk *d = (const struct disk *)s->disks.items[i];
		char info[INFOS][128], major[16], minor[16];

		read_udev(s, d, info);
		snprintf(major, sizeof major, "%u", d->major);
		snprintf(minor, sizeof minor, "%u", d->minor);
		prom_sample(out, family, 1, "device", d->item.name, "major", major, "minor", minor, "model",
		            info[INFO_MODEL], "path", info[INFO_PATH], "revision", info[INFO_REVISION], "serial",
		            info[info[INFO_SCSI_SERIAL][0] ? INFO_SCSI_SERIAL : INFO_SERIAL], "wwn", info[INFO_WWN],
		            NULL);
	}
}

static bool told_by_any(const struct roster *disks, int field)
{
	for (size_t i = 0; i < disks->n; i++)
		if (((const struct disk *)disks->items[i])->fields > (size_t)field)
			return true;
	return false;
}

static void expose_disk(void *state, struct buf *out)
{
	const struct state *s = state;

	for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
		if (!told_by_any(&s->disks, families[f].field))
			continue;
		prom_family(out, families[f].family, families[f].type, families[f].help);
		for (size_t i = 0; i < s->disks.n; i++) {
			const struct disk *d = (const struct disk *)s->disks.items[i];

			if (d->fields > (size_t)families[f].field)
				prom_sample(out, families[f].family, (double)d->now[families[f].field] * families[f].unit,
				            "device", d->item.name, NULL);
		}
	}
	if (s->disks.n)
		expose_info(s, out);
}

const struct collector collector_disk = {
	.name = "disk",
	.help = "Disks: throughput, operations, load",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.state_bytes = sizeof(struct state),
	.open = open_disk,
	.read = read_disk,
	.expose = expose_disk,
	.close = close_disk,
};
