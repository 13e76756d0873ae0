/** Bun's own server, with its native publish and subscribe. Runs in Bun. */
import { connected, createId, presence, roomOf, stamped } from './messages.js'

const { PORT } = process.env

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(PORT),
  fetch(request, server) {
    const room = roomOf(new URL(request.url).pathname)
    if (server.upgrade(request, { data: { id: createId(), room } })) return undefined
    return new Response('Not found', { status: 404 })
  },
  websocket: {
    maxPayloadLength: 2 ** 20,
    backpressureLimit: 8 * 2 ** 20,
    closeOnBackpressureLimit: true,
    perMessageDeflate: false,
    open(socket) {
      const { id, room } = socket.data
      socket.subscribe(room)
      const count = server.subscriberCount(room)
      socket.send(connected(id, room, count))
      socket.publish(room, presence('user-joined', id, count))
    },
    message(socket, text) {
      socket.publish(socket.data.room, stamped(text, socket.data.id))
    },
    close(socket) {
      const { id, room } = socket.data
      server.publish(room, presence('user-left', id, server.subscriberCount(room)))
    },
  },
})
process.on('SIGUSR2', () => Bun.gc(true))
process.on('disconnect', () => process.exit(1))
console.log(`listening on ${PORT}`)
