import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { describeInChromium, launchChromium } from '../support/chromium.js'
import { describeWithCoturn, startCoturn } from '../support/coturn.js'
import { startRelay } from '../support/relay.js'
import { SECRET, tokenFor } from '../support/tokens.js'

const TURN_SECRET = 'what the relay and coturn share'

/** Serves an empty page on an origin of its own. */
async function servePage(): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>An app</title>')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What a peer needs to know. */
interface Peer {
  http: string
  url: string
  token: string
}

/** What the page can do. It is a text, since nothing here knows the types of a browser. */
const script = `
  // Meets the other peer in a room of the relay, opens a data channel through the TURN server, and says hello.
  // Whoever hears of the other's coming calls. Tells what was heard, and the kinds of both candidates in use.
  async function meet({ http, url, token }) {
    const answer = await fetch(http + '/ice-servers', { headers: { Authorization: 'Bearer ' + token } })
    const peer = new RTCPeerConnection({ ...(await answer.json()), iceTransportPolicy: 'relay' })
    const channel = peer.createDataChannel('talk', { negotiated: true, id: 0 })
    const socket = new WebSocket(url + '/room/doc', ['baton', 'bearer.' + token])
    const tell = (type, data) => socket.send(JSON.stringify({ type, data }))
    const describe = async () => {
      await peer.setLocalDescription()
      tell('description', peer.localDescription)
    }
    peer.onicecandidate = ({ candidate }) => tell('candidate', candidate)
    // One after the other: a candidate must not overtake the description.
    let last = Promise.resolve()
    socket.onmessage = ({ data: text }) => {
      const { type, data } = JSON.parse(text)
      last = last.then(async () => {
        if (type === 'user-joined') await describe()
        else if (type === 'description') {
          await peer.setRemoteDescription(data)
          if (data.type === 'offer') await describe()
        } else if (type === 'candidate' && data) await peer.addIceCandidate(data)
      })
    }
    channel.onopen = () => channel.send('hello')
    const { data: heard } = await new Promise((resolve) => (channel.onmessage = resolve))
    const stats = [...(await peer.getStats()).values()]
    const { localCandidateId, remoteCandidateId } = stats.find(({ type, nominated }) => type === 'candidate-pair' && nominated)
    const kindOf = (wanted) => stats.find(({ id }) => id === wanted).candidateType
    return { heard, kinds: [kindOf(localCandidateId), kindOf(remoteCandidateId)] }
  }

  // How many ways out the TURN servers offer.
  async function countCandidates({ http, token }) {
    const answer = await fetch(http + '/ice-servers?token=' + token)
    const peer = new RTCPeerConnection({ ...(await answer.json()), iceTransportPolicy: 'relay' })
    peer.createDataChannel('talk')
    let count = 0
    const gathered = new Promise((resolve) => {
      peer.onicecandidate = ({ candidate }) => (candidate ? count++ : resolve())
    })
    await peer.setLocalDescription()
    await gathered
    return count
  }`

describeInChromium('browsers', () => {
  describeWithCoturn('behind NAT, with coturn,', () => {
    let browser: Browser

    beforeAll(async () => {
      browser = await launchChromium()
      return () => browser.close()
    })

    async function visit(origin: string): Promise<Page> {
      const page = await browser.newPage()
      onTestFinished(() => page.close())
      await page.goto(origin)
      await page.addScriptTag({ content: script })
      return page
    }

    async function call(page: Page, name: string, peer: Peer): Promise<unknown> {
      return await page.evaluate(`${name}(${JSON.stringify(peer)})`)
    }

    test('open a data channel through it with what /ice-servers gives, signalled through the relay', async () => {
      const [{ url: turnUrls, log }, origin] = [await startCoturn(TURN_SECRET), await servePage()]
      const options = { jwtSecret: SECRET, allowedOrigins: origin, turnUrls, turnSecret: TURN_SECRET }
      const { http, url } = await startRelay(options)
      const pages = [await visit(origin), await visit(origin)]
      const met = await Promise.all(
        pages.map(async (page, i) => {
          const token = await tokenFor({ sub: `peer${i}`, rooms: ['doc'] })
          return await call(page, 'meet', { http, url, token })
        }),
      )
      expect(met).toEqual([
        { heard: 'hello', kinds: ['relay', 'relay'] },
        { heard: 'hello', kinds: ['relay', 'relay'] },
      ])
      expect(log()).toMatch(/\d{10}:peer0>/)
    })

    test('get nothing from it with credentials that are made with another secret', async () => {
      const [{ url: turnUrls, log }, origin] = [await startCoturn('another secret'), await servePage()]
      const { http, url } = await startRelay({ jwtSecret: SECRET, turnUrls, turnSecret: TURN_SECRET })
      const page = await visit(origin)
      expect(await call(page, 'countCandidates', { http, url, token: await tokenFor() })).toBe(0)
      expect(log()).toMatch(/error 401/)
    })
  })
})
