import type { IncomingMessage } from 'node:http'
import { type Response, textResponse } from '../http/response.js'
import type { RoomInspector } from './room-inspector.js'
import type { DashboardSources } from './sources.js'

/** The word that an operator types to confirm that the relay stops. */
const DRAIN = 'drain'

type Action = (form: URLSearchParams, address: string) => Response

/** What an operator may do on the dashboard. Each action is logged. */
export class Actions {
  readonly #sources: Pick<DashboardSources, 'context' | 'eventLog' | 'addressFor' | 'disconnect' | 'drain'>
  readonly #inspector: RoomInspector
  readonly #actions: ReadonlyMap<string, Action> = new Map([
    ['close-room', (form, address) => this.#closeRoom(form, address)],
    ['disconnect', (form, address) => this.#disconnect(form, address)],
    [DRAIN, (form, address) => this.#drain(form, address)],
  ])

  constructor(
    sources: Pick<DashboardSources, 'context' | 'eventLog' | 'addressFor' | 'disconnect' | 'drain'>,
    inspector: RoomInspector,
  ) {
    this.#sources = sources
    this.#inspector = inspector
  }

  has(name: string): boolean {
    return this.#actions.has(name)
  }

  /** Does what a form asks for, and says what came of it; undefined if there is no such action. */
  perform(name: string, form: URLSearchParams, request: IncomingMessage): Response | undefined {
    return this.#actions.get(name)?.(form, this.#sources.addressFor(request))
  }

  #closeRoom(form: URLSearchParams, address: string): Response {
    const room = this.#inspector.find(form.get('room') ?? '')
    if (!room) return textResponse(404, 'That room is gone.')
    this.#sources.eventLog.operated(address, 'Room closed from the dashboard', { room })
    const members = this.#sources.context.rooms.disband(room)
    return textResponse(200, `Room closed: ${members} disconnected.`)
  }

  #disconnect(form: URLSearchParams, address: string): Response {
    const room = this.#inspector.find(form.get('room') ?? '')
    const id = form.get('member')
    const member = room?.members.find(({ session }) => session.id === id)
    if (!room || !member) return textResponse(404, 'That member is gone.')
    const connectionId = member.session.id
    this.#sources.eventLog.operated(address, 'Member disconnected from the dashboard', { room, connectionId })
    this.#sources.disconnect(connectionId)
    return textResponse(200, 'Member disconnected.')
  }

  #drain(form: URLSearchParams, address: string): Response {
    if (form.get('confirm') !== DRAIN) return textResponse(400, `Type “${DRAIN}” to drain this node.`)
    this.#sources.eventLog.operated(address, 'Drain started from the dashboard')
    // The response goes first.
    setImmediate(this.#sources.drain)
    return textResponse(202, 'This node is draining.')
  }
}
