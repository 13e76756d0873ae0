/** How a member speaks a dialect. */
interface Dialect {
  /** The connection's path, below that of the page. */
  readonly path: string
  /** The first message of a connection. */
  readonly join?: object
  /** A text as a message. */
  readonly wrap: (text: string) => object
  /** Whether the relay sends a message to its sender too. */
  readonly echoes?: true
}

/** The dialects in the order of preference. */
const dialects: Readonly<Record<string, (room: string, name: string) => Dialect>> = {
  'impossible-writer': (room, name) => ({
    path: `room/${room}?nickname=${name}`,
    wrap: (text) => ({ type: 'content', from: name, data: text }),
  }),
  opaque: (room, name) => ({
    path: `raw/${room}`,
    wrap: (text) => ({ from: name, text }),
  }),
  pluresdb: (room, name) => ({
    path: 'pluresdb',
    join: { type: 'join', topic: room, peerId: name },
    wrap: (text) => ({ type: 'data', data: text }),
  }),
  'y-webrtc': (room, name) => ({
    path: 'y-webrtc',
    join: { type: 'subscribe', topics: [room] },
    wrap: (text) => ({ type: 'publish', topic: room, from: name, text }),
    echoes: true,
  }),
}

/** The first dialect that is served and that the page speaks. */
export function choose(served: readonly string[]): [name: string, speak: (room: string, name: string) => Dialect] {
  const chosen = Object.entries(dialects).find(([name]) => served.includes(name))
  if (!chosen) throw new Error('The page speaks no dialect that is served')
  return chosen
}

/** What a pane shows of a message. */
export interface Line {
  /** `error`: the relay has refused a message. `notice`: something else that the relay says itself. */
  readonly kind: 'message' | 'notice' | 'error'
  readonly from: string
  readonly text: string
}

type Fields = Readonly<Record<string, unknown>>

/** What the relay tells of itself and of the room. */
const NOTICE = /^(?:connected|room-expired|server-shutdown|(?:user|peer)-(joined|left))$/

/** What a pane shows of a frame, in any dialect. Anyone with the link can send anything: that is shown as it came. */
export function lineOf(data: string): Line {
  const fields = fieldsOf(data)
  const { type, message, code, userCount } = fields
  const from = firstText(fields['from'], fields['nickname'], fields['peerId'], fields['connectionId'])
  if (type === 'error') {
    const why = firstText(message, fields['payload'], data)
    return { kind: 'error', from: '', text: `Refused: ${why}${firstText(code) && ` (${code})`}` }
  }
  const [notice, change] = NOTICE.exec(firstText(type)) ?? []
  if (notice === undefined) return { kind: 'message', from, text: firstText(fields['text'], fields['data'], data) }
  const event = change === undefined ? firstText(message, 'Joined') : `${from} ${change}`
  return {
    kind: 'notice',
    from: '',
    text: typeof userCount === 'number' ? `${event}, ${userCount} in the room` : event,
  }
}

/** The messages from before, if a frame brings them: all those that the relay has kept. */
export function historyOf(data: string): string[] | undefined {
  const { type, messages } = fieldsOf(data)
  return type === 'history' && Array.isArray(messages) ? messages.map((each) => JSON.stringify(each)) : undefined
}

/** The fields of a JSON object; none if the data is anything else. */
export function fieldsOf(data: string): Fields {
  try {
    return { ...JSON.parse(data) }
  } catch {
    return {}
  }
}

/** The first of some values that is text with something in it. */
export function firstText(...values: unknown[]): string {
  return values.find((value) => typeof value === 'string' && value !== '')?.toString() ?? ''
}
