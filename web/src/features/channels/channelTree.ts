/** Puts channels together by the segments of their names, with the sums of what is below each. */

import type { Channel } from './useChannels.ts'

/** A segment: a channel, a way to others, or both. */
export interface ChannelNode {
  /** Full name up to here; also of a segment that is no channel itself. */
  readonly path: string
  /** Last segment; empty for the one behind a trailing slash. */
  readonly segment: string
  readonly channel: Channel | null
  readonly children: readonly ChannelNode[]
  readonly nChannels: number
  readonly subscribers: number
  readonly rate: number
  readonly bytesRate: number
}

interface Draft {
  readonly path: string
  readonly segment: string
  channel: Channel | null
  readonly children: Map<string, Draft>
}

/** Makes the tree; siblings stand by name. */
export function channelTree(channels: Iterable<Channel>): readonly ChannelNode[] {
  const root: Draft = { path: '', segment: '', channel: null, children: new Map() }
  for (const channel of channels) {
    let node = root
    let path = ''
    for (const [place, segment] of channel.name.split('/').entries()) {
      path = place === 0 ? segment : `${path}/${segment}`
      let child = node.children.get(segment)
      if (!child) {
        child = { path, segment, channel: null, children: new Map() }
        node.children.set(segment, child)
      }
      node = child
    }
    node.channel = channel
  }
  return finish(root).children
}

function finish(draft: Draft): ChannelNode {
  const children = [...draft.children.values()]
    .sort((left, right) => (left.segment < right.segment ? -1 : 1))
    .map(finish)
  const { channel } = draft
  const sum = (of: (node: ChannelNode) => number): number =>
    children.reduce((total, child) => total + of(child), 0)
  return {
    path: draft.path,
    segment: draft.segment,
    channel,
    children,
    nChannels: (channel ? 1 : 0) + sum((node) => node.nChannels),
    subscribers: (channel?.subscribers ?? 0) + sum((node) => node.subscribers),
    rate: (channel?.rate ?? 0) + sum((node) => node.rate),
    bytesRate: (channel?.bytesRate ?? 0) + sum((node) => node.bytesRate),
  }
}
