/** A WebSocket client that does as little as it can: a plain socket, and only the headers of frames are read. */
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { SENDER_DIGITS, SEQUENCE_DIGITS } from './dialects.js'
import { encodeFrame, Opcode, readDigits, textFrame } from './frames.js'

/** All sockets read into the same memory: what was read is used up before the next read. */
const shared = Buffer.allocUnsafe(256 * 1024)

/** As much of a payload as has to be there before a message is looked at. */
const HEAD = 96
const TILDE = 0x7e
const PING = encodeFrame(Opcode.ping, Buffer.from('ready?')).frame
const GOODBYE = encodeFrame(Opcode.close, Buffer.from([0x03, 0xe8])).frame

/** What a browser asks. */
export function request(path, port) {
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n` +
    'Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ' +
    'Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n' +
    `Origin: http://127.0.0.1:${port}\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\n` +
    'Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n'
  )
}

export class Client {
  /** Resolves when the server has taken the client in; rejects if it will not. */
  ready
  closed = false

  #socket
  #dialect
  #joins
  #stampOffset
  #onMessage
  #resolve
  #reject
  #phase = 'connecting'
  #carry
  /** Bytes of the current message that are still to come, and the message. */
  #left = 0
  #sender = -1
  #sequence = 0

  /**
   * @param line What all clients of a run share: port, tls, dialect, stampOffset, onMessage(client, sender, sequence).
   * @param member Number of this client.
   */
  constructor(line, room, member) {
    this.member = member
    this.#dialect = line.dialect
    this.#stampOffset = line.stampOffset
    this.#onMessage = line.onMessage
    this.#joins = line.dialect.join(room, member)
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.ready.catch(() => {})
    const hello = request(line.dialect.path(room, member), line.port)
    this.#socket = line.tls ? this.#openTls(line.port, hello) : this.#open(line.port, hello)
    this.#socket.on('error', (error) => this.#gone(error))
    this.#socket.on('close', () => this.#gone(new Error('closed')))
  }

  #open(port, hello) {
    const onread = { buffer: shared, callback: (length, buffer) => this.#received(buffer, length) }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
    socket.on('connect', () => socket.write(hello))
    return socket
  }

  #openTls(port, hello) {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.setNoDelay(true)
    socket.on('secureConnect', () => socket.write(hello))
    socket.on('data', (data) => this.#received(data, data.length))
    return socket
  }

  send(frame) {
    this.#socket.write(frame)
  }

  /** Bytes that are not sent yet. */
  get unsent() {
    return this.#socket.writableLength
  }

  /** Stops reading for good. */
  stall() {
    this.#socket.pause()
  }

  /** Says goodbye. */
  leave() {
    this.send(GOODBYE)
  }

  /** Goes without a word. */
  cut() {
    this.#socket.resetAndDestroy()
  }

  #gone(error) {
    this.closed = true
    this.#reject(error)
  }

  #received(buffer, length) {
    if (this.#phase === 'connecting') this.#answered(buffer.toString('latin1', 0, length))
    else this.#read(buffer, length)
  }

  /** The server's answer to the handshake, and perhaps the first frames behind it. */
  #answered(text) {
    const answer = (this.#carry ?? '') + text
    const end = answer.indexOf('\r\n\r\n')
    if (end < 0) {
      this.#carry = answer
      return
    }
    this.#carry = undefined
    if (!answer.startsWith('HTTP/1.1 101')) {
      this.#gone(new Error(answer.slice(0, answer.indexOf('\r\n'))))
      return
    }
    this.#phase = 'joining'
    for (const join of this.#joins) this.send(textFrame(join))
    if (!this.#dialect.welcome) this.send(PING)
    const rest = Buffer.from(answer.slice(end + 4), 'latin1')
    this.#read(rest, rest.length)
  }

  /** Goes over the frames in what was read. A frame may begin and end anywhere. */
  #read(chunk, chunkLength) {
    let buffer = chunk
    let end = chunkLength
    let at = 0
    if (this.#left > 0) {
      if (end < this.#left) {
        this.#left -= end
        return
      }
      at = this.#left
      this.#left = 0
      this.#delivered()
    } else if (this.#carry) {
      buffer = Buffer.concat([this.#carry, chunk.subarray(0, chunkLength)])
      end = buffer.length
      this.#carry = undefined
    }
    while (at < end) {
      const next = this.#frame(buffer, at, end)
      if (next < 0) {
        this.#carry = Buffer.from(buffer.subarray(at, end))
        return
      }
      at = next
    }
  }

  /** Reads one frame. Returns where the next begins, or -1 if too little of this one is there. */
  #frame(buffer, at, end) {
    if (end - at < 2) return -1
    let length = buffer[at + 1]
    let start = at + 2
    if (length === 126) {
      if (end - at < 4) return -1
      length = (buffer[at + 2] << 8) | buffer[at + 3]
      start = at + 4
    } else if (length === 127) {
      if (end - at < 10) return -1
      length = buffer.readUInt32BE(at + 6)
      start = at + 10
    }
    if (end - start < Math.min(length, HEAD)) return -1
    const next = start + length
    const tilde = start + this.#stampOffset
    if (buffer[tilde] !== TILDE || tilde >= next) {
      if (next > end) return -1
      this.#control(buffer[at] & 15, buffer.subarray(start, next))
      return next
    }
    this.#sender = readDigits(buffer, tilde + 1, SENDER_DIGITS)
    this.#sequence = readDigits(buffer, tilde + 1 + SENDER_DIGITS, SEQUENCE_DIGITS)
    if (next > end) {
      this.#left = next - end
      return end
    }
    this.#delivered()
    return next
  }

  #delivered() {
    this.#onMessage(this, this.#sender, this.#sequence)
  }

  /** Everything that is no message of a member. */
  #control(opcode, payload) {
    const { welcome, ping, pong } = this.#dialect
    if (opcode === Opcode.ping) this.send(encodeFrame(Opcode.pong, payload).frame)
    else if (opcode === Opcode.pong) this.#joined()
    else if (opcode === Opcode.close) this.closed = true
    else if (ping && payload.toString() === ping) this.send(textFrame(pong))
    else if (welcome && this.#phase === 'joining' && payload.toString('latin1', 0, welcome.length) === welcome) {
      this.send(PING)
    }
  }

  #joined() {
    this.#phase = 'joined'
    this.#resolve()
  }
}
