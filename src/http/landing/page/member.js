/** @import { Connection } from './connection.js' */
/** @import { Cursor, Dialect, Message } from './message.js' */
/** @import { Edit } from './text.js' */
import { isMessage, isObject } from './message.js'
import { SharedText } from './text.js'

/** How long somebody is shown who says nothing, where the dialect does not tell who has left; in milliseconds. */
const PATIENCE = 60_000

/** The least time between two messages about the cursor, in milliseconds. */
const CURSOR_PAUSE = 50

/** The longest time before a question is answered, so that not all answer it; in milliseconds. */
const ANSWER_PAUSE = 150

/**
 * A member of the room: keeps its copy of the text equal to those of the others. The relay keeps none, so whoever
 * connects says hello with what it has, and is told the rest by those who are there.
 */
export class Member {
  #name
  #site
  #dialect
  #changed
  /** @type {Connection | undefined} */
  #connection
  /** @type {Map<string, { name: string, cursor: Cursor | undefined, who: unknown, heard: number }>} */
  #peers = new Map()
  /** @type {Cursor | undefined} */
  #cursor
  #told = ''
  #cursorTimer = 0
  #answerTimer = 0
  #lacking = false
  #helloTimer = 0
  #helloPause = 1000

  /**
   * @param {{ name: string, site: string }} self
   * @param {Dialect} dialect
   * @param {() => void} changed Called when the text or somebody's cursor has changed.
   */
  constructor({ name, site }, dialect, changed) {
    this.#name = name
    this.#site = site
    this.text = new SharedText(site)
    this.#dialect = dialect
    this.#changed = changed
    if (!dialect.leaves) setInterval(() => this.#forgetTheSilent(), PATIENCE / 4)
  }

  /** The others who have a cursor. */
  get cursors() {
    return [...this.#peers.values()].flatMap(({ name, cursor }) => (cursor ? [{ name, cursor }] : []))
  }

  /** @param {Connection} connection Just opened. */
  enter(connection) {
    this.#connection = connection
    this.#helloPause = 1000
    this.#peers.clear()
    if (this.#dialect.first) connection.send(this.#dialect.first)
    this.#say('hello', this.text.whole)
    this.#changed()
  }

  /**
   * Tells the others of a change that was made here.
   *
   * @param {Edit} edit
   * @param {Cursor} cursor
   */
  edited(edit, cursor) {
    this.#cursor = cursor
    this.#say('edit', edit)
  }

  /** @param {Cursor} cursor */
  moved(cursor) {
    this.#cursor = cursor
    this.#cursorTimer ||= setTimeout(() => {
      this.#cursorTimer = 0
      if (String(this.#cursor) !== this.#told) this.#say('cursor')
    }, CURSOR_PAUSE)
  }

  /** @param {string} data */
  received(data) {
    const received = parse(data)
    if (!received) return
    if (received['type'] === this.#dialect.leaves) this.#forget(this.#dialect.who(received))
    // Whatever it was about, the others lack it now.
    else if (received['type'] === 'error') this.#sayHelloSoon()
    const message = this.#dialect.unwrap(received)
    if (isMessage(message) && message.site !== this.#site) this.#take(message, this.#dialect.who(received))
    this.#changed()
  }

  /**
   * @param {Message} message
   * @param {unknown} who
   */
  #take({ type, site, name, cursor, edit }, who) {
    this.#peers.set(site, { name, cursor, who, heard: Date.now() })
    const complete = !edit || this.text.merge(edit)
    if (!complete) this.#sayHelloSoon()
    const lacking = edit && JSON.stringify(edit) !== JSON.stringify(this.text.whole)
    if (type === 'state' && !lacking) this.#lacking = false
    if (type !== 'hello') return
    this.#lacking ||= lacking === true
    this.#answerTimer ||= setTimeout(() => this.#answer(), Math.random() * ANSWER_PAUSE)
  }

  #answer() {
    this.#answerTimer = 0
    if (this.#lacking) this.#say('state', this.text.whole)
    else if (this.#cursor) this.#say('cursor')
    this.#lacking = false
  }

  #sayHelloSoon() {
    this.#helloTimer ||= setTimeout(() => {
      this.#helloTimer = 0
      this.#helloPause = Math.min(60_000, this.#helloPause * 2)
      this.#say('hello', this.text.whole)
    }, this.#helloPause)
  }

  /**
   * @param {Message['type']} type
   * @param {Edit} [edit]
   */
  #say(type, edit) {
    // What is not said now is in the hello of the next connection.
    if (!this.#connection?.open) return
    this.#told = String(this.#cursor)
    const message = { type, site: this.#site, name: this.#name, cursor: this.#cursor, ...(edit && { edit }) }
    this.#connection.send(this.#dialect.wrap(message))
  }

  /** @param {unknown} who Not somebody who has another connection by now. */
  #forget(who) {
    for (const [site, peer] of this.#peers) if (peer.who === who) this.#peers.delete(site)
  }

  #forgetTheSilent() {
    for (const [site, { heard }] of this.#peers) if (Date.now() - heard > PATIENCE) this.#peers.delete(site)
    this.#changed()
  }
}

/** @param {string} data */
function parse(data) {
  try {
    const value = JSON.parse(data)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
