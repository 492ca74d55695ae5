/** The parser: cases after the WPT `eventsource` files and the LaunchDarkly contract suite, at several chunk sizes. */
import { describe, expect, test } from 'vitest'
import { createParser } from '../src/parser.js'

interface Block {
  event?: string
  data: string
  /** Id in force. */
  id?: string
  /** Id of its own; the one in force when missing here. */
  own?: string | null
}

interface Outcome {
  blocks: Block[]
  retries?: number[]
  positions?: string[]
  overflows?: number
}

/** Decodes as the transport does, so that splits inside a character are covered too. */
function parse(text: string | Uint8Array, size: number, initialId = '', max?: number): Outcome {
  const blocks: Block[] = []
  const retries: number[] = []
  const positions: string[] = []
  let overflows = 0
  const parser = createParser(
    {
      message: ({ event, data, lastEventId, id }) =>
        blocks.push({ event, data, id: lastEventId, own: id }),
      retry: (ms) => retries.push(ms),
      position: (id) => positions.push(id),
      overflow: () => overflows++,
    },
    initialId,
    max,
  )
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const decoder = new TextDecoder()
  for (let i = 0; i < bytes.length; i += size) {
    parser.feed(decoder.decode(bytes.subarray(i, i + size), { stream: true }))
  }
  return { blocks, retries, positions, overflows }
}

