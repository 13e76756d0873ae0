import { describe, expect, it } from 'vitest'
import { explain, refusalOf } from '../../src/tls/acme-error.js'

const DIRECTORY = 'https://authority.example/directory'

describe('why a domain could not be proved', () => {
  it.each([
    ['connection', 'Fetching http://…: Timeout during connect', 'port 80 is open in the firewall'],
    ['unauthorized', 'Failed to connect to 192.0.2.1:80', 'port 80 is open in the firewall'],
    ['dns', 'NXDOMAIN looking up A for relay.example', 'Make a DNS record (A or AAAA) for relay.example'],
    ['caa', 'CAA record for relay.example prevents issuance', 'The CAA records of relay.example'],
    ['unauthorized', 'Invalid response: 404', 'Something else answers for relay.example on port 80'],
    ['tls', 'Server only speaks HTTP, not TLS', 'Something else answers for relay.example on port 80'],
    ['somethingNew', 'No idea', "The words are the authority's own"],
  ])('is told with what to do: %s, %s', (type, detail, advice) => {
    const refusal = refusalOf('relay.example', 80, { type: `urn:ietf:params:acme:error:${type}`, detail })
    expect(refusal.message).toBe(`relay.example: ${detail}`)
    expect(refusal.advice).toContain(advice)
  })
})

describe('why an order was refused', () => {
  it.each([
    ['too many certificates (5) already issued for this exact set of domains', 'Wait as long as it says'],
    ['Cannot issue for "x": Domain name does not end with a valid public suffix (TLD)', 'See that ACME_DOMAINS'],
    ['contact email has forbidden domain "example.com"', 'Set ACME_EMAIL'],
    ['No external account binding provided', 'Choose another'],
    ['Service busy', "The words are the authority's own"],
  ])('is told with what to do: %s', (words, advice) => {
    const { message, advice: told } = explain(new Error(words), DIRECTORY)
    expect(message).toBe(words)
    expect(told).toContain(advice)
  })

  it('is the authority out of reach when a request did not get through', () => {
    const error = Object.assign(new Error(''), { code: 'ECONNREFUSED' })
    expect(explain(error, DIRECTORY).message).toBe(`The authority at ${DIRECTORY} cannot be reached: ECONNREFUSED`)
  })
})
