import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { textResponse } from '../../src/http/response.js'
import { type Route, Router } from '../../src/http/router.js'

const request = (url: string, method = 'GET'): IncomingMessage => ({ url, method }) as IncomingMessage

const route = (path: string, more: Partial<Route> = {}): Route => ({
  path,
  access: 'public',
  respond: ({ url = '', method }) => textResponse(200, `${method} ${url}`),
  ...more,
})

describe('a route', () => {
  it('gets the request', async () => {
    const router = new Router([route('/'), route('/a')])
    expect(await router.respond(request('/a/?x=1'))).toMatchObject({ status: 200, body: 'GET /a/?x=1' })
  })

  it('has its path alone, or with /* all below it as well', () => {
    const router = new Router([route('/a'), route('/b/*')])
    const found = ['/a', '/a/b', '/ab', '/b', '/b/c', '/b/c/d', '/bc'].filter((path) => router.find(path))
    expect(found).toEqual(['/a', '/b', '/b/c', '/b/c/d'])
  })

  it('is asked for its methods alone, or for all if it has no list', async () => {
    const router = new Router([route('/some', { methods: ['GET', 'POST', 'OPTIONS'] }), route('/all')])
    const ask = async (path: string, method: string): Promise<unknown[]> => {
      const { status, headers } = await router.respond(request(path, method))
      return [status, headers['Allow']]
    }
    expect(await ask('/some', 'POST')).toEqual([200, undefined])
    expect(await ask('/some', 'OPTIONS')).toEqual([204, 'GET, POST, OPTIONS'])
    expect(await ask('/some', 'DELETE')).toEqual([405, 'GET, POST, OPTIONS'])
    expect(await ask('/all', 'OPTIONS')).toEqual([200, undefined])
  })
})