const CASES: [string, string | Uint8Array, Outcome][] = [
  // WPT
  [
    'format-data-before-final-empty-line',
    'retry:1000\ndata:test1\n\nid:test\ndata:test2',
    {
      blocks: [{ data: 'test1' }],
      retries: [1000],
    },
  ],
  [
    'format-bom',
    '\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n',
    {
      blocks: [{ data: '1' }, { data: '3' }],
    },
  ],
  [
    'format-bom-2',
    '\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n',
    {
      blocks: [{ data: '2' }, { data: '3' }],
    },
  ],
  [
    'format-comments',
    `data:1\r:\0\n:\r\ndata:2\n:${'x'.repeat(200)}\rdata:3\n:data:fail\r:${'y'.repeat(100)}\ndata:4\n\n`,
    {
      blocks: [{ data: '1\n2\n3\n4' }],
    },
  ],
  [
    'format-field-data',
    'data:\n\ndata\ndata\n\ndata:test\n\n',
    {
      blocks: [{ data: '' }, { data: '\n' }, { data: 'test' }],
    },
  ],
  [
    'format-field-event',
    'event:test\ndata:x\n\ndata:x\n\n',
    {
      blocks: [{ event: 'test', data: 'x' }, { data: 'x' }],
    },
  ],
  ['format-field-event-empty', 'event: \ndata:data\n\n', { blocks: [{ data: 'data' }] }],
  ['format-field-id', 'id: 1\ndata: a\n\n', { blocks: [{ data: 'a', id: '1' }] }],
  [
    'format-field-id-2',
    'id\ndata:hello\n\ndata:hello\n\nid\ndata:again\n\n',
    {
      blocks: [
        { data: 'hello', id: '', own: '' },
        { data: 'hello', id: '', own: null },
        { data: 'again', id: '', own: '' },
      ],
    },
  ],
  [
    'format-field-id-3',
    'id:1\ndata:a\n\nid\ndata:b\n\ndata:c\n\n',
    {
      blocks: [
        { data: 'a', id: '1' },
        { data: 'b', id: '', own: '' },
        { data: 'c', id: '', own: null },
      ],
    },
  ],
  [
    'format-field-id-null',
    'id:1\ndata:a\n\nid:2\0\ndata:b\n\n',
    {
      blocks: [
        { data: 'a', id: '1' },
        { data: 'b', id: '1', own: null },
      ],
    },
  ],
  [
    'format-field-parsing',
    'data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n',
    {
      blocks: [{ data: '\0\n 2\n1\n3\n\n4' }],
    },
  ],
  ['format-field-retry', 'retry:03000\ndata:x\n\n', { blocks: [{ data: 'x' }], retries: [3000] }],
  [
    'format-field-retry-bogus',
    'retry:3000\nretry:1000x\nretry:-1\nretry:1.5\ndata:x\n\n',
    {
      blocks: [{ data: 'x' }],
      retries: [3000],
    },
  ],
  ['format-field-retry-empty', 'retry\nretry:\ndata:test\n\n', { blocks: [{ data: 'test' }] }],
  [
    'format-field-unknown',
    'data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n',
    {
      blocks: [{ data: 'test\n\ntest' }],
    },
  ],
  [
    'format-leading-space',
    'data:\ttest\rdata: \ndata:test\n\n',
    {
      blocks: [{ data: '\ttest\n\ntest' }],
    },
  ],
  [
    'format-newlines',
    'data:test\r\ndata\ndata:test\r\n\r\n',
    { blocks: [{ data: 'test\n\ntest' }] },
  ],
  ['format-null-character', 'data:\0\n\n\n\n', { blocks: [{ data: '\0' }] }],
  ['format-utf-8', 'data:ok…\n\n', { blocks: [{ data: 'ok…' }] }],
  [
    'invalid utf-8 becomes the replacement character',
    new Uint8Array([
      ...new TextEncoder().encode('data:a'),
      0xff,
      ...new TextEncoder().encode('b\n\n'),
    ]),
    {
      blocks: [{ data: 'a\uFFFDb' }],
    },
  ],
  // LaunchDarkly
  ['LD: one-line message in one chunk', 'data: Hello\n\n', { blocks: [{ data: 'Hello' }] }],
  [
    'LD: two messages',
    'data: Hello\n\ndata: World\n\n',
    {
      blocks: [{ data: 'Hello' }, { data: 'World' }],
    },
  ],
  ['LD: two-line message', 'data: Hello\ndata: World\n\n', { blocks: [{ data: 'Hello\nWorld' }] }],
  [
    'LD: carriage returns alone',
    'data: Hello\r\rdata: World\r\r',
    {
      blocks: [{ data: 'Hello' }, { data: 'World' }],
    },
  ],
  [
    'LD: carriage return and line feed',
    'event: greeting\r\ndata: Hello\r\n\r\ndata: World\r\n\r\n',
    {
      blocks: [{ event: 'greeting', data: 'Hello' }, { data: 'World' }],
    },
  ],
  [
    'LD: all line ends mixed',
    'data: a\rdata: b\ndata: c\r\n\r\ndata: d\n\rdata: e\r\n\n',
    {
      blocks: [{ data: 'a\nb\nc' }, { data: 'd' }, { data: 'e' }],
    },
  ],
  [
    'LD: fields in one message',
    'event: greeting\nid: abc\ndata: Hello\n\n',
    {
      blocks: [{ event: 'greeting', data: 'Hello', id: 'abc' }],
    },
  ],
  [
    'LD: event type does not carry over',
    'event: one\ndata: 1\n\ndata: 2\n\n',
    {
      blocks: [{ event: 'one', data: '1' }, { data: '2' }],
    },
  ],
  [
    'LD: an event without data fires nothing',
    'event: lonely\n\ndata: x\n\n',
    {
      blocks: [{ data: 'x' }],
    },
  ],
  [
    'LD: an id without data counts',
    'id: abc\n\ndata: x\n\n',
    {
      blocks: [{ data: 'x', id: 'abc', own: null }],
      positions: ['abc'],
    },
  ],
  [
    'LD: an id carries over',
    'id: abc\ndata: first\n\ndata: second\n\n',
    {
      blocks: [
        { data: 'first', id: 'abc' },
        { data: 'second', id: 'abc', own: null },
      ],
    },
  ],
  [
    'LD: an empty id clears the id',
    'id: abc\ndata: first\n\nid:\ndata: second\n\n',
    {
      blocks: [
        { data: 'first', id: 'abc' },
        { data: 'second', id: '', own: '' },
      ],
    },
  ],
  ['LD: comments', ': hello\n:hello\n:\ndata: x\n\n: end\n\n', { blocks: [{ data: 'x' }] }],
  [
    'LD: only one leading space goes',
    'data:  two\n\nevent:  two\ndata:x\n\n',
    {
      blocks: [{ data: ' two' }, { event: ' two', data: 'x' }],
    },
  ],
  ['LD: leading space before the field', ' data: x\ndata: y\n\n', { blocks: [{ data: 'y' }] }],
  [
    'LD: empty lines between',
    '\n\n\ndata: x\n\n\n\ndata: y\n\n',
    {
      blocks: [{ data: 'x' }, { data: 'y' }],
    },
  ],
  ['LD: colons in the value', 'data: a:b: c\n\n', { blocks: [{ data: 'a:b: c' }] }],
  [
    'LD: characters of several bytes',
    'data: €豆腐🚀\n\ndata: €豆腐🚀\n\n',
    {
      blocks: [{ data: '€豆腐🚀' }, { data: '€豆腐🚀' }],
    },
  ],
  [
    'LD: line and paragraph separators are data',
    'data: a\u2028b\u2029c\u0085d\n\n',
    {
      blocks: [{ data: 'a\u2028b\u2029c\u0085d' }],
    },
  ],
  ['LD: an unfinished event is dropped', 'data: a\n\ndata: b\n', { blocks: [{ data: 'a' }] }],
  [
    'LD: field names are case-sensitive',
    'DATA: a\nData: b\ndata: c\n\n',
    { blocks: [{ data: 'c' }] },
  ],
  ['nothing', '', { blocks: [] }],
  ['byte order mark alone', '\uFEFF', { blocks: [] }],
]

