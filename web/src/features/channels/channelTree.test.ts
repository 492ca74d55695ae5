/** Tests of how channels are put together. */

import { expect, test } from 'vitest'
import { type ChannelNode, channelTree } from './channelTree.ts'
import type { Channel } from './useChannels.ts'

function channel(name: string, rate: number): Channel {
  return {
    name,
    class: 'logged',
    subscribers: 1,
    published: 0,
    bytes: 0,
    bytesRate: 0,
    rate,
    held: 0,
    held_bytes: 0,
    touched_at: 0,
  }
}

function shape(nodes: readonly ChannelNode[]): unknown {
  return nodes.map((node) => [node.path, node.nChannels, node.rate, shape(node.children)])
}

test('segments hold the sums of what is below them', () => {
  const tree = channelTree([
    channel('dns/log/event', 2),
    channel('dns/log', 1),
    channel('dhcp/leases', 4),
    channel('version', 0),
  ])
  expect(shape(tree)).toEqual([
    ['dhcp', 1, 4, [['dhcp/leases', 1, 4, []]]],
    ['dns', 2, 3, [['dns/log', 2, 3, [['dns/log/event', 1, 2, []]]]]],
    ['version', 1, 0, []],
  ])
})

test('a trailing slash is a channel of its own', () => {
  const [dns] = channelTree([channel('dns/log/', 1), channel('dns/log', 1)])
  expect(dns?.children[0]?.children.map(({ path }) => path)).toEqual(['dns/log/'])
  expect(dns?.nChannels).toBe(2)
})
