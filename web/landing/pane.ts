import { Connection, type State } from './connection.js'
import { type choose, historyOf, type Line, lineOf } from './dialects.js'
import { append, create, find } from './dom.js'
import type { Wire } from './wire-log.js'

/** The first two are those of a visitor who is alone; the style has a colour for each. */
export const NAMES = ['Ann', 'Ben', 'Cleo', 'Dan', 'Eda', 'Finn', 'Gita', 'Hugo']

/** The longest text of another member that is shown in full, in UTF-16 units. */
const MAX_TEXT = 5000

type Dialect = ReturnType<ReturnType<typeof choose>[1]>

/** A member of the room: its connection, what it is sent, and a text to send. */
export class Pane {
  readonly #name: string
  readonly #article = document.createElement('article')
  readonly #status: HTMLElement
  readonly #toggle: HTMLButtonElement
  readonly #lines: HTMLElement
  readonly #send: HTMLButtonElement
  readonly #connection: Connection

  /** @param base The relay's URL, with a slash at its end. */
  constructor(name: string, dialect: Dialect, base: string, wire: Wire) {
    this.#name = name
    const article = this.#article
    article.append(find('template', HTMLTemplateElement).content.cloneNode(true))
    article.setAttribute('aria-label', name)
    const title = find('h2', HTMLElement, article)
    title.textContent = name
    paint(title, name)
    this.#status = find('[role=status]', HTMLElement, article)
    this.#lines = find('[role=log]', HTMLElement, article)
    this.#lines.setAttribute('aria-label', `Messages to ${name}`)
    this.#toggle = find('header button', HTMLButtonElement, article)
    this.#toggle.addEventListener('click', () => this.#switch())
    this.#send = find('form button', HTMLButtonElement, article)
    this.#send.setAttribute('aria-label', `Send as ${name}`)
    const input = find('input', HTMLInputElement, article)
    input.setAttribute('aria-label', `Message from ${name}`)
    find('form', HTMLFormElement, article).addEventListener('submit', (event) => {
      event.preventDefault()
      this.#say(input.value, dialect)
      input.value = ''
      input.focus()
    })
    const url = base + dialect.path
    find('footer code', HTMLElement, article).textContent = url
    this.#connection = new Connection(url, wire, {
      opened: () => {
        if (dialect.join) this.#connection.send(dialect.join)
      },
      received: (data) => this.#received(data),
      changed: (state, text) => this.#changed(state, text),
    })
    find('#panes', HTMLElement).append(article)
    this.#connection.connect()
  }

  #say(text: string, dialect: Dialect): void {
    this.#connection.send(dialect.wrap(text))
    if (!dialect.echoes) this.#show({ kind: 'message', from: this.#name, text }, 'own')
  }

  #received(data: string): void {
    const history = historyOf(data)
    // After a reconnection the list has some of it already.
    if (history) this.#lines.replaceChildren()
    for (const each of history ?? [data]) this.#show(lineOf(each))
  }

  #show({ kind, from, text }: Line, className = ''): void {
    const line = create('p', '', `${kind} ${className}`)
    if (from !== '') line.append(paint(create('b', from), from), ' ')
    line.append(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)
    append(this.#lines, line)
  }

  #changed(state: State, text: string): void {
    this.#article.dataset['state'] = state
    this.#status.textContent = text
    this.#toggle.textContent = state === 'connecting' || state === 'open' ? 'Disconnect' : 'Connect'
    this.#toggle.setAttribute('aria-label', `${this.#toggle.textContent} ${this.#name}`)
    // What is typed meanwhile stays in the field.
    this.#send.disabled = state !== 'open'
  }

  #switch(): void {
    if (this.#toggle.textContent === 'Connect') this.#connection.connect()
    else this.#connection.disconnect()
  }
}

/** Gives an element the colour of a name. */
function paint(element: HTMLElement, name: string): HTMLElement {
  element.style.setProperty('--color', `var(--color-${Math.max(0, NAMES.indexOf(name))})`)
  return element
}
