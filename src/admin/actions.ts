import type { IncomingMessage } from 'node:http'
import { type Page, text } from '../http/routes.js'
import type { DashboardSources } from './dashboard.js'
import type { RoomInspector } from './room-inspector.js'

/** What has to be typed before the relay stops. */
const DRAIN = 'drain'

type Action = (form: URLSearchParams, address: string) => Page

/** What an operator may do. Each is logged. */
export class Actions {
  readonly #sources: Pick<DashboardSources, 'hub' | 'journal' | 'addressFor' | 'disconnect' | 'drain'>
  readonly #watch: RoomInspector
  readonly #actions: ReadonlyMap<string, Action> = new Map([
    ['close-room', (form, address) => this.#closeRoom(form, address)],
    ['disconnect', (form, address) => this.#disconnect(form, address)],
    [DRAIN, (form, address) => this.#drain(form, address)],
  ])

  constructor(
    sources: Pick<DashboardSources, 'hub' | 'journal' | 'addressFor' | 'disconnect' | 'drain'>,
    watch: RoomInspector,
  ) {
    this.#sources = sources
    this.#watch = watch
  }

  has(name: string): boolean {
    return this.#actions.has(name)
  }

  /** Does what a form asks for; undefined if there is no such action. */
  perform(name: string, form: URLSearchParams, request: IncomingMessage): Page | undefined {
    return this.#actions.get(name)?.(form, this.#sources.addressFor(request))
  }

  #closeRoom(form: URLSearchParams, address: string): Page {
    const room = this.#watch.find(form.get('room') ?? '')
    if (!room) return text(404, 'That room is gone.')
    this.#sources.journal.operated(address, 'Room closed from the dashboard', { room })
    const members = this.#sources.hub.rooms.disband(room)
    return text(200, `Room closed: ${members} disconnected.`)
  }

  #disconnect(form: URLSearchParams, address: string): Page {
    const room = this.#watch.find(form.get('room') ?? '')
    const id = form.get('member')
    const member = room?.members.find(({ session }) => session.id === id)
    if (!room || !member) return text(404, 'That member is gone.')
    const connectionId = member.session.id
    this.#sources.journal.operated(address, 'Member disconnected from the dashboard', { room, connectionId })
    this.#sources.disconnect(connectionId)
    return text(200, 'Member disconnected.')
  }

  #drain(form: URLSearchParams, address: string): Page {
    if (form.get('confirm') !== DRAIN) return text(400, `Type “${DRAIN}” to drain this node.`)
    this.#sources.journal.operated(address, 'Drain started from the dashboard')
    // The answer goes first.
    setImmediate(this.#sources.drain)
    return text(202, 'This node is draining.')
  }
}
