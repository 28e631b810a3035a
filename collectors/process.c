/* process.c: the processes: how many in which state, and the table of them,
 * from /proc/PID/{stat,status,cmdline,io} (proc(5)).
 *
 * Only stat, and io where it may be read, are read each time. Who a process is
 * (user, command) is read when it is new, when its name changes, and once in a
 * while, because programs rewrite their titles. Has a thread of its own:
 * cmdline is the process' own memory, and waits for whoever holds that. */
#include "collectors/process.h"

#include "collectors/collectors.h"
#include "collectors/prom.h"
#include "collectors/rate.h"
#include "collectors/read.h"
#include "collectors/redact.h"
#include "collectors/users.h"

#include "base/xmalloc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { M_TOTAL, M_RUNNING, M_SLEEPING, M_BLOCKED, M_ZOMBIE, M_STOPPED, M_THREADS, METRICS };

static const struct metric metrics[] = {
	[M_TOTAL]    = { "proc.total",    "", STORE_GAUGE, "Processes" },
	[M_RUNNING]  = { "proc.running",  "", STORE_GAUGE, "Processes that run or could run" },
	[M_SLEEPING] = { "proc.sleeping", "", STORE_GAUGE, "Processes that wait for something to happen" },
	[M_BLOCKED]  = { "proc.blocked",  "", STORE_GAUGE, "Processes that wait and cannot be disturbed, mostly for a disk" },
	[M_ZOMBIE]   = { "proc.zombie",   "", STORE_GAUGE, "Processes that ended, but whose parent has not taken note" },
	[M_STOPPED]  = { "proc.stopped",  "", STORE_GAUGE, "Processes that were stopped, or are being debugged" },
	[M_THREADS]  = { "proc.threads",  "", STORE_GAUGE, "Threads of all processes" },
};

/* The letters of stat, and what they count as. */
static const char letters[] = "RSIDZTt";
static const size_t letter_metrics[] = { M_RUNNING, M_SLEEPING, M_SLEEPING, M_BLOCKED, M_ZOMBIE, M_STOPPED, M_STOPPED };

/* What is remembered of a process beside its row; row i is that of track i. */
struct track {
	int pid;
	uint64_t start_ticks;  /* with the pid: which process it is */
	uint64_t cpu_ticks, read_bytes, written_bytes;
	int64_t io_ns;         /* when read_bytes and written_bytes were read */
	bool io_known, io_denied, kernel;
	unsigned looks;        /* how often its identity was read */
};

struct state {
	DIR *dir;
	char *proc;
	struct users *users;
	struct span span;
	double hz, page_bytes, memory_bytes;
	int64_t boot_ms, pid_max, threads_max;
	int64_t boot_seen_ns;  /* when boot_ms was read; 0: never */
	unsigned round;

	int *pids;
	size_t npids, pids_cap;
	struct track *old, *new;
	size_t nold, nnew, cap, cursor;
	struct process_snapshot *before; /* whose rows are those of old; NULL at first */
	struct process_snapshot *now;    /* being filled */

	double count[METRICS];
	unsigned states[UCHAR_MAX + 1], thread_states[UCHAR_MAX + 1]; /* by letter */
	int64_t threads_seen_ns; /* when thread_states was counted; 0: never */
};

#define PIDS_MAX (4u << 20)    /* the kernel's own limit */
#define LOOK_EVERY 60          /* reads: for a title that was rewritten */
#define LOOKS_AT_ONCE 3        /* first reads: between fork and exec it still has its parent's name */
#define IO_EVERY 4             /* reads: for the io of a process that sleeps */
#define MOST_IO 1e12
#define THREADS_EVERY_NS (10 * INT64_C(1000000000))
#define BOOT_EVERY_NS (10 * INT64_C(1000000000))

/* --- open and close --- */

static int64_t number_at(const char *proc, const char *path)
{
	char full[512];
	int64_t n;

	return path_join(full, sizeof full, proc, path) && !read_i64(AT_FDCWD, full, &n) ? n : 0;
}

/* The number that follows a word at the start of a line. */
static uint64_t line_number(const char *proc, const char *path, const char *name)
{
	struct source file = { 0 };
	struct text text, line;
	uint64_t n = 0;

	if (source_open(&file, proc, path, 4u << 20))
		return 0;
	if (!source_read(&file))
		for (text = source_text(&file); !n && text_line(&text, &line);)
			if (text_skip(&line, name))
				text_u64(&line, &n);
	source_close(&file);
	return n;
}

static void close_process(void *state)
{
	struct state *s = state;

	if (s->dir)
		closedir(s->dir);
	process_publish(NULL);
	process_let_go(s->before);
	users_free(s->users);
	free(s->proc);
	free(s->pids);
	free(s->old);
	free(s->new);
	*s = (struct state){ 0 };
}

