import type { IncomingMessage } from 'node:http'

/**
 * The body of a request as text. Has to be called in the turn in which the request came.
 *
 * @param most How many bytes it may have.
 * @returns Undefined if it has more, or does not come whole.
 */
export async function readBody(request: IncomingMessage, most: number): Promise<string | undefined> {
  // HTTP lets go of the socket of an upgrade: the body of such a request never ends.
  if (request.headers.upgrade !== undefined) return undefined
  const chunks: Buffer[] = []
  let length = 0
  return await new Promise((resolve) => {
    request
      .on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length <= most) chunks.push(chunk)
        else resolve(undefined)
      })
      .on('end', () => resolve(Buffer.concat(chunks).toString()))
      .on('error', () => resolve(undefined))
      .on('close', () => resolve(undefined))
  })
}
