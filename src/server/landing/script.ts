/**
 * The page's script, for the browser: plain ES2020. It has no backslash and no backquote, so that it
 * reads here as it arrives there.
 */
export const script = `
'use strict'
const base = new URL('.', location).href.replace(/^http/, 'ws')
for (const code of document.querySelectorAll('[data-path]')) code.textContent = base + code.dataset.path

// getRandomValues, because randomUUID is not there over plain http.
const room = 'demo-' + Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join('')

// How a member speaks each dialect; the first that is served is used.
const dialects = {
  'impossible-writer': (name) => ({
    path: 'room/' + room + '?nickname=' + name,
    encode: (text) => ({ type: 'chat', text }),
    decode: ({ type, text }) => (type === 'chat' ? text : undefined),
  }),
  opaque: () => ({
    path: 'raw/' + room,
    encode: (text) => ({ text }),
    decode: ({ text }) => text,
  }),
  pluresdb: (name) => ({
    path: 'pluresdb',
    hello: { type: 'join', topic: room, peerId: name },
    encode: (text) => ({ type: 'data', data: text }),
    decode: ({ type, data }) => (type === 'data' ? data : undefined),
  }),
  'y-webrtc': (name) => ({
    path: 'y-webrtc',
    hello: { type: 'subscribe', topics: [room] },
    encode: (text) => ({ type: 'publish', topic: room, from: name, text }),
    // A subscriber hears itself too.
    decode: ({ type, from, text }) => (type === 'publish' && from !== name ? text : undefined),
  }),
}
const dialect = Object.keys(dialects).find((name) => document.getElementById(name))

function start(pane, other) {
  const { path, hello, encode, decode } = dialects[dialect](pane.dataset.name)
  const [status, toggle, log, form, input] =
    ['[role=status]', 'header button', '[role=log]', 'form', 'input'].map((part) => pane.querySelector(part))
  let socket

  function show(state, text) {
    pane.dataset.state = state
    status.textContent = text
    toggle.textContent = state === 'closed' ? 'Connect' : 'Disconnect'
  }

  function add(who, text) {
    const line = document.createElement('p')
    line.className = who === 'You' ? 'own' : ''
    line.textContent = who + ': ' + text
    log.append(line)
    log.scrollTop = log.scrollHeight
  }

  const send = (message) => socket.send(JSON.stringify(message))

  function connect() {
    show('connecting', 'Connecting')
    socket = new WebSocket(base + path)
    socket.onopen = () => {
      if (hello) send(hello)
      show('open', 'Connected')
    }
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data)
      const text = decode(message)
      if (message.type === 'error') add('Relay', message.message || message.payload)
      else if (text !== undefined) add(other, text)
    }
    socket.onclose = ({ code, reason }) => {
      show('closed', 'Closed: ' + (reason || (code === 1006 ? 'no connection' : 'no reason given')) + ' (' + code + ')')
    }
  }

  toggle.onclick = () => (pane.dataset.state === 'closed' ? connect() : socket.close(1000, 'Disconnected here'))
  form.onsubmit = (event) => {
    event.preventDefault()
    if (input.value === '') return
    if (socket.readyState !== WebSocket.OPEN) return add('Not sent', 'there is no connection')
    send(encode(input.value))
    add('You', input.value)
    input.value = ''
  }
  connect()
}

document.getElementById('room').textContent = room
document.getElementById('dialect').textContent = dialect
document.getElementById('plain').hidden = true
document.getElementById('demo').hidden = false
const [ann, ben] = document.querySelectorAll('article')
start(ann, ben.dataset.name)
start(ben, ann.dataset.name)
`
