import { Client } from './client.js'
import { dialects, stampOffset } from './dialects.js'

/** Fewer than a server's listen queue of 511, beyond which the kernel drops the first packet and the client waits a second. */
const PENDING = 400

/**
 * Connects rooms of clients; with several `ports` the members of a room in turn to each. Resolves when the servers
 * have taken all of them in.
 */
export async function gather({ port, ports = [port], tls, dialect, rooms, members }, onMessage) {
  const line = { tls, dialect: dialects[dialect], stampOffset: stampOffset(dialect), onMessage }
  const lines = ports.map((each) => ({ ...line, port: each }))
  const clients = []
  const total = rooms * members
  const connectNext = async () => {
    while (clients.length < total) {
      const member = clients.length
      const client = new Client(lines[member % lines.length], Math.floor(member / members), member)
      clients.push(client)
      await client.ready
    }
  }
  await Promise.all(Array.from({ length: Math.min(PENDING, total) }, connectNext))
  return clients
}
