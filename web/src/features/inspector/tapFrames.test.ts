/** Tests of the look at a stream's own frames. */

import type { SseMessage, TidingsEvent, TransportRequest, TransportSink } from 'tidings'
import { expect, test, vi } from 'vitest'
import { tapFrames } from './tapFrames.ts'

const message = (event: string, data: string, id: string | null = null): SseMessage => ({
  id,
  lastEventId: id ?? '',
  event,
  data,
})

function play(run: (sink: TransportSink) => void): {
  readonly frames: (readonly [TidingsEvent, string])[]
  readonly passedOn: ReturnType<typeof vi.fn>
} {
  const frames: (readonly [TidingsEvent, string])[] = []
  const passedOn = vi.fn()
  const transport = tapFrames(
    (_, sink) => run(sink),
    (frame, wire) => frames.push([frame, wire]),
  )
  const sink = { message: passedOn, position: passedOn, retry: passedOn }
  // The parts of a request and a sink that this transport uses.
  transport({} as TransportRequest, sink as unknown as TransportSink)
  return { frames, passedOn }
}

const CASES: readonly (readonly [string, SseMessage, string, string, unknown])[] = [
  [
    'the greeting',
    message('message', '{"type":"connected","data":{"a":1}}'),
    '',
    'connected',
    { a: 1 },
  ],
  ['ready', message('ready', '{"channels":["a"]}'), '', 'ready', { channels: ['a'] }],
  ['a reset with its position', message('reset', '{}', 'p1'), '', 'reset', {}],
  [
    'a heartbeat',
    message('message', '{"type":"system/heartbeat","event":"heartbeat","data":{"n":1}}'),
    'system/heartbeat',
    'heartbeat',
    { n: 1 },
  ],
  ['text that is no JSON', message('rejected', 'no'), '', 'rejected', 'no'],
]

test.each(CASES)('%s is a frame, and goes on', (_, told, channel, type, data) => {
  const { frames, passedOn } = play((sink) => sink.message(told))
  expect(frames.map(([frame]) => frame)).toMatchObject([{ id: told.id, channel, type, data }])
  expect(passedOn).toHaveBeenCalledWith(told)
})

test('an event is none', () => {
  const event = message('message', '{"type":"a","event":"b","data":1}', 'p1')
  const logged = message('message', '{"type":"connected","data":1}', 'p2')
  const { frames, passedOn } = play((sink) => [event, logged].forEach(sink.message))
  expect(frames).toEqual([])
  expect(passedOn).toHaveBeenCalledTimes(2)
})

test('positions and waits are shown as they stood on the wire', () => {
  const { frames, passedOn } = play((sink) => {
    sink.position('p7')
    sink.retry(2000)
    sink.message(message('ready', '{}', 'p8'))
  })
  expect(frames.map(([, wire]) => wire)).toEqual([
    'id: p7',
    'retry: 2000',
    'id: p8\nevent: ready\ndata: {}',
  ])
  expect(passedOn).toHaveBeenCalledTimes(3)
})
