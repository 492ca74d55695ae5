/** What the server takes for a channel or a pattern, so that a page never asks for another. */

/** Longest name, in bytes; only ASCII is allowed. */
const NAME_MAX_CHARS = 256
const SEGMENTS_MAX = 8
/** Visible ASCII without the characters that mean something in a list, a pattern or a URL. */
const SEGMENT = /^[!"$&'()+\-.0-9:;<=>@A-Z[\]^_`a-z{|}~]*$/

/** Whether a text is a channel's name; a trailing slash is a final empty segment. */
export function isChannelName(text: string): boolean {
  const segments = text.split('/')
  return (
    text.length > 0 &&
    text.length <= NAME_MAX_CHARS &&
    segments.length <= SEGMENTS_MAX &&
    segments.every((segment, place) => isSegment(segment, place, segments.length))
  )
}

/** Whether a text is a channel's name or a pattern: `*` for a segment, `**` for the rest. */
export function isChannelPattern(text: string): boolean {
  const segments = text.split('/')
  const last = segments.length - 1
  return (
    text.length > 0 &&
    text.length <= NAME_MAX_CHARS &&
    segments.length <= SEGMENTS_MAX &&
    segments.every(
      (segment, place) =>
        segment === '*' ||
        (segment === '**' && place === last) ||
        isSegment(segment, place, segments.length),
    )
  )
}

/** Reads a comma list; null when one of it is no pattern. */
export function parsePatterns(text: string): readonly string[] | null {
  const patterns = text.split(',').map((part) => part.trim())
  const named = patterns.filter((pattern) => pattern !== '')
  return named.length > 0 && named.every(isChannelPattern) ? [...new Set(named)] : null
}

function isSegment(segment: string, place: number, count: number): boolean {
  const isTrailing = segment === '' && place === count - 1 && place > 0
  return isTrailing || (segment !== '' && SEGMENT.test(segment))
}
