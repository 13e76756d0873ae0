/** Socket.IO with its own rooms, WebSocket transport only. */
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const { PORT } = process.env
const server = createServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false, maxHttpBufferSize: 2 ** 20 })

function count(room) {
  return io.sockets.adapter.rooms.get(room)?.size ?? 0
}

io.on('connection', (socket) => {
  const { room } = socket.handshake.query
  const connectionId = socket.id
  void socket.join(room)
  socket.emit('connected', { connectionId, roomId: room, userCount: count(room) })
  socket.to(room).emit('user-joined', { connectionId, userCount: count(room) })
  socket.on('m', (message) => socket.to(room).emit('m', { ...message, connectionId, timestamp: Date.now() }))
  socket.on('disconnect', () => io.to(room).emit('user-left', { connectionId, userCount: count(room) }))
})
server.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${PORT}`))