static int open_process(void *state, const struct collect_roots *roots, const char **why)
{
	struct state *s = state;

	s->dir = opendir(roots->proc);
	if (!s->dir) {
		*why = "cannot list /proc";
		return -errno;
	}
	s->proc = xstrdup(roots->proc);
	s->users = users_new(roots->root);
	s->hz = (double)sysconf(_SC_CLK_TCK);
	s->page_bytes = (double)sysconf(_SC_PAGESIZE);
	s->memory_bytes = (double)line_number(roots->proc, "meminfo", "MemTotal:") * 1024;
	s->pid_max = number_at(roots->proc, "sys/kernel/pid_max");
	s->threads_max = number_at(roots->proc, "sys/kernel/threads-max");
	return 0;
}

/* --- who there is --- */

static int pid_of(const char *name)
{
	int pid = 0;

	for (; isdigit((unsigned char)*name) && pid < INT_MAX / 10 - 1; name++)
		pid = pid * 10 + (*name - '0');
	return *name ? 0 : pid;
}

static int pid_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* In the order of their numbers, as /proc lists them anyhow. */
static void list_pids(struct state *s)
{
	struct dirent *e;
	bool sorted = true;

	s->npids = 0;
	rewinddir(s->dir);
	while (s->npids < PIDS_MAX && (e = readdir(s->dir))) {
		int pid = pid_of(e->d_name);

		if (!pid)
			continue;
		if (s->npids == s->pids_cap) {
			s->pids_cap = s->pids_cap ? s->pids_cap * 2 : 256;
			s->pids = xreallocarray(s->pids, s->pids_cap, sizeof *s->pids);
		}
		sorted = sorted && (!s->npids || s->pids[s->npids - 1] < pid);
		s->pids[s->npids++] = pid;
	}
	if (!sorted)
		qsort(s->pids, s->npids, sizeof *s->pids, pid_order);
}

/* Both lists go up, so one walk finds every process of the read before. */
static const struct track *remembered(struct state *s, const struct process_stat *stat, const struct proc_row **row)
{
	while (s->cursor < s->nold && s->old[s->cursor].pid < stat->pid)
		s->cursor++;
	if (s->cursor == s->nold || s->old[s->cursor].pid != stat->pid ||
	    s->old[s->cursor].start_ticks != stat->start_ticks)
		return NULL;
	*row = &s->before->rows[s->cursor];
	return &s->old[s->cursor];
}

/* --- who it is --- */

static int read_of(const struct state *s, int pid, const char *file, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "%d/%s", pid, file);
	return read_once(dirfd(s->dir), path, out, size);
}

/* "Uid:	1000	1000	1000	1000": real, effective, … */
static void read_user(const struct state *s, int pid, struct proc_row *row)
{
	char status[4096];
	int len = read_of(s, pid, "status", status, sizeof status);
	struct text text = text_of(status, len > 0 ? (size_t)len : 0), line;
	uint64_t uid[2];

	while (text_line(&text, &line))
		if (text_skip(&line, "Uid:") && text_u64s(&line, uid, 2) == 2) {
			users_name(s->users, (uint32_t)uid[1], row->user, sizeof row->user);
			return;
		}
}

static void read_command(const struct state *s, int pid, struct proc_row *row)
{
	char args[4096];
	int len = read_of(s, pid, "cmdline", args, sizeof args);

	if (len == (int)sizeof args - 1) /* cut: what is left of the last word may be half a secret */
		while (len && args[len - 1] && args[len - 1] != ' ')
			len--;
	redact_command(args, len > 0 ? (size_t)len : 0, row->command, sizeof row->command);
}

static void look(const struct state *s, struct track *t, struct proc_row *row)
{
	t->looks++;
	if (t->kernel) {
		users_name(s->users, 0, row->user, sizeof row->user);
		return;
	}
	read_user(s, t->pid, row);
	read_command(s, t->pid, row);
}

static bool wants_look(const struct state *s, const struct track *t, bool renamed)
{
	if (t->kernel)
		return !t->looks;
	return renamed || t->looks < LOOKS_AT_ONCE || (s->round + (unsigned)t->pid) % LOOK_EVERY == 0;
}

/* --- what it does --- */

/* "read_bytes: 4096": what went to and from storage, not what was asked for. */
static bool read_io(const struct state *s, struct track *t)
{
	char io[512];
	int len = read_of(s, t->pid, "io", io, sizeof io), found = 0;
	struct text text = text_of(io, len > 0 ? (size_t)len : 0), line;

	t->io_denied = len == -EACCES || len == -EPERM;
	while (text_line(&text, &line))
		if (text_skip(&line, "read_bytes:"))
			found += text_u64(&line, &t->read_bytes);
		else if (text_skip(&line, "write_bytes:"))
			found += text_u64(&line, &t->written_bytes);
	return found == 2;
}

