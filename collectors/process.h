/* process.h: what the files of the process collector share, and its tests see. */
#ifndef COLLECTORS_PROCESS_H
#define COLLECTORS_PROCESS_H

#include "collect/collect.h"
#include "collectors/text.h"

#include <stdbool.h>
#include <stdint.h>

#define PROCESS_ROWS_MAX 32768 /* of the table; processes beyond are counted only. Memory is taken for those there are */

/* What is of use in /proc/PID/stat (proc(5)). */
struct process_stat {
	int pid, ppid;
	struct text name;      /* borrowed from the text that was parsed */
	char state;
	bool kernel;           /* a thread of the kernel */
	uint64_t cpu_ticks;    /* user and system */
	uint64_t threads;
	uint64_t start_ticks;  /* since boot */
	uint64_t rss_pages;
};

/* A name may hold anything, parentheses and newlines too: it ends with the last
 * parenthesis of the text. Pure. */
bool process_parse_stat(struct text text, struct process_stat *out);

/* The table as proc_page_take() gives it out. The collector fills a new one,
 * publishes it, and from then on nobody changes it; it goes with its last owner. */
struct process_snapshot {
	unsigned owners;       /* guarded by a lock of process_page.c */
	int64_t t_ms;
	size_t total, n;       /* processes that there are; rows that are told */
	bool hidden;           /* the kernel hides others': every host has a process 1 */
	struct proc_row rows[];
};
struct process_snapshot *process_snapshot_new(size_t most_rows); /* one owner: the caller */
void process_publish(struct process_snapshot *s);  /* the public becomes an owner, too; NULL: nothing is known any more */
void process_let_go(struct process_snapshot *s);

#endif
