/* openapi.mjs: the HTTP API in OpenAPI 3.1, which the build writes to /api/v1/openapi.json. A route of src/app/routes.c is
 * an entry of `paths`; a test holds them together, and answers against the schemas. */

const STRING = { type: 'string' }, INTEGER = { type: 'integer' }, BOOLEAN = { type: 'boolean' };
const STRING_OR_NULL = { type: ['string', 'null'] }, NUMBER_OR_NULL = { type: ['number', 'null'] };

const said = (description, schema) => ({ ...schema, description });
const words = (...list) => ({ type: 'string', enum: list });
const from_to = (minimum, maximum, value) => ({ type: 'integer', minimum, maximum, ...(value !== undefined && { default: value }) });
const text = (maxLength) => ({ type: 'string', maxLength });
const list = (items) => ({ type: 'array', items });
const schema = (name) => ({ $ref: `#/components/schemas/${name}` });

/* The members of an object: those of optional may be missing. */
const object = (properties, optional = []) => ({ type: 'object', required: Object.keys(properties).filter((name) => !optional.includes(name)), properties });

const TIME = schema('Time'), TIME_OR_NULL = { oneOf: [TIME, { type: 'null' }] };
const PATTERNS = { type: 'array', items: text(256), maxItems: 1000 };
const ROWS = from_to(1, 1000, 100);

/* ---- requests ---- */

const query = (name, description, of, more) => ({ name, in: 'query', description, schema: of, ...more });
const several = { style: 'form', explode: true };
const from_path = (name, description) => ({ name, in: 'path', required: true, description, schema: STRING });
const FROM = { $ref: '#/components/parameters/from' }, TO = { $ref: '#/components/parameters/to' };
const json = (of) => ({ content: { 'application/json': { schema: of } } });

/* ---- answers ---- */

