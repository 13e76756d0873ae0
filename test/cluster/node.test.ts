import { expect, it } from 'vitest'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import { ClusterNode } from '../../src/cluster/node.js'
import type { ClusterObserver } from '../../src/cluster/observer.js'

it('a node that has stopped is not connected, and reports no outage of its next run as one of the last', async () => {
  const reports: string[] = []
  const noop = (): void => {}
  const observer: ClusterObserver = {
    cutOff: (why) => reports.push(why),
    restored: () => reports.push('restored'),
    nodeCame: noop,
    nodeLeft: noop,
    fenced: noop,
    refused: noop,
    failed: (error) => reports.push(String(error)),
  }
  const totals = () => ({ connections: 0, rooms: 0, topics: 0, peers: 0 })
  const options = { name: 'test', secret: '', maxFrame: 2 ** 20, roomExpiry: 0, totals }
  const node = new ClusterNode(new MemoryBus().connect(), options, observer)
  await node.start()
  expect([node.connected, node.outage]).toEqual([true, undefined])
  node.down('refused', 'It is down')
  expect(node.outage).toBe('refused')
  await node.stop()
  expect([node.connected, node.outage]).toEqual([false, 'silent'])
  await node.start()
  expect(node.connected).toBe(true)
  await node.stop()
  expect(node.connected).toBe(false)
  expect(reports).toEqual(['It is down'])
})