/* Most processes sleep most of the time. One that used no time and moved nothing
 * is asked for its io only each fourth time; what it moved is then a rate over
 * all of that time. */
static bool sleeps(const struct state *s, const struct track *t, const struct track *before, const struct proc_row *row)
{
	return before && before->io_known && before->cpu_ticks == t->cpu_ticks && row->read_bps <= 0 &&
	       row->write_bps <= 0 && (s->round + (unsigned)t->pid) % IO_EVERY != 0;
}

static double rate(uint64_t before, uint64_t now, double seconds)
{
	return counter_delta(before, now, MOST_IO * seconds) / seconds;
}

/* t and row still hold what was so before. */
static void compare_io(const struct state *s, struct track *t, const struct track *before, struct proc_row *row)
{
	double seconds;

	if (sleeps(s, t, before, row))
		return;
	row->read_bps = row->write_bps = NAN;
	t->io_known = !t->kernel && !t->io_denied && read_io(s, t);
	t->io_ns = s->span.base_ns;
	if (!t->io_known || !before || !before->io_known)
		return;
	seconds = (double)(t->io_ns - before->io_ns) / 1e9;
	row->read_bps = rate(before->read_bytes, t->read_bytes, seconds);
	row->write_bps = rate(before->written_bytes, t->written_bytes, seconds);
}

/* A thread that ends takes a tick or two with it for a moment: no time was used then. */
static double cpu_pct(const struct state *s, const struct track *t, const struct track *before)
{
	if (!before)
		return NAN;
	return t->cpu_ticks > before->cpu_ticks ?
		100 * (double)(t->cpu_ticks - before->cpu_ticks) / s->hz / s->span.s : 0;
}

static void fill_row(const struct state *s, const struct process_stat *stat, struct proc_row *row)
{
	row->pid = stat->pid;
	row->ppid = stat->ppid;
	row->state = stat->state;
	row->threads = (uint32_t)stat->threads;
	row->rss_bytes = (uint64_t)((double)stat->rss_pages * s->page_bytes);
	row->memory_pct = s->memory_bytes > 0 ? 100 * (double)row->rss_bytes / s->memory_bytes : NAN;
	row->started_ms = s->boot_ms + (int64_t)((double)stat->start_ticks * 1000 / s->hz);
}

static void add(struct state *s, const struct process_stat *stat)
{
	const struct proc_row *row_before = NULL;
	const struct track *before = remembered(s, stat, &row_before);
	struct track *t = &s->new[s->nnew];
	struct proc_row *row = &s->now->rows[s->nnew];
	char name[sizeof row->name];

	*t = before ? *before : (struct track){ .pid = stat->pid, .start_ticks = stat->start_ticks };
	*row = before ? *row_before : (struct proc_row){ 0 };
	s->nnew++;
	t->kernel = stat->kernel;
	t->cpu_ticks = stat->cpu_ticks;
	text_clean(&stat->name, name, sizeof name);
	if (wants_look(s, t, before && strcmp(name, row->name)))
		look(s, t, row);
	memcpy(row->name, name, sizeof name);
	fill_row(s, stat, row);
	row->cpu_pct = cpu_pct(s, t, before);
	compare_io(s, t, before, row);
}

static void count(struct state *s, const struct process_stat *stat)
{
	const char *letter = strchr(letters, stat->state);

	s->count[M_TOTAL]++;
	s->count[M_THREADS] += (double)stat->threads;
	if (letter && *letter)
		s->count[letter_metrics[letter - letters]]++;
	s->states[(unsigned char)stat->state]++;
}

static void visit(struct state *s, int pid)
{
	struct process_stat stat;
	char text[1024];
	int len = read_of(s, pid, "stat", text, sizeof text);

	if (len <= 0 || !process_parse_stat(text_of(text, (size_t)len), &stat))
		return; /* it ended meanwhile */
	stat.pid = pid;
	count(s, &stat);
	if (s->nnew < s->cap)
		add(s, &stat);
}

/* The kernel counts since boot and tells by the clock of now when that was: another time after each time that the clock is set. */
static void read_boot(struct state *s, int64_t now_ns)
{
	int64_t boot_s;

	if (s->boot_seen_ns && now_ns - s->boot_seen_ns < BOOT_EVERY_NS)
		return;
	s->boot_seen_ns = now_ns;
	boot_s = (int64_t)line_number(s->proc, "stat", "btime ");
	if (boot_s)
		s->boot_ms = boot_s * 1000;
}

