import type { Client } from './client.js'
import { besideConversation, RawClient, until } from './raw.js'
import { startRelay } from './relay.js'

/** Bytes that a message may have in {@link withRaw}. */
export const LIMIT = 1000

/**
 * Runs `act` with a raw client and a normal one in the same room, beside a conversation that must not
 * notice anything. Checks that the raw client leaves nothing behind.
 */
export async function withRaw(act: (raw: RawClient, listener: Client) => Promise<void>): Promise<void> {
  const relay = await startRelay({ throttle: 0, maxMessageBytes: LIMIT })
  const listener = await relay.open('/raw/room')
  await besideConversation(relay, async () => {
    const raw = await RawClient.open(relay, '/raw/room')
    await act(raw, listener)
    raw.socket.destroy()
    await until(() => relay.relay.stats().currentConnections === 3)
  })
}