const errors = {
	400: ['Bad', 'A parameter or the body is wrong; `error` says which, and what is allowed'],
	401: ['Unauthorized', 'Nobody known, where only known ones may'],
	403: ['Forbidden', 'It takes another role, or came from another site'],
	404: ['NotFound', 'There is no such thing'],
	429: ['TooMany', 'Too many wrong tokens: `Retry-After` says when to try again'],
	503: ['Busy', 'Too much waits for its turn, or nothing has been read yet'],
};
const refusals = (codes) => Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/responses/${errors[code][0]}` }]));

const ANYBODY = [{}], VIEWER = undefined, OPERATOR = [{ token: [] }, { session: [] }];

/* One request. members: of the answer, beside status. */
function request(tag, summary, { who = VIEWER, takes, body, members = {}, optional, refused = [] }) {
	const codes = [...(who === ANYBODY ? [] : [401]), ...(who === OPERATOR ? [403] : []), ...refused];

	return {
		summary, tags: [tag],
		...(who === OPERATOR && { description: 'Takes the operator role.' }),
		...(who && { security: who }),
		...(takes && { parameters: takes }),
		...(body && { requestBody: json(body) }),
		responses: { 200: { description: 'Done', ...json(object({ status: { const: 'ok' }, ...members }, optional)) }, ...refusals(codes.sort()) },
	};
}

const paths = {
	'/api/v1/series': { get: request('metrics', 'The series there are', {
		takes: [
			query('match', 'Ids or patterns with `*`; none: all', PATTERNS, several),
			query('top', 'Only the busiest so many instances of each family', from_to(1, 1000)),
			query('gone', 'Also those that went away and have points in the range', { ...BOOLEAN, default: false }),
			FROM, TO,
		],
		members: { instances: said('With `top`: how many there are', INTEGER), series: list(schema('Series')) }, optional: ['instances'], refused: [400, 503],
	}) },
	'/api/v1/history': { get: request('metrics', 'Values of series over a range', {
		takes: [
			query('series', 'Ids or patterns with `*`', PATTERNS, { required: true, ...several }),
			FROM, TO,
			query('points', 'At most so many for each series', from_to(1, 4000, 300)),
			query('aggregate', 'What becomes of the samples of a step; `range`: average, least and greatest', { ...words('last', 'avg', 'min', 'max', 'range'), default: 'avg' }),
			query('shape', '`points`: [[time, value], …]; `columns`: the values alone, one for each step', { ...words('points', 'columns'), default: 'points' }),
			query('gone', 'Patterns match what went away, too', { ...BOOLEAN, default: true }),
		],
		members: { from: TIME, to: TIME, step: said('Milliseconds from one point to the next', INTEGER), series: list(schema('History')),
			left_out: said('Series that went away and found no room', INTEGER) },
		optional: ['left_out'], refused: [400, 503],
	}) },
	'/api/v1/processes': { get: request('metrics', 'The table of processes', {
		takes: [
			query('sort', 'A column of the table', { ...STRING, default: 'cpu' }), query('order', 'From the greatest, or from the least', { ...words('desc', 'asc'), default: 'desc' }),
			query('limit', 'Rows', from_to(1, 5000, 20)), query('offset', 'Rows left out before them', { type: 'integer', minimum: 0, default: 0 }),
			query('filter', 'Part of a name, a command or a user, or a pid', text(200)), query('columns', 'Only these, and the pid', list(STRING), several),
		],
		members: { timestamp: TIME, total: INTEGER, matched: INTEGER, processes: list(schema('Process')) }, refused: [400, 503],
	}) },
	'/api/v1/status': { get: request('metrics', 'Vedette itself, its host, and its collectors', {
		members: { version: STRING, started: TIME, now: TIME, pid: INTEGER, config: said('The configuration file', STRING_OR_NULL), host: { type: 'object' }, clients: INTEGER,
			series: INTEGER, store: { type: 'object' }, push_interval: INTEGER, min_rate: INTEGER, collectors: list(schema('Collector')), gone_channels: list(schema('GoneChannel')) },
	}) },
	'/api/v1/events': { get: request('metrics', 'What happened to Vedette: starts, reloads, collectors that fail', {
		members: { events: list(object({ timestamp: TIME, kind: STRING, text: STRING })) },
	}) },
	'/metrics': { get: {
		summary: "All for Prometheus: the host under node_exporter's names, Vedette under `vedette_`", tags: ['metrics'],
		responses: { 200: { description: "Prometheus' text format, or OpenMetrics where it is asked for", content: { 'text/plain': { schema: STRING }, 'application/openmetrics-text': { schema: STRING } } }, ...refusals([401]) },
	} },
	'/api/v1/alerts': { get: request('alerts', 'Alerts', {
		takes: [
			query('state', 'None: those that last, but for the pending ones', words('pending', 'firing', 'acknowledged', 'silenced', 'resolved', 'all')),
			query('rule', 'Of this rule', text(256)), query('id', 'This one', STRING), FROM, TO,
			query('changes', '1: every change of each, not only how it stands', from_to(0, 1, 0)), query('limit', 'At most so many', ROWS),
		],
		members: { alerts: list(schema('Alert')) }, refused: [400, 503],
	}) },
	'/api/v1/alerts/{id}/acknowledge': { post: request('alerts', 'Somebody has seen it', {
		who: OPERATOR, takes: [from_path('id', 'Of the alert')], body: object({ note: text(1000) }, ['note']), refused: [400, 404],
	}) },
	'/api/v1/rules': { get: request('alerts', 'Rules, and what each sees now', { members: { rules: list(schema('Rule')) } }) },
	'/api/v1/rules/{name}/explain': { get: request('alerts', 'Why a rule fires or not, in words', {
		takes: [from_path('name', 'Of the rule')], members: { text: STRING }, refused: [404],
	}) },
	'/api/v1/silences': {
		get: request('alerts', 'Silences in force', { members: { silences: list(schema('Silence')) } }),
		post: request('alerts', 'Silences alerts, or changes or ends a silence', {
			who: OPERATOR,
			body: object({
				rule: STRING, matcher: said('Like `rule=HIGH_*,series=cpu*`', STRING), alert: said('This one alone', STRING),
				until: said('In the past it ends the silence of `id`; with `alert` it may be left out: until that is resolved', TIME),
				note: text(1000), id: said('Of a silence that exists, to change it', STRING),
			}, ['rule', 'matcher', 'alert', 'until', 'note', 'id']),
			members: { silence: schema('Silence') }, refused: [400, 404],
		}),
	},
	'/api/v1/audit': { get: request('alerts', 'Who did what', { who: OPERATOR, takes: [query('limit', 'At most so many', ROWS)], members: { audit: list(schema('Deed')) }, refused: [400, 503] }) },
	'/api/v1/channels': { get: request('channels', 'Webhooks, programs and mail that are told of alerts', {
		members: { channels: list(schema('Channel')), gone: list(schema('GoneChannel')) },
	}) },
	'/api/v1/channels/{name}/test': { post: request('channels', 'Sends a test, and waits for what comes of it', {
		who: OPERATOR, takes: [from_path('name', 'Of the channel')], members: { delivered: BOOLEAN, code: said("HTTP's status, the program's exit code, or SMTP's reply", INTEGER) }, refused: [400, 404],
	}) },
	'/api/v1/channels/{name}/resend': { post: request('channels', 'Sends again what the channel gave up', {
		who: OPERATOR, takes: [from_path('name', 'Of the channel')], members: { sent: INTEGER, left: said('Beyond the 1000 that go at once', INTEGER) }, refused: [404],
	}) },
	'/api/v1/deliveries': { get: request('channels', 'Messages, their attempts and last errors', {
		takes: [
			query('channel', 'To this channel', text(64)), query('alert', 'Of this alert', STRING), query('state', 'That stand so', words('waiting', 'delivered', 'dead')),
			query('before', 'Older than the one of this id', { type: 'integer', minimum: 1 }), query('limit', 'At most so many', ROWS),
		],
		members: { deliveries: list(schema('Delivery')) }, refused: [400, 503],
	}) },
	'/api/v1/deliveries/{id}/resend': { post: request('channels', 'Sends one message again', { who: OPERATOR, takes: [from_path('id', 'Of the delivery')], refused: [404] }) },
	'/api/v1/session': {
		get: request('session', 'Who the server takes you for', { who: ANYBODY, members: { name: STRING, role: schema('Role') } }),
		post: request('session', 'Signs in with a token: a cookie comes with the answer', {
			who: ANYBODY, body: object({ token: STRING }), members: { name: STRING, role: schema('Role') }, refused: [400, 401, 403, 429],
		}),
		delete: request('session', 'Signs out', { who: ANYBODY, members: { name: STRING, role: schema('Role') }, refused: [403] }),
	},
	'/healthz': { get: request('health', 'Does it run?', { who: ANYBODY }) },
	'/readyz': { get: request('health', 'Has it read anything yet?', { who: ANYBODY, refused: [503] }) },
};

const schemas = {
	Error: object({ status: { const: 'error' }, error: STRING }),
	Time: said('Milliseconds since the epoch', INTEGER),
	Role: words('none', 'viewer', 'operator'),
	Severity: words('info', 'warning', 'critical'),
	Series: object({
		id: STRING, unit: STRING, kind: words('gauge', 'rate', 'counter'), help: STRING, interval: said('Milliseconds from one sample to the next', INTEGER), collector: STRING,
		last: NUMBER_OR_NULL, timestamp: said('Of the last sample', TIME), gone: BOOLEAN, mean: said('With `top`: over the range', NUMBER_OR_NULL),
	}, ['gone', 'mean']),
	History: object({
		id: STRING, unit: STRING, gone: BOOLEAN, points: list({ type: 'array', items: NUMBER_OR_NULL, minItems: 2, maxItems: 4 }),
		values: list(NUMBER_OR_NULL), min: list(NUMBER_OR_NULL), max: list(NUMBER_OR_NULL),
	}, ['gone', 'points', 'values', 'min', 'max']),
	Process: object({
		pid: INTEGER, ppid: INTEGER, user: STRING, name: STRING, command: said('Secrets in arguments are hidden', STRING), state: STRING, cpu: NUMBER_OR_NULL, memory: NUMBER_OR_NULL,
		rss: NUMBER_OR_NULL, read: NUMBER_OR_NULL, write: NUMBER_OR_NULL, threads: NUMBER_OR_NULL, started: TIME,
	}, ['ppid', 'user', 'name', 'command', 'state', 'cpu', 'memory', 'rss', 'read', 'write', 'threads', 'started']),
	Collector: object({
		name: STRING, help: STRING, state: STRING, error: STRING_OR_NULL, since: TIME, interval: said('Milliseconds', INTEGER), duration: said('Milliseconds of its last reading', NUMBER_OR_NULL),
		lag: said('Milliseconds that it began late', NUMBER_OR_NULL), series: INTEGER, last: TIME,
	}),
	Alert: object({
		id: STRING, rule: STRING, type: STRING, metric: STRING, series: STRING, value: NUMBER_OR_NULL, threshold: NUMBER_OR_NULL, severity: schema('Severity'),
		state: words('pending', 'firing', 'acknowledged', 'silenced', 'resolved'), startsAt: TIME, endsAt: TIME_OR_NULL, timestamp: TIME, host: STRING, summary: STRING_OR_NULL,
		by: STRING_OR_NULL, note: STRING_OR_NULL, acknowledgedAt: TIME_OR_NULL, silencedUntil: TIME_OR_NULL, silence: said('Its id', STRING_OR_NULL),
		labels: { type: 'object', additionalProperties: STRING }, runbook: STRING_OR_NULL, flapping: BOOLEAN, inhibited: BOOLEAN,
	}, ['silence']),
	Rule: object({
		name: STRING, type: STRING, metric: STRING, state: STRING, matched: INTEGER, file: STRING_OR_NULL, line: INTEGER, channels: list(STRING), inhibits: list(STRING), inhibitedBy: list(STRING),
		series: list(object({ id: STRING, value: NUMBER_OR_NULL, state: STRING, severity: STRING, alert: STRING_OR_NULL })),
	}),
	Silence: object({ id: STRING, matcher: STRING, alert: STRING_OR_NULL, from: TIME, until: TIME_OR_NULL, by: STRING, note: STRING_OR_NULL }),
	Channel: object({
		name: STRING, kind: words('webhook', 'exec', 'email'), severity: said('The least that it is told of', schema('Severity')), state: STRING, since: TIME_OR_NULL,
		last_success: TIME_OR_NULL, last_error: STRING_OR_NULL, waiting: INTEGER, dead: said('Messages that were given up', INTEGER),
	}),
	GoneChannel: said('Not in the configuration any more, while messages wait for it', object({ name: STRING, waiting: INTEGER, since: TIME, until: TIME })),
	Delivery: object({
		id: INTEGER, channel: STRING, message_id: said('The `webhook-id` of each attempt', STRING), alert: STRING_OR_NULL, state: words('waiting', 'delivered', 'dead'), attempts: INTEGER,
		status: said("HTTP's, of the last answer", { type: ['integer', 'null'] }), last_error: STRING_OR_NULL, created: TIME, next: said('When it is tried again', TIME_OR_NULL),
		finished: TIME_OR_NULL, bytes: INTEGER,
	}),
	Deed: object({ timestamp: TIME, who: STRING, role: schema('Role'), action: STRING, detail: STRING_OR_NULL }),
};

const MOMENT = 'Milliseconds since the epoch; below 0: that long before now';

export const openapi = (version) => ({
	openapi: '3.1.0',
	info: {
		title: 'Vedette', version, license: { name: 'MIT', identifier: 'MIT' },
		description: 'The HTTP mirror of what Vedette answers over Socket.IO. Percentages are 0 to 100, sizes bytes, rates per second; what is not known is null. Live values are pushed over Socket.IO, at `/socket.io/`.',
	},
	servers: [{ url: '/' }],
	security: [{}, ...OPERATOR],
	tags: ['metrics', 'alerts', 'channels', 'session', 'health'].map((name) => ({ name })),
	paths,
	components: {
		securitySchemes: {
			token: { type: 'http', scheme: 'bearer', description: '`vedette token add NAME viewer` (or `operator`) makes one' },
			session: { type: 'apiKey', in: 'cookie', name: 'vedette_session' },
		},
		parameters: { from: query('from', MOMENT, INTEGER), to: query('to', MOMENT, INTEGER) },
		responses: Object.fromEntries(Object.values(errors).map(([name, description]) => [name, { description, ...json(schema('Error')) }])),
		schemas,
	},
});
