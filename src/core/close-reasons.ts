/**
 * Every reason for which the relay closes a connection, and every error code that it sends, in one
 * table. `docs/protocol/errors.md` is made from it, and a test fails when the two differ.
 */

/** What a client should do after a close: come back at once, come back after a pause, or not before something changes. */
export type Reconnect = 'at once' | 'later' | 'after a change'

/** A close as it goes over the wire, RFC 6455 section 7.4. */
export interface CloseReason {
  /** Close code, RFC 6455 section 7.4.1. */
  readonly code: number
  /** Reason in words; at most 123 bytes of UTF-8, RFC 6455 section 5.5. */
  readonly reason: string
}

interface CloseEntry extends CloseReason {
  readonly when: string
  readonly reconnect: Reconnect
}

/** The closes that the relay starts by itself. */
export const closes = {
  roomExpired: {
    code: 1000,
    reason: 'Room expired',
    when: '`ROOM_EXPIRY` after the creation of the room',
    reconnect: 'at once',
  },
  shutdown: {
    code: 1001,
    reason: 'Server shutting down',
    when: 'the relay is stopping or being replaced',
    reconnect: 'later',
  },
  protocolError: {
    code: 1002,
    reason: 'Protocol error',
    when: 'a frame breaks RFC 6455: unmasked, reserved bits, unknown opcode, bad control frame, bad close code',
    reconnect: 'after a change',
  },
  notUtf8: {
    code: 1007,
    reason: 'Text is not UTF-8',
    when: 'a text message, or the reason of a close, is not UTF-8',
    reconnect: 'after a change',
  },
  roomRequired: {
    code: 1008,
    reason: 'Room ID required. Use /room/{roomId} or /?room={roomId}',
    when: 'the URL names no room',
    reconnect: 'after a change',
  },
  badRoomId: {
    code: 1008,
    reason: 'Invalid room ID format. Use alphanumeric characters, dash, or underscore only.',
    when: 'a room id of `impossible-writer` with other characters',
    reconnect: 'after a change',
  },
  longRoomId: {
    code: 1008,
    reason: 'Invalid room ID format. Use at most 128 characters.',
    when: 'a room id of `impossible-writer` that is too long',
    reconnect: 'after a change',
  },
  badNickname: {
    code: 1008,
    reason: 'Invalid nickname. Use 1 to 64 characters, no control characters.',
    when: 'a bad `?nickname=`',
    reconnect: 'after a change',
  },
  rawRoomRequired: {
    code: 1008,
    reason: 'Room required. Use /raw/{room}',
    when: '`/raw` without a room',
    reconnect: 'after a change',
  },
  longRoomName: {
    code: 1008,
    reason: 'Room name too long. Use at most 256 characters.',
    when: 'a room name of `opaque` that is too long',
    reconnect: 'after a change',
  },
  unknownPath: {
    code: 1008,
    reason: 'No such endpoint',
    when: 'the path belongs to no dialect that is served',
    reconnect: 'after a change',
  },
  joinTimeout: {
    code: 1008,
    reason: 'No room joined in time',
    when: 'no room was joined within `JOIN_TIMEOUT`',
    reconnect: 'later',
  },
  flooding: {
    code: 1008,
    reason: 'Too many messages over the rate limit',
    when: "10 windows' worth of messages were refused, and no window between them was without a refusal",
    reconnect: 'later',
  },
  unfinished: {
    code: 1008,
    reason: 'Message not finished in time',
    when: 'a message began, and then came at less than about 1 KiB a second for 30 s',
    reconnect: 'later',
  },
  originNotAllowed: {
    code: 1008,
    reason: 'Origin not allowed',
    when: 'the origin of the page is not in `ALLOWED_ORIGINS`, or there is no origin and `REQUIRE_ORIGIN` is set',
    reconnect: 'after a change',
  },
  invalidToken: {
    code: 1008,
    reason: 'Invalid authentication token',
    when: 'the token is missing, wrong or expired; or it expired during the connection and no new one came in time; or the time that the `authorize` hook set is over',
    reconnect: 'after a change',
  },
  notAllowed: {
    code: 1008,
    reason: 'Not allowed',
    when: 'the `authorize` hook refused the connection',
    reconnect: 'after a change',
  },
  notAllowedInRoom: {
    code: 1008,
    reason: 'Not allowed in this room',
    when: 'the token or the `authorize` hook refused the room; in `opaque` also after a message from a member that may only read',
    reconnect: 'after a change',
  },
  roomClosed: {
    code: 1008,
    reason: 'Room closed by an operator',
    when: 'an operator closed the room from the [dashboard](../dashboard.md), or the program with `relay.closeRoom`',
    reconnect: 'later',
  },
  idTaken: {
    code: 1008,
    reason: 'The peerId belongs to another user',
    when: 'the `peerId` is the name of a user who has now joined; or another user took it at the same time on another node',
    reconnect: 'after a change',
  },
  disconnected: {
    code: 1008,
    reason: 'Disconnected by an operator',
    when: 'an operator disconnected the member from the [dashboard](../dashboard.md), or the program with `relay.disconnect`',
    reconnect: 'later',
  },
  tooBig: {
    code: 1009,
    reason: 'Message too big',
    when: 'a message over `MAX_MESSAGE_BYTES`',
    reconnect: 'after a change',
  },
  internalError: {
    code: 1011,
    reason: 'Internal error',
    when: 'a fault in the relay or in a hook; it is logged',
    reconnect: 'later',
  },
  isolated: {
    code: 1012,
    reason: 'Cut off from the other nodes',
    when: 'the node was cut off from the others so long that they count its members as gone',
    reconnect: 'at once',
  },
  keysUnavailable: {
    code: 1013,
    reason: 'Authentication is unavailable',
    when: 'the relay cannot fetch the keys of `JWKS_URL`, so it can check no token',
    reconnect: 'later',
  },
  tooSlow: {
    code: 1013,
    reason: 'Reading too slowly',
    when: 'more than `MAX_BUFFERED_BYTES` wait for the client behind the message that is being sent to it, or it takes nothing for 30 seconds; a client that reads nothing at all, or is cut off for `MAX_TOTAL_BUFFERED_BYTES`, sees the connection break (1006)',
    reconnect: 'later',
  },
  tooManyConnections: {
    code: 1013,
    reason: 'Too many connections',
    when: 'the user that the `authorize` hook named has `MAX_CONNECTIONS_PER_USER`; at `/gun` also where the relay would otherwise answer HTTP 429 or 503',
    reconnect: 'later',
  },
  tooManyUnfinished: {
    code: 1013,
    reason: 'Too many unfinished messages',
    when: 'the unfinished messages of all connections together exceed `MAX_TOTAL_BUFFERED_BYTES`, and this client was slow for longest, or is one of the user or address that takes the most',
    reconnect: 'later',
  },
  roomFull: {
    code: 1013,
    reason: 'Room is full',
    when: 'the room has `MAX_ROOM_MEMBERS`',
    reconnect: 'later',
  },
  tooManyRooms: {
    code: 1013,
    reason: 'Too many rooms',
    when: 'the relay has `MAX_ROOMS`',
    reconnect: 'later',
  },
  tooManyOwnRooms: {
    code: 1013,
    reason: 'Too many rooms opened by you',
    when: "the client's user, or its address if no user is known, has opened its share of `MAX_ROOMS`",
    reconnect: 'later',
  },
} as const satisfies Record<string, CloseEntry>

/** Codes of the `error` message of the `impossible-writer` dialect. */
export const errorCodes = {
  RATE_LIMIT_EXCEEDED: 'more than `RATE_LIMIT` messages in `RATE_LIMIT_WINDOW`; this one was not relayed',
  INVALID_MESSAGE:
    'not a JSON object with a valid `type`, a `type` that is reserved for the relay, or a field twice that the relay reads or sets',
  PARSE_ERROR: 'not JSON',
  NOT_ALLOWED: 'the member may read in this room but not publish',
  INVALID_TOKEN: 'the relay did not accept the new token of an `auth` message; the old one stays in force',
} as const

/** A code of the `error` message of the `impossible-writer` dialect. */
export type ErrorCode = keyof typeof errorCodes