static void begin(struct state *s)
{
	size_t rows = s->npids < PROCESS_ROWS_MAX ? s->npids : PROCESS_ROWS_MAX;

	s->round++;
	s->nnew = s->cursor = 0;
	s->cap = rows;
	s->new = xreallocarray(s->new, rows, sizeof *s->new);
	s->now = process_snapshot_new(rows);
	memset(s->count, 0, sizeof s->count);
	memset(s->states, 0, sizeof s->states);
}

static void finish(struct state *s, const struct collect_time *now)
{
	struct track *spare = s->old;

	s->now->t_ms = now->wall_ms;
	s->now->total = (size_t)s->count[M_TOTAL];
	s->now->n = s->nnew;
	s->now->hidden = s->nnew == 0 || s->now->rows[0].pid != 1;
	process_publish(s->now);
	process_let_go(s->before);
	s->before = s->now;
	s->now = NULL;
	s->old = s->new;
	s->nold = s->nnew;
	s->new = spare;
}

static void count_threads(struct state *s, int64_t now_ns);

static int read_process(void *state, const struct collect_time *now, struct sink *out, const char **why)
{
	struct state *s = state;

	list_pids(s);
	if (!s->npids) {
		*why = "/proc lists no process";
		return -EPROTO;
	}
	span_next(&s->span, now);
	read_boot(s, now->mono_ns);
	begin(s);
	for (size_t i = 0; i < s->npids; i++)
		visit(s, s->pids[i]);
	finish(s, now);
	for (size_t i = 0; i < METRICS; i++)
		sink_set(out, i, s->count[i]);
	count_threads(s, now->mono_ns);
	return 0;
}

/* --- /metrics --- */

static void count_tasks(struct state *s, int pid)
{
	char path[PATH_MAX], text[1024];
	struct process_stat stat;
	struct dirent *e;
	DIR *dir;

	if (snprintf(path, sizeof path, "%s/%d/task", s->proc, pid) >= (int)sizeof path || !(dir = opendir(path)))
		return;
	while ((e = readdir(dir))) {
		char file[sizeof e->d_name + 8];
		int len;

		if (!pid_of(e->d_name))
			continue;
		snprintf(file, sizeof file, "%s/stat", e->d_name);
		len = read_once(dirfd(dir), file, text, sizeof text);
		if (len > 0 && process_parse_stat(text_of(text, (size_t)len), &stat))
			s->thread_states[(unsigned char)stat.state]++;
	}
	closedir(dir);
}

/* Every thread costs a file, and only one family of /metrics shows them: they
 * are counted less often than the rest. A process of one thread is that thread. */
static void count_threads(struct state *s, int64_t now_ns)
{
	if (s->threads_seen_ns && now_ns - s->threads_seen_ns < THREADS_EVERY_NS)
		return;
	s->threads_seen_ns = now_ns;
	memset(s->thread_states, 0, sizeof s->thread_states);
	for (size_t i = 0; i < s->before->n; i++) {
		const struct proc_row *row = &s->before->rows[i];

		if (row->threads > 1)
			count_tasks(s, row->pid);
		else
			s->thread_states[(unsigned char)row->state]++;
	}
}

static void expose_states(struct buf *out, const char *family, const char *help, const char *label,
                          const unsigned states[UCHAR_MAX + 1])
{
	bool begun = false;

	for (int c = 'A'; c <= 'z'; c++) {
		if (!states[c])
			continue;
		if (!begun)
			prom_family(out, family, PROM_GAUGE, help);
		begun = true;
		prom_sample(out, family, states[c], label, (char[2]){ (char)c, '\0' }, NULL);
	}
}

static void expose_process(void *state, struct buf *out)
{
	const struct state *s = state;

	prom_single(out, "node_processes_max_processes", PROM_GAUGE, "Number of max PIDs limit", (double)s->pid_max);
	prom_single(out, "node_processes_max_threads", PROM_GAUGE, "Limit of threads in the system", (double)s->threads_max);
	prom_single(out, "node_processes_pids", PROM_GAUGE, "Number of PIDs", s->count[M_TOTAL]);
	expose_states(out, "node_processes_state", "Number of processes in each state.", "state", s->states);
	prom_single(out, "node_processes_threads", PROM_GAUGE, "Allocated threads in system", s->count[M_THREADS]);
	expose_states(out, "node_processes_threads_state", "Number of threads in each state.", "thread_state", s->thread_states);
}

const struct collector collector_process = {
	.name = "process",
	.help = "Processes",
	.metrics = metrics,
	.nmetrics = METRICS,
	.interval_ms = 1000,
	.blocking = true,
	.state_bytes = sizeof(struct state),
	.open = open_process,
	.read = read_process,
	.expose = expose_process,
	.close = close_process,
};
