import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Relay, type RelayOptions } from '../../src/index.js'

/** A relay on an HTTP server of the test's own, both gone at the end of the test. */
export interface AttachedRelay {
  relay: Relay
  server: Server
  port: number
  /** The server's ends of its connections, in the order of their coming. */
  sockets: Socket[]
}

/** Attaches a relay to a server, by default to one without any page, and has that listen. */
export async function attachRelay(
  options: RelayOptions = {},
  { server = createServer(), prefix = '', listen = { port: 0, host: '127.0.0.1' } as object } = {},
): Promise<AttachedRelay> {
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  const relay = new Relay({ logLevel: 'silent', ...options }).attach(server, prefix === '' ? {} : { prefix })
  server.listen(listen)
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await relay.close({ drain: 0 })
    server.close()
  })
  return { relay, server, port: (server.address() as AddressInfo).port, sockets }
}
