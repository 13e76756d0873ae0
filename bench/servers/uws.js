/** uWebSockets: a native server, with its own publish and subscribe. */
import uws from '@trufflesuite/uws-js-unofficial/dist/uws.js'
import { connected, createId, presence, roomOf, stamped } from './messages.js'

const { PORT } = process.env
const MAX_BUFFERED_BYTES = 8 * 2 ** 20
const decoder = new TextDecoder()

const app = uws.App().ws('/*', {
  maxPayloadLength: 2 ** 20,
  maxBackpressure: MAX_BUFFERED_BYTES,
  closeOnBackpressureLimit: MAX_BUFFERED_BYTES,
  upgrade(response, request, context) {
    response.upgrade(
      { id: createId(), room: roomOf(request.getUrl()) },
      request.getHeader('sec-websocket-key'),
      '',
      '',
      context,
    )
  },
  open(socket) {
    socket.subscribe(socket.room)
    const count = app.numSubscribers(socket.room)
    socket.send(connected(socket.id, socket.room, count))
    socket.publish(socket.room, presence('user-joined', socket.id, count))
  },
  message(socket, data) {
    socket.publish(socket.room, stamped(decoder.decode(data), socket.id))
  },
  close(socket) {
    app.publish(socket.room, presence('user-left', socket.id, app.numSubscribers(socket.room)))
  },
})
app.listen('127.0.0.1', Number(PORT), (listening) => {
  if (!listening) process.exit(1)
  console.log(`listening on ${PORT}`)
})
