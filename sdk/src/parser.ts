/** Parses an event stream (WHATWG HTML, section 9.2.6) from text that arrives in pieces. */
import type { SseMessage } from './api.js'

/** What the parser reports. */
export interface ParserSink {
  message(message: SseMessage): void
  /** A block without data moved the last event id. */
  position?(id: string): void
  retry?(ms: number): void
  /** An event longer than the limit was left out. */
  overflow?(): void
}

/** Takes the text of a stream piece by piece. */
export interface Parser {
  feed(text: string): void
}

/**
 * Makes a parser for one stream.
 *
 * Text goes in without its byte order mark, which a `TextDecoder` takes out. An event whose fields exceed `maxLength`
 * characters is left out as a whole.
 */
export function createParser(
  sink: ParserSink,
  initialId = '',
  maxLength: number = Infinity,
): Parser {
  /** What the next piece may begin with and is left out: the second half of a CRLF. */
  let ignored = ''
  // A line that is not complete. It is only looked at when its end has come, so that a long line costs no rescans.
  let rest = ''
  let isTooLong = false
  let data: string | null = null
  let event = ''
  let ownId: string | null = null
  let lastEventId = initialId

  function endBlock(): void {
    if (ownId !== null) lastEventId = ownId
    if (isTooLong) sink.overflow?.()
    else if (data !== null) {
      sink.message({ id: ownId, lastEventId, event: event || 'message', data })
    }
    if (ownId !== null && (isTooLong || data === null)) sink.position?.(lastEventId)
    data = null
    event = ''
    ownId = null
    isTooLong = false
  }

  function takeLine(line: string): void {
    if (line === '') {
      endBlock()
      return
    }
    const [, name, value = ''] = FIELD.exec(line) ?? []
    if (name === 'data') {
      data = data === null ? value : `${data}\n${value}`
      if (data.length > maxLength) skip()
    } else if (name === 'event') event = value
    else if (name === 'id' && !value.includes('\0')) ownId = value
    else if (name === 'retry' && /^\d+$/.test(value)) sink.retry?.(Number(value))
  }

  function skip(): void {
    isTooLong = true
    data = null
  }

  return {
    feed(text) {
      if (text === '') return
      const piece = text[0] === ignored ? text.slice(1) : text
      ignored = piece.endsWith('\r') ? '\n' : ''
      const lines = piece.split(/\r\n?|\n/)
      lines[0] = rest + lines[0]
      rest = lines.pop() ?? ''
      lines.forEach(takeLine)
      if (rest.length > maxLength + LINE_SLACK) {
        // The field's name stays, so that the line still counts as the data line that it is.
        rest = rest.slice(0, LINE_SLACK)
        skip()
      }
    },
  }
}

/** A name and a value; a line without a colon is a name, and one that begins with it is a comment. */
const FIELD = /^([^:]*):? ?(.*)/s
/** Characters of a line that are not its value. */
const LINE_SLACK = 16
