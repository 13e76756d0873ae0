import { fieldsOf, firstText } from './dialects.js'
import { append, create } from './dom.js'

/** Where one connection reports what goes over it. */
export interface Wire {
  frame(way: 'sent' | 'received', data: string): void
  note(what: string, detail: string): void
}

/** What goes over the wire: a list of lines, and the chosen one in full. While the newest is chosen, the next one is too. */
export class WireLog {
  readonly #list: HTMLElement
  readonly #full: HTMLElement
  readonly #details = new WeakMap<Element, string>()
  #chosen: Element | undefined
  #following = true
  #count = 0

  constructor(list: HTMLElement, full: HTMLElement) {
    this.#list = list
    this.#full = full
    list.addEventListener('click', ({ target }) => {
      if (target instanceof Element) this.#choose(target.closest('li'))
    })
    list.addEventListener('keydown', (event) => this.#press(event))
  }

  /** @param name Of the member whose connection it is. */
  of(name: string): Wire {
    return {
      frame: (way, data) => {
        const direction = way === 'sent' ? `${name} → relay` : `relay → ${name}`
        const size = new TextEncoder().encode(data).length
        this.#add(way, [direction, firstText(fieldsOf(data)['type'], 'text'), `${size} B`], laidOut(data))
      },
      note: (what, detail) => this.#add('', [name, what, ''], detail),
    }
  }

  #add(className: string, cells: readonly string[], detail: string): void {
    const line = create('li', '', className)
    line.setAttribute('role', 'option')
    line.id = `line-${this.#count++}`
    line.append(...[clock(), ...cells].map((text) => create('span', text)))
    this.#details.set(line, detail)
    const dropped = append(this.#list, line)
    if (this.#following) this.#choose(line)
    else if (dropped !== undefined && dropped === this.#chosen) this.#choose(this.#list.lastElementChild)
  }

  #choose(line: Element | null | undefined): void {
    if (!line) return
    this.#chosen?.setAttribute('aria-selected', 'false')
    line.setAttribute('aria-selected', 'true')
    this.#chosen = line
    this.#following = line === this.#list.lastElementChild
    this.#list.setAttribute('aria-activedescendant', line.id)
    this.#full.textContent = this.#details.get(line) ?? ''
  }

  #press(event: KeyboardEvent): void {
    const { firstElementChild: first, lastElementChild: last } = this.#list
    const targets = new Map([
      ['ArrowUp', this.#chosen?.previousElementSibling],
      ['ArrowDown', this.#chosen?.nextElementSibling],
      ['Home', first],
      ['End', last],
    ])
    if (!targets.has(event.key)) return
    event.preventDefault()
    this.#choose(targets.get(event.key))
    this.#chosen?.scrollIntoView({ block: 'nearest' })
  }
}

/** JSON on lines of its own, unless that would change more than white space: it is shown as it went. */
function laidOut(data: string): string {
  try {
    const value: unknown = JSON.parse(data)
    return JSON.stringify(value) === data ? JSON.stringify(value, null, 2) : data
  } catch {
    return data
  }
}

function clock(): string {
  const now = new Date()
  return `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, '0')}`
}
