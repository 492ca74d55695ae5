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
 * Text goes in with its byte order mark, if it has one: a decoder must not take it out (`ignoreBOM: true`), since a
 * second one would then be lost too. An event whose fields exceed `maxLength` characters is left out as a whole.
 */
export function createParser(
  sink: ParserSink,
  initialId = '',
  maxLength: number = Number.POSITIVE_INFINITY,
): Parser {
  let isStart = true
  let wasCarriageReturn = false
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

  function takeField(name: string, value: string): void {
    if (name === 'data') data = data === null ? value : `${data}\n${value}`
    else if (name === 'event') event = value
    else if (name === 'id') {
      if (!value.includes('\0')) ownId = value
    } else if (name === 'retry' && /^\d+$/.test(value)) sink.retry?.(Number(value))
  }

  function takeLine(line: string): void {
    if (line === '') {
      endBlock()
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    if (colon < 0) takeField(line, '')
    else
      takeField(line.slice(0, colon), line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1))
    if (data !== null && data.length > maxLength) skip()
  }

  function skip(): void {
    isTooLong = true
    data = null
  }

  return {
    feed(text) {
      let piece = text
      if (piece === '') return
      if (isStart && piece.charCodeAt(0) === 0xfeff) piece = piece.slice(1)
      else if (wasCarriageReturn && piece[0] === '\n') piece = piece.slice(1)
      isStart = false
      wasCarriageReturn = piece.endsWith('\r')
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

/** Characters of a line that are not its value. */
const LINE_SLACK = 16
