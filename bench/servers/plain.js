/** A relay on `ws` as both parents of Baton are: parse, stamp, stringify, one `send` for each member. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { WebSocketServer } from 'ws'
import { connected, createId, presence, roomOf, stamped } from './messages.js'

const { PORT, TLS_CERT, TLS_KEY } = process.env
const rooms = new Map()
const server = TLS_CERT ? createTlsServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) }) : createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 2 ** 20 })

function broadcast(members, text, except) {
  for (const member of members) {
    if (member !== except && member.readyState === member.OPEN) member.send(text)
  }
}

sockets.on('connection', (socket, request) => {
  const room = roomOf(request.url)
  const id = createId()
  const members = rooms.get(room) ?? new Set()
  rooms.set(room, members.add(socket))
  socket.send(connected(id, room, members.size))
  broadcast(members, presence('user-joined', id, members.size), socket)
  socket.on('message', (data) => broadcast(members, stamped(data.toString(), id), socket))
  socket.on('error', () => {})
  socket.on('close', () => {
    members.delete(socket)
    if (members.size === 0) rooms.delete(room)
    broadcast(members, presence('user-left', id, members.size))
  })
})
server.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${PORT}`))
