/** @import { Member } from './member.js' */
/** @import { Cursor } from './message.js' */
/** @import { Char } from './text.js' */
import { colorOf } from './names.js'
import { difference } from './text.js'

/** A text area that shows a member's text, and behind it the cursors of the others. */
export class Editor {
  #area
  #back
  #member
  /** What the text area shows. @type {readonly Char[]} */
  #shown = []
  #composing = false

  /**
   * @param {HTMLTextAreaElement} area
   * @param {HTMLElement} back Lies behind it, with the same text in the same place.
   * @param {Member} member
   */
  constructor(area, back, member) {
    this.#area = area
    this.#back = back
    this.#member = member
    area.addEventListener('input', () => this.#typed())
    area.addEventListener('scroll', () => this.#scroll())
    // What an input method has not finished would be lost if the text were set meanwhile.
    area.addEventListener('compositionstart', () => {
      this.#composing = true
    })
    area.addEventListener('compositionend', () => {
      this.#composing = false
      this.#typed()
    })
    document.addEventListener('selectionchange', () => {
      if (document.activeElement === area && area.value === textOf(this.#shown)) member.moved(this.#cursor)
    })
  }

  /** Shows what the member has. */
  draw() {
    const { text } = this.#member
    const { visible } = text
    if (!this.#composing) {
      const value = textOf(visible)
      if (value !== this.#area.value) this.#set(value)
      this.#shown = visible
    }
    this.#back.replaceChildren(...this.#drawCursors(textOf(visible)), '\u200b')
    this.#scroll()
  }

  #typed() {
    const { value, selectionEnd } = this.#area
    const { start, end, chars } = difference(this.#shown, value, selectionEnd)
    if (start === end && chars.length === 0) return this.draw()
    const { text } = this.#member
    const edit = text.edit(this.#shown[start - 1]?.id ?? '', this.#shown.slice(start, end), chars)
    this.#shown = this.#shown.toSpliced(start, end - start, ...text.inserted(edit))
    this.#member.edited(edit, this.#cursor)
    this.draw()
  }

  /** @param {string} value */
  #set(value) {
    const [from, to] = this.#cursor
    const { scrollTop, selectionDirection } = this.#area
    this.#area.value = value
    const { text } = this.#member
    this.#area.setSelectionRange(text.offsetOf(from), text.offsetOf(to), selectionDirection)
    this.#area.scrollTop = scrollTop
  }

  /** The selection, by what stands before its ends. @returns {Cursor} */
  get #cursor() {
    const { selectionStart, selectionEnd } = this.#area
    return [idBefore(this.#shown, selectionStart), idBefore(this.#shown, selectionEnd)]
  }

  #placedCursors() {
    const { text, cursors } = this.#member
    return cursors.map(({ name, cursor: [from, to] }) => ({ name, from: text.offsetOf(from), to: text.offsetOf(to) }))
  }

  /** @param {string} value */
  *#drawCursors(value) {
    const placed = this.#placedCursors()
    const edges = [0, value.length, ...placed.flatMap(({ from, to }) => [from, to])]
    const starts = [...new Set(edges)].sort((a, b) => a - b)
    for (const [index, start] of starts.entries()) {
      const end = starts[index + 1] ?? start
      for (const { name } of placed.filter(({ to }) => to === start)) yield span(`caret ${colorOf(name)}`, name)
      const selected = placed.find(({ from, to }) => from <= start && to >= end && from < to)
      yield span(selected ? `selected ${colorOf(selected.name)}` : '', '', value.slice(start, end))
    }
  }

  #scroll() {
    this.#back.scrollTop = this.#area.scrollTop
  }
}

/** @param {readonly Char[]} chars */
function textOf(chars) {
  return chars.map(({ char }) => char).join('')
}

/**
 * @param {readonly Char[]} chars
 * @param {number} offset In UTF-16 units.
 */
function idBefore(chars, offset) {
  let id = ''
  let end = 0
  for (const char of chars) {
    end += char.char.length
    if (end > offset) break
    id = char.id
  }
  return id
}

/**
 * @param {string} className
 * @param {string} name
 * @param {string} [text]
 */
function span(className, name, text = '') {
  const element = document.createElement('span')
  element.className = className
  element.dataset['name'] = name
  element.textContent = text
  return element
}
