/**
 * How a client of each protocol connects, joins and writes. Every message carries a stamp at a fixed
 * place, `~` with the sender's number and the message's number, so that a receiver finds it without
 * parsing anything.
 */

export const SENDER_DIGITS = 5
export const SEQUENCE_DIGITS = 8
const STAMP = `~${'0'.repeat(SENDER_DIGITS + SEQUENCE_DIGITS)}`

/** Text with line breaks, as people paste it; JSON writes each as two characters. */
function padding(bytes) {
  const line = `${'All the king said was that the queen had gone to sea in a boat. '.slice(0, 63)}\\n`
  const text = line.repeat(Math.ceil(Math.max(bytes, 0) / line.length)).slice(0, Math.max(bytes, 0))
  return text.endsWith('\\') ? `${text.slice(0, -1)}.` : text
}

/** A JSON message of so many bytes around the stamp. */
function fill(bytes, head, tail) {
  return head + STAMP + padding(bytes - head.length - STAMP.length - tail.length) + tail
}

const roomName = (room) => `r${String(room).padStart(5, '0')}`

const impossibleWriter = {
  path: (room) => `/room/${roomName(room)}`,
  join: () => [],
  message: (_room, bytes) => fill(bytes, '{"type":"m","s":"', '"}'),
}

export const dialects = {
  'impossible-writer': impossibleWriter,

  pluresdb: {
    path: () => '/pluresdb',
    join: (room, member) => [
      JSON.stringify({ type: 'join', topic: roomName(room), peerId: `p${String(member).padStart(5, '0')}` }),
    ],
    message: (_room, bytes) => fill(bytes, '{"type":"data","data":"', '"}'),
  },

  'y-webrtc': {
    path: () => '/y-webrtc',
    join: (room) => [JSON.stringify({ type: 'subscribe', topics: [roomName(room)] })],
    message: (room, bytes) => fill(bytes, `{"type":"publish","topic":"${roomName(room)}","data":"`, '"}'),
    // A publisher that has subscribed hears itself.
    echo: true,
  },

  opaque: {
    path: (room) => `/raw/${roomName(room)}`,
    join: () => [],
    message: (_room, bytes) => fill(bytes, '', ''),
    binary: true,
  },

  /** Socket.IO over Engine.IO 4: a greeting each way, then events. */
  'socket.io': {
    path: (room) => `/socket.io/?EIO=4&transport=websocket&room=${roomName(room)}`,
    join: () => ['40'],
    // The answer to the greeting; what came before it does not count.
    welcome: '40',
    message: (_room, bytes) => fill(bytes, '42["m",{"type":"m","s":"', '"}]'),
    ping: '2',
    pong: '3',
  },
}

/** Where the stamp's `~` is in what a receiver gets, from the start of the payload. */
export function stampOffset(name) {
  return dialects[name].message(0, 0).indexOf('~')
}
