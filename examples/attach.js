// An app with pages and a WebSocket of its own; the relay shares its port, under /relay.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Relay } from 'baton-relay'
import { WebSocketServer } from 'ws'

const { PORT = '3000' } = process.env
const relay = new Relay({ logLevel: 'silent' })
const echo = new WebSocketServer({ noServer: true })
echo.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo: ${data}`)))

const app = createServer((request, response) => {
  if (request.url === '/') response.end('The app\n')
  else if (request.url === '/members') response.end(`${relay.stats().currentConnections}\n`)
  else response.writeHead(404).end('No such page\n')
})

app.on('upgrade', (request, socket, head) => {
  if (request.url === '/echo') echo.handleUpgrade(request, socket, head, (ws) => echo.emit('connection', ws))
  else if (!/^\/relay([/?]|$)/.test(request.url ?? ''))
    socket.end('HTTP/1.1 404 Not Found\r\n\r\n', () => socket.destroy())
})
relay.attach(app, { prefix: '/relay' })

app.listen(Number(PORT), '127.0.0.1')
try {
  await once(app, 'listening')
} catch (error) {
  // Such as a port that is taken, in one line.
  console.error(/** @type {Error} */ (error).message)
  process.exit(1)
}
console.log('The app listens:', app.address())

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    for (const socket of echo.clients) socket.close(1001)
    await relay.close()
    app.close()
  })
}
