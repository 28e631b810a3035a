/* What the card of faults says of a host's series. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults_of } from '../../../web/js/lib/faults.js';

const clock = (synchronized, max_error, offset) => ({ 'clock.synchronized': synchronized, 'clock.max_error': max_error, 'clock.offset': offset });

for (const [what, values, expected] of [
	['a host that tells nothing', {}, []],
	['a host that is well', { 'units.failed': 0, 'disk.errors/sda': 0, 'fs.errors/sda1': 0, ...clock(1, 3.1, 0) },
		['ok Units none has failed', 'ok Storage reports no faults', 'ok Clock kept, at most 3.10 ms off']],
	['units', { 'units.failed': 2, 'units.failed/a.service': 1, 'units.failed/b@1.service': 1, 'units.failed/c.service': 0 },
		['warning a.service has failed', 'warning b@1.service has failed']],
	['storage, the worst first', { 'disk.errors/sda': 1, 'raid.missing/md0': 1, 'fs.errors/sda1': 3, 'disk.timeouts/sda': 0, 'raid.errors/md0': null },
		['critical md0 lacks 1 disk', 'critical sda1 3 errors in the filesystem', 'info sda 1 command failed since it was found']],
	['a clock that nobody keeps', clock(0, 16000, 0), ['info Clock is kept by no time service']],
	['a clock whose service is silent', clock(1, 9000, 0), ['warning Clock may be 9.00 s off: its time service is silent']],
	['a clock that is behind', clock(1, 100, -51), ['warning Clock is 51.0 ms off']],
	['what is unknown is no fault', { 'units.failed': null, 'disk.errors/sda': null, ...clock(null, null, null) }, []],
])
	test(what, () => assert.deepEqual(faults_of(Object.entries(values)).map(({ level, subject, text }) => `${level} ${subject} ${text}`), expected));
