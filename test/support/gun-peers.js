/**
 * A process with peers of the real GUN: `node gun-peers.js URL COUNT`. Tells its parent of what they hear; told
 * `[peer, value]`, that peer says it. AXE is off, as docs/protocol/opaque.md advises.
 */
import gun from 'gun'

/**
 * @typedef {object} Chain
 * @property {(name: string) => Chain} get
 * @property {() => Chain} map
 * @property {(value: unknown) => void} put
 * @property {(hear: (value: unknown, name: string) => void) => void} on
 */

// Its own types are those of an ES module, which it is not.
const Gun = /** @type {(options: object) => Chain} */ (/** @type {unknown} */ (gun))

const [url = '', count = '1'] = process.argv.slice(2)
const quiet = { axe: false, multicast: false, radisk: false, localStorage: false, stats: false, log() {} }

const peers = Array.from({ length: Number(count) }, (_, i) => {
  const room = Gun({ ...quiet, peers: [url] }).get('room')
  room.map().on((value, name) => process.send?.([i, name, value]))
  return room
})

process.on('message', ([peer, value]) => peers[peer]?.get(`peer ${peer}`).put(value))
process.on('disconnect', () => process.exit())
