/* limits.h: every ceiling that a peer can push against, in one list.
 *
 * A limit that an option can change has its default here. What happens at the
 * ceiling is said beside it; tests/e2e/limits.test.mjs pushes against each. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* --- connections --- */
#define LIMIT_CONNECTIONS 10000              /* that speak HTTP; a WebSocket is a session: later ones wait in the kernel's queue */
#define LIMIT_HTTP_IDLE_S 30                 /* a connection that says nothing, or half a request: closed */
#define LIMIT_HTTP_HEAD_BYTES (32 * 1024)    /* request line and headers: 431, or 414 where the line alone is too long */
#define LIMIT_HTTP_BODY_BYTES (256 * 1024)   /* of a request that is not Engine.IO's: 413 */
#define LIMIT_HTTP_QUERY_ARGS 64             /* of the URL: 400 */

/* --- Engine.IO --- */
#define LIMIT_MAX_PAYLOAD 1000000            /* bytes of a POST body or a WebSocket message: 413 / 1009 */
#define LIMIT_SESSIONS 10000                 /* 503 with Retry-After */
#define LIMIT_QUEUE_LOW_BYTES (256 * 1024)   /* waiting for a client: volatile packets are dropped */
#define LIMIT_QUEUE_BYTES (16 * 1024 * 1024) /* waiting for a client: it is closed as too slow */
#define LIMIT_QUEUES_BYTES (64 * 1024 * 1024) /* waiting for all clients: who has more than the low mark is closed as too slow */
#define LIMIT_WS_FRAGMENTS 4096              /* frames of one message: 1009 */
#define LIMIT_CLOSING_MS 30000               /* a closed session waits this long for its last poll */

/* --- Socket.IO --- */
#define LIMIT_ATTACHMENTS 10                 /* binary attachments of a packet: the connection is closed */
#define LIMIT_ATTACHMENT_BYTES 4000000       /* attachments of one client whose event is not yet whole: the connection is closed */
#define LIMIT_JSON_DEPTH 1000                /* nested arrays and objects: the connection is closed */
#define LIMIT_NAMESPACE_BYTES 512            /* name of a namespace created by a client: CONNECT is refused */
#define LIMIT_ROOMS_PER_SOCKET 10000         /* its own among them: it joins no more, and the log says so once */
#define LIMIT_NAMESPACES_PER_CLIENT 64       /* CONNECT is refused */
#define LIMIT_AUTH_BYTES 65536               /* of a CONNECT, kept with its socket: refused */
#define LIMIT_DYNAMIC_NAMESPACES 1000        /* created by clients' names: CONNECT is refused */
#define LIMIT_PENDING_ACKS 10000             /* the server waits for, of one socket: the oldest is given up */
#define LIMIT_THINKING_EVENTS 1000           /* of one socket, that a middleware answers later: the client is disconnected */
#define LIMIT_RECOVERY_BYTES (4 * 1024 * 1024) /* packets kept for recovery, of one namespace: oldest go first */
#define LIMIT_RECOVERY_KEPT_BYTES (16 * 1024 * 1024) /* rooms and data of those sessions: oldest go first */
#define LIMIT_RECOVERY_SESSIONS 10000        /* sessions kept for recovery, of one namespace: oldest go first */

/* --- Redis, and the other servers behind it --- */
#define LIMIT_REDIS_WAITING_BYTES (64 * 1024 * 1024) /* commands that the kernel has not taken yet: further ones are refused */
#define LIMIT_REDIS_WAITING_COMMANDS 100000  /* whose replies are to come: further ones are refused */
#define LIMIT_REDIS_REPLY_BYTES (64 * 1024 * 1024) /* of one reply or message: the connection is lost, and made again */
#define LIMIT_CLUSTER_TEXT_BYTES (64 * 1024 * 1024) /* a message of another server, as JSON: it is not understood, and counted */
#define LIMIT_CLUSTER_NAMES 100000           /* rooms in one message: likewise */
#define LIMIT_CLUSTER_REQUESTS 10000         /* of other servers, that wait for our clients or handlers: further ones are not served, and counted */
#define LIMIT_CLUSTER_ASKED 10000            /* of ours, that wait for other servers: further ones are answered at once, with what is known here */
#define LIMIT_CLUSTER_ANSWER_BYTES (64 * 1024 * 1024) /* what servers and clients answer to one request: the rest is left out, and an error says so */
#define LIMIT_CLUSTER_TIMEOUT_MS 3600000     /* that another server may ask us to wait for our clients: cut */

/* --- namespace `/` of the monitor --- */
#define LIMIT_PATTERN_BYTES 256              /* of a subscription: request error */
#define LIMIT_SUBSCRIPTIONS 200              /* of one client: request error */
#define LIMIT_WATCHED_SERIES 1000            /* in one client's frame: request error */
#define LIMIT_WATCH_PATTERNS 500             /* in one client's watch list: request error */
#define LIMIT_HISTORY_SERIES 500             /* in one answer: request error */
#define LIMIT_HISTORY_VALUES 200000          /* series × points in one answer: request error */
#define LIMIT_RATE_MS 3600000                /* slowest polling rate: request error */
#define LIMIT_BROWSER_SESSIONS 1000          /* signed-in browsers: the oldest is signed out */
#define LIMIT_NOTE_BYTES 1000                /* a note on an alert: request error */
#define LIMIT_SILENCES 1000                  /* at once: request error */
#define LIMIT_PROCESS_ROWS 5000              /* in one answer: request error */
#define LIMIT_HEAVY_REQUESTS 1024            /* of one client that wait for their turn: request error */
#define LIMIT_HEAVY_BYTES (4 * 1024 * 1024)  /* of all that wait: request error, 503 */

/* --- alerts --- */
#define LIMIT_ALERT_INSTANCES 100000         /* rule × series judged at once: further series are not, and the log says so */
#define LIMIT_SUMMARY_BYTES 2000             /* of an alert's summary: cut */

/* --- the database's thread --- */
#define LIMIT_DB_QUEUE 1000                  /* readings, audit rows and re-sendings that wait for it: refused, audit rows are lost and counted in the log */
#define LIMIT_DB_ROWS 1000                   /* in one answer: fewer are given */
#define LIMIT_DB_ANSWER_BYTES (8 * 1024 * 1024) /* of one answer: rows past it are left out */

#endif
