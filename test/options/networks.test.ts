import { describe, expect, it } from 'vitest'
import { isPublic, Networks, networkOf, parseAddress, parseNetworks } from '../../src/options/networks.js'

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['2001:0DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is known as %s', (text, address) => {
    expect(parseAddress(text)).toBe(address)
  })

  it.each(['', 'unknown', '192.0.2', '192.0.2.256', '0192.0.2.1', '192.0.2.1:80', '[::1]', '::g', ' ::1'])(
    '%j is none',
    (text) => {
      expect(parseAddress(text)).toBeUndefined()
    },
  )

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['1:0:0:2::', '1:0:0:2::/64'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe('a set of networks', () => {
  const networks = new Networks(['10.1.0.0/16', '192.0.2.7', '2001:db8::/32', 'loopback'])

  it.each(['10.1.255.255', '192.0.2.7', '2001:db8:ffff::1', '127.9.9.9', '::1'])('has %s', (address) => {
    expect(networks.has(address)).toBe(true)
  })

  it.each(['10.2.0.0', '192.0.2.8', '2001:db9::1', '::2', '10.1.0'])('has not %s', (address) => {
    expect(networks.has(address)).toBe(false)
  })

  it.each(['0.0.0.0/0', '::/0'])('may be all of a family: %s', (all) => {
    const [v4, v6] = [new Networks([all]).has('192.0.2.1'), new Networks([all]).has('2001:db8::1')]
    expect([v4, v6]).toEqual(all === '::/0' ? [false, true] : [true, false])
  })

  it.each(['', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', 'private', '::ffff:10.0.0.0/104', 'toString'])(
    'has no network %j',
    (text) => {
      expect(parseNetworks(text)).toBeUndefined()
    },
  )
})

describe('a host to listen on', () => {
  it.each(['', '0.0.0.0', '::', '192.0.2.1', '2001:db8::1'])('%j may be reached from the internet', (host) => {
    expect(isPublic(host)).toBe(true)
  })

  it.each(['127.0.0.1', '::1', 'localhost', '192.168.1.5', '10.0.0.1', 'fd00::1'])('%j may not', (host) => {
    expect(isPublic(host)).toBe(false)
  })
})
