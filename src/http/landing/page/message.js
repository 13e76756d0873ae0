/** @typedef {import('./text.js').Edit} Edit */

/** Two characters' ids: a selection reaches from the right of the one to the right of the other. @typedef {[string, string]} Cursor */

/**
 * What members tell each other. `hello` asks the others for what its sender lacks; `state` answers it.
 *
 * @typedef {object} Message
 * @property {'hello' | 'state' | 'edit' | 'cursor'} type
 * @property {string} site
 * @property {string} name
 * @property {Cursor | undefined} [cursor]
 * @property {Edit} [edit]
 */

/**
 * How a member speaks a dialect.
 *
 * @typedef {object} Dialect
 * @property {string} path
 * @property {object} [first] What it has to say before all else.
 * @property {(message: Message) => object} wrap
 * @property {(received: Received) => unknown} unwrap
 * @property {string} [leaves] The type of the notice that somebody has left.
 * @property {(received: Received) => unknown} who Whom a message or a notice is of, by the relay's word.
 */

/** @typedef {Record<string, unknown>} Received */

/** In the order of preference. @type {Readonly<Record<string, (room: string, name: string, site: string) => Dialect>>} */
export const dialects = {
  'impossible-writer': (room, name) => ({
    path: `room/${room}?nickname=${name}`,
    wrap: (message) => message,
    unwrap: (received) => received,
    leaves: 'user-left',
    who: ({ connectionId }) => connectionId,
  }),
  opaque: (room) => ({
    path: `raw/${room}`,
    wrap: (message) => message,
    unwrap: (received) => received,
    who: () => undefined,
  }),
  pluresdb: (room, _name, site) => ({
    path: 'pluresdb',
    first: { type: 'join', topic: room, peerId: site },
    wrap: (message) => ({ type: 'data', data: message }),
    unwrap: ({ data }) => data,
    leaves: 'peer-left',
    who: ({ peerId }) => peerId,
  }),
  'y-webrtc': (room) => ({
    path: 'y-webrtc',
    first: { type: 'subscribe', topics: [room] },
    wrap: (message) => ({ type: 'publish', topic: room, message }),
    unwrap: ({ message }) => message,
    who: () => undefined,
  }),
}

const TYPES = new Set(['hello', 'state', 'edit', 'cursor'])
const SITE = /^[a-z0-9]{1,16}$/
const ID = /^([1-9][0-9]{0,11}@[a-z0-9]{1,16})?$/
const MAX_NAME = 32
const MAX_COUNT = 100_000

/**
 * Whether somebody's message is one of ours: whoever has the link can send anything.
 *
 * @param {unknown} value
 * @returns {value is Message}
 */
export function isMessage(value) {
  if (!isObject(value)) return false
  const { type, site, name, cursor, edit } = value
  return (
    TYPES.has(/** @type {string} */ (type)) &&
    typeof site === 'string' &&
    SITE.test(site) &&
    typeof name === 'string' &&
    name.length <= MAX_NAME &&
    (cursor === undefined || (isList(cursor, isId) && cursor.length === 2)) &&
    (edit === undefined || isEdit(edit))
  )
}

/** @param {unknown} value */
function isEdit(value) {
  return isObject(value) && isList(value['insert'], isRun) && isList(value['remove'], isRange)
}

/** @param {unknown} value */
function isRun(value) {
  return isObject(value) && isId(value['id']) && isId(value['after']) && typeof value['text'] === 'string'
}

/** @param {unknown} value */
function isRange(value) {
  return isObject(value) && isId(value['id']) && Number.isInteger(value['count']) && Number(value['count']) < MAX_COUNT
}

/** @param {unknown} value */
function isId(value) {
  return typeof value === 'string' && ID.test(value)
}

/**
 * @param {unknown} value
 * @param {(item: unknown) => boolean} isItem
 * @returns {value is unknown[]}
 */
function isList(value, isItem) {
  return Array.isArray(value) && value.every(isItem)
}

/**
 * @param {unknown} value
 * @returns {value is Received}
 */
export function isObject(value) {
  return typeof value === 'object' && value !== null
}
