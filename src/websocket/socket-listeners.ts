import type { Socket } from 'node:net'

/** Handles the events of a socket. */
export interface SocketOwner {
  /** A piece of the byte stream came. */
  received(chunk: Buffer): void
  /** The client has ended its half of the socket. */
  ended(): void
  /** The socket is closed. */
  gone(): void
}

const kOwner = Symbol('owner')

interface Owned {
  [kOwner]: SocketOwner
}

/** Listens to a socket. All sockets share the listeners, which saves each connection three closures. */
export function listenTo(socket: Socket, owner: SocketOwner): void {
  ;(socket as unknown as Owned)[kOwner] = owner
  socket.on('data', onData).on('end', onEnd).on('close', onClose)
}

function ownerOf(socket: Socket): SocketOwner {
  return (socket as unknown as Owned)[kOwner]
}

function onData(this: Socket, chunk: Buffer): void {
  ownerOf(this).received(chunk)
}

function onEnd(this: Socket): void {
  ownerOf(this).ended()
}

function onClose(this: Socket): void {
  ownerOf(this).gone()
}
