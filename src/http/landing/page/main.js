import { Connection } from './connection.js'
import { Editor } from './editor.js'
import { Log } from './log.js'
import { Member } from './member.js'
import { dialects } from './message.js'
import { colorOf, NAMES } from './names.js'

const ROOM = /^[\w-]{1,128}$/

const http = new URL('.', location.href).href
const ws = http.replace(/^http/, 'ws')
for (const code of document.querySelectorAll('[data-url]')) {
  code.textContent = String(code.textContent).replaceAll('ws://host/', ws).replaceAll('http://host/', http)
}

// Whoever comes with a room in the link joins it with one pane; whoever comes without gets a room of their own.
const [, linked = ''] = location.hash.split('#')
const invited = ROOM.test(linked)
const room = invited ? linked : `demo-${randomText(2)}`
const log = new Log(find('#lines'), find('#full'))
for (const name of invited ? [pick(NAMES.slice(2))] : NAMES.slice(0, 2)) open(name)

find('#plain').hidden = true
find('#demo').hidden = false
const link = find('#link', HTMLAnchorElement)
link.href = `#${room}`
const address = find('#address')
address.textContent = link.href
find('#local').hidden = !/^(localhost|127\..*|\[::1\])$/.test(location.hostname)
addEventListener('hashchange', () => location.reload())

offerCopy(find('#copy'), address)
for (const button of document.querySelectorAll('button[data-copy]')) {
  offerCopy(button, find(`#${button.getAttribute('data-copy')}`))
}
void tellOfHistory()

/**
 * Opens a pane for a member.
 *
 * @param {string} name
 */
function open(name) {
  const pane = find('template', HTMLTemplateElement).content.cloneNode(true)
  find('#panes').append(pane)
  const article = find('#panes > article:last-child')
  const title = find('h2', HTMLElement, article)
  title.textContent = name
  title.classList.add(colorOf(name))
  article.setAttribute('aria-label', name)
  const area = find('textarea', HTMLTextAreaElement, article)
  area.setAttribute('aria-label', `Shared text, as ${name}`)

  const site = randomText(1)
  const dialect = dialectOf(name, site)
  const url = ws + dialect.path
  find('footer code', HTMLElement, article).textContent = url
  const member = new Member({ name, site }, dialect, () => editor.draw())
  const editor = new Editor(area, find('.back', HTMLElement, article), member)
  const status = find('[role=status]', HTMLElement, article)
  const toggle = find('button', HTMLButtonElement, article)
  const connection = new Connection(url, log.of(name), {
    opened: () => member.enter(connection),
    received: (data) => member.received(data),
    turned(state, text) {
      article.dataset['state'] = state
      status.textContent = text
      toggle.textContent = state === 'connecting' || state === 'open' ? 'Disconnect' : 'Connect'
      toggle.setAttribute('aria-label', `${toggle.textContent} ${name}`)
    },
  })
  toggle.addEventListener('click', () => {
    if (toggle.textContent === 'Connect') connection.connect()
    else connection.disconnect()
  })
  connection.connect()
}

/**
 * The first dialect that is served and that the page speaks.
 *
 * @param {string} name
 * @param {string} site
 */
function dialectOf(name, site) {
  const served = String(find('#demo').dataset['dialects']).split(' ')
  const [spoken = '', speak] = Object.entries(dialects).find(([dialect]) => served.includes(dialect)) ?? []
  if (!speak) throw new Error('The page speaks no dialect that is served')
  find('#dialect').textContent = spoken
  return speak(room, name, site)
}

/**
 * @param {Element} button
 * @param {Element} source Its text is selected where the clipboard is out of reach, as it is on a page without TLS.
 */
function offerCopy(button, source) {
  const label = button.textContent
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(String(source.textContent))
      button.textContent = 'Copied'
    } catch {
      getSelection()?.selectAllChildren(source)
      button.textContent = 'Selected'
    }
    setTimeout(() => {
      button.textContent = label
    }, 2000)
  })
}

/** Nothing is kept, unless the relay says otherwise. */
async function tellOfHistory() {
  const health = await fetch('health')
    .then((answer) => answer.json())
    .catch(() => undefined)
  find('#history').hidden = !health?.history
  find('#forgets').hidden = Boolean(health?.history)
}

/** @param {number} words getRandomValues, because randomUUID is not there on a page without TLS. */
function randomText(words) {
  return Array.from(crypto.getRandomValues(new Uint32Array(words)), (word) => word.toString(36)).join('')
}

/** @param {readonly string[]} names */
function pick(names) {
  return String(names[Math.floor(Math.random() * names.length)])
}

/**
 * The element that the page has for sure.
 *
 * @template {HTMLElement} T
 * @param {string} selector
 * @param {new () => T} [type]
 * @param {ParentNode} [parent]
 * @returns {T}
 */
function find(selector, type = /** @type {new () => T} */ (HTMLElement), parent = document) {
  const element = parent.querySelector(selector)
  if (!(element instanceof type)) throw new Error(`The page has no ${selector}`)
  return element
}
