import { describe, expect, it } from 'vitest'
import { urlFor } from '../../src/http/url.js'

describe('the URL to open (10.44)', () => {
  it.each([
    ['http://localhost:3000', { host: '' }, 3000],
    ['http://localhost:3000', { host: '0.0.0.0' }, 3000],
    ['http://localhost', { host: '::' }, 80],
    ['http://[::1]:3000', { host: '::1' }, 3000],
    ['http://relay.lan:3000', { host: 'relay.lan' }, 3000],
    ['https://localhost:8443', { enableTls: true }, 8443],
    ['https://relay.example', { enableTls: true, acmeDomains: ['relay.example', 'b.example'] }, 443],
  ])('is %s for %j and port %i', (url, settings, port) => {
    expect(urlFor({ host: '', ...settings }, port)).toBe(url)
  })
})
