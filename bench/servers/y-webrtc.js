/** The signaling server of y-webrtc as its package has it, kept to the loopback address. */
import { Server } from 'node:http'

const { listen } = Server.prototype
Server.prototype.listen = function (port) {
  return listen.call(this, Number(port), '127.0.0.1')
}
await import(new URL('bin/server.js', new URL('../', import.meta.resolve('y-webrtc'))).href)
