/**
 * Where one connection says what goes over it.
 *
 * @typedef {object} Wire
 * @property {(way: 'sent' | 'received', data: string) => void} frame
 * @property {(what: string, detail: string) => void} note
 */

/** How many lines are kept. */
const MAX_LINES = 200

/** What goes over the wire: a list of lines, and the one that is chosen in full; the newest, unless it is another. */
export class Log {
  #list
  #full
  /** @type {Map<Element, string>} */
  #details = new Map()
  /** @type {Element | undefined} */
  #chosen
  #following = true
  #count = 0

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} full
   */
  constructor(list, full) {
    this.#list = list
    this.#full = full
    list.addEventListener('click', ({ target }) => {
      if (target instanceof Element) this.#choose(target.closest('li'))
    })
    list.addEventListener('keydown', (event) => this.#press(event))
  }

  /**
   * @param {string} name Of the member whose connection it is.
   * @returns {Wire}
   */
  of(name) {
    return {
      frame: (way, data) => {
        const direction = way === 'sent' ? `${name} → relay` : `relay → ${name}`
        const size = new TextEncoder().encode(data).length
        const { type, text } = read(data)
        this.#add(way, [direction, type, `${size} B`], text)
      },
      note: (what, detail) => this.#add('', [name, what, ''], detail),
    }
  }

  /**
   * @param {string} className
   * @param {string[]} cells
   * @param {string} detail
   */
  #add(className, cells, detail) {
    const line = document.createElement('li')
    line.setAttribute('role', 'option')
    line.id = `line-${this.#count++}`
    line.className = className
    line.append(
      ...[clock(), ...cells].map((text) => {
        const cell = document.createElement('span')
        cell.textContent = text
        return cell
      }),
    )
    const { scrollTop, scrollHeight, clientHeight } = this.#list
    const atEnd = scrollTop + clientHeight >= scrollHeight - 4
    this.#details.set(line, detail)
    this.#list.append(line)
    if (this.#list.children.length > MAX_LINES) this.#drop(this.#list.children[0])
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight
    if (this.#following) this.#choose(line)
  }

  /** @param {Element | undefined} line */
  #drop(line) {
    if (!line) return
    line.remove()
    this.#details.delete(line)
    if (line === this.#chosen) this.#choose(this.#list.lastElementChild)
  }

  /** @param {Element | null | undefined} line */
  #choose(line) {
    if (!line) return
    this.#chosen?.setAttribute('aria-selected', 'false')
    line.setAttribute('aria-selected', 'true')
    this.#chosen = line
    this.#following = line === this.#list.lastElementChild
    this.#list.setAttribute('aria-activedescendant', line.id)
    this.#full.textContent = this.#details.get(line) ?? ''
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { firstElementChild: first, lastElementChild: last } = this.#list
    /** @type {Readonly<Record<string, Element | null | undefined>>} */
    const targets = {
      ArrowUp: this.#chosen?.previousElementSibling,
      ArrowDown: this.#chosen?.nextElementSibling,
      Home: first,
      End: last,
    }
    if (!(event.key in targets)) return
    event.preventDefault()
    this.#choose(targets[event.key])
    this.#chosen?.scrollIntoView({ block: 'nearest' })
  }
}

/** @param {string} data */
function read(data) {
  try {
    const value = JSON.parse(data)
    return { type: String(value.type), text: JSON.stringify(value, null, 2) }
  } catch {
    return { type: 'text', text: data }
  }
}

function clock() {
  const now = new Date()
  return `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, '0')}`
}