const SIZES = [1, 2, 3, 7, Number.MAX_SAFE_INTEGER]

function expected({ blocks, retries = [], positions = [], overflows = 0 }: Outcome): Outcome {
  return {
    blocks: blocks.map(({ event = 'message', data, id = '', own = id || null }) => ({
      event,
      data,
      id,
      own,
    })),
    retries,
    positions,
    overflows,
  }
}

describe.each(CASES)('%s', (_, text, outcome) => {
  test.each(SIZES)('in chunks of %i', (size) => {
    expect(parse(text, size)).toEqual(expected(outcome))
  })
})

test('an id given at the start is in force until another one comes', () => {
  expect(parse('data:a\n\nid:2\ndata:b\n\n', 3, '1').blocks).toEqual([
    { event: 'message', data: 'a', id: '1', own: null },
    { event: 'message', data: 'b', id: '2', own: '2' },
  ])
})

describe.each([
  ['one long line', `id:2\ndata:${'x'.repeat(200)}\n\n`],
  ['many short lines', `id:2\n${`data:${'x'.repeat(30)}\n`.repeat(6)}\n`],
  ['a comment of endless length', `id:2\n:${'x'.repeat(500)}\n\n`],
])('%s over the limit', (_, large) => {
  test.each(SIZES)('leaves out the event and keeps its id, in chunks of %i', (size) => {
    const outcome = parse(`id:1\ndata:a\n\n${large}data:b\n\n`, size, '', 100)
    expect(outcome).toMatchObject({
      blocks: [{ data: 'a' }, { data: 'b', id: '2', own: null }],
      positions: ['2'],
    })
  })
})

test('an event of 10 MiB in chunks of 16 KiB is put together once', () => {
  const length = 10 * 1024 * 1024
  const text = `id:1\ndata:${'x'.repeat(length)}\n\ndata:end\n\n`
  const { blocks } = parse(text, 16 * 1024)
  expect(blocks.map(({ data }) => data.length)).toEqual([length, 3])
})

test('an event of 10 MiB in short lines is put together once', () => {
  const line = 'x'.repeat(99)
  const n = 100_000
  const { blocks } = parse(`${`data:${line}\n`.repeat(n)}\n`, 16 * 1024)
  expect(blocks[0]?.data.length).toBe(n * 100 - 1)
})
