/** How many lines a list keeps. */
const MAX_LINES = 200

/** The element that the page certainly has. */
export function find<T extends HTMLElement>(selector: string, type: new () => T, parent: ParentNode = document): T {
  const element = parent.querySelector(selector)
  if (!(element instanceof type)) throw new Error(`The page has no ${selector}`)
  return element
}

/** A new element with text in it: what others sent is never markup. */
export function create(tag: string, text = '', className = ''): HTMLElement {
  const element = document.createElement(tag)
  element.textContent = text
  element.className = className
  return element
}

/**
 * Adds a line to a list, and scrolls to it if the end of the list was in sight.
 *
 * @returns The line that made room for it.
 */
export function append(list: HTMLElement, line: HTMLElement): Element | undefined {
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4
  list.append(line)
  const first = list.children.length > MAX_LINES ? list.children[0] : undefined
  first?.remove()
  if (atEnd) list.scrollTop = list.scrollHeight
  return first
}
