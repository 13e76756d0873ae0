import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Why the relay cannot listen. */
export class ListenError extends Error {
  /** The system's error code, such as `EADDRINUSE` or `EACCES`. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'ListenError'
    this.code = code
  }
}

/**
 * Listens.
 *
 * @returns The address in use.
 * @throws {ListenError} If the port is taken, or needs privileges that the process has not.
 */
export async function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(explain(error, port, host))
    server.once('error', onError)
    server.listen({ port, ...(host && { host }) }, () => {
      server.off('error', onError)
      resolve()
    })
  })
  return server.address() as AddressInfo
}

function explain({ code = '', message }: NodeJS.ErrnoException, port: number, host: string): ListenError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} is already in use. Stop the process that has it (lsof -i :${port}), or choose another port.`,
    EACCES:
      `Port ${port} needs privileges. Give them to Node with ` +
      "sudo setcap 'cap_net_bind_service=+ep' $(readlink -f $(which node)), or choose a port above 1023.",
    EADDRNOTAVAIL: `This machine has no address ${host}.`,
    ENOTFOUND: `The host ${host} is not known.`,
  }
  return new ListenError(code, reasons[code] ?? `Cannot listen on port ${port}: ${message}`)
}
