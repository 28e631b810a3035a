/* process-columns.js: the columns of a process table, in their order. sort is
 * the server's name for the order, null where it has none. */

export const process_columns = [
	{ id: 'pid', label: 'PID', unit: '', sort: 'pid', width: '70px', number: true, raw: true, first: 'asc' },
	{ id: 'name', label: 'Name', sort: 'name', width: 'minmax(124px, 1.1fr)', first: 'asc' },
	{ id: 'user', label: 'User', sort: 'user', width: 'minmax(92px, 0.8fr)', first: 'asc' },
	{ id: 'cpu', label: 'CPU', unit: 'percent', sort: 'cpu', width: '80px', number: true, bar: true, title: 'Percent of one processor' },
	{ id: 'memory', label: 'Memory', unit: 'percent', sort: 'memory', width: '84px', number: true, bar: true, title: 'Percent of the host\'s memory' },
	{ id: 'rss', label: 'Resident', unit: 'bytes', sort: 'rss', width: '92px', number: true, title: 'Memory that is in RAM now' },
	{ id: 'read', label: 'Read', unit: 'bytes/s', sort: 'io', width: '92px', number: true, title: 'Read from disks; sorts by all disk traffic' },
	{ id: 'write', label: 'Write', unit: 'bytes/s', sort: null, width: '92px', number: true, title: 'Written to disks' },
	{ id: 'threads', label: 'Threads', unit: '', sort: 'threads', width: '78px', number: true },
	{ id: 'state', label: 'State', sort: null, width: '92px' },
	{ id: 'started', label: 'Age', unit: 'age', sort: 'started', width: '100px', number: true, title: 'How long ago it was started' },
	{ id: 'ppid', label: 'Parent', unit: '', sort: null, width: '70px', number: true, raw: true },
	{ id: 'command', label: 'Command', sort: null, width: 'minmax(220px, 3fr)' },
];

export const default_columns = ['pid', 'name', 'user', 'cpu', 'memory', 'rss', 'read', 'write', 'threads', 'state', 'started', 'command'];

/* proc(5), hidepid: what the kernel lets nobody but root see. */
export const hidden_hint = '/proc is mounted with hidepid: Vedette sees the processes of its own user alone. Mount it with gid= of a group that Vedette is in to see all.';

/* What a phone has room for. */
export const narrow_columns = ['pid', 'name', 'cpu', 'memory', 'rss'];

/* proc(5), the state letter of /proc/PID/stat. */
export const state_words = { R: 'running', S: 'sleeping', D: 'disk wait', Z: 'zombie', T: 'stopped', t: 'traced', I: 'idle', X: 'dead' };

/* The server answers in columns, as they take a third of the bytes. */
export function rows_of({ columns, rows, processes }) {
	if (processes)
		return processes;
	return rows.map((values) => Object.fromEntries(columns.map((name, i) => [name, values[i]])));
}
