import { createHash, createHmac } from 'node:crypto'
import type { RoomKind } from '../core/kind.js'

/** 16 bytes. */
const KEY_DIGITS = 32

/** The names of a cluster's channels. They tell neither the names of rooms nor those of users. */
export class Channels {
  /** Where all nodes listen. */
  readonly control: string
  readonly #name: string
  readonly #secret: string

  /**
   * @param name Begins all of them.
   * @param secret The hashes cannot be guessed without it, unless it is empty.
   */
  constructor(name: string, secret: string) {
    this.#name = name
    this.#secret = secret
    this.control = `${name}:ctl`
  }

  /** Where one node listens. */
  inbox(node: string): string {
    return `${this.#name}:n:${node}`
  }

  /** Where the nodes listen that host a room. */
  room(key: string): string {
    return `${this.#name}:r:${key}`
  }

  /** A hash that stands for a room. Names of rooms are secrets that let people in. */
  keyOf({ kind, name }: { readonly kind: RoomKind; readonly name: string }): string {
    return this.#hash(`${kind.name}/${name}`)
  }

  /** A hash that stands for a user. It equals no room's, since no dialect's name begins with a colon. */
  ownerOf(user: string): string {
    return this.#hash(`:user/${user}`)
  }

  #hash(text: string): string {
    const hash = this.#secret === '' ? createHash('sha256') : createHmac('sha256', this.#secret)
    // UTF-8 would make two different names with half characters the same.
    return hash.update(text, 'utf16le').digest('hex').slice(0, KEY_DIGITS)
  }
}
