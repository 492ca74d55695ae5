/** The same as the page does, for other programs: curl, TypeScript, EventSource. */

export interface PublishDraft {
  readonly channel: string
  readonly type: string
  /** JSON. */
  readonly data: string
  /** Seconds; empty is none. */
  readonly ttl: string
  readonly id: string
}

/** Returns the body of `POST /api/sse/events`; throws what is wrong with the data. */
export function publishBody(draft: PublishDraft): Record<string, unknown> {
  const ttl = Number(draft.ttl)
  return {
    channel: draft.channel,
    ...(draft.type ? { type: draft.type } : {}),
    data: JSON.parse(draft.data || 'null'),
    ...(draft.ttl && Number.isInteger(ttl) && ttl > 0 ? { ttl_seconds: ttl } : {}),
    ...(draft.id ? { id: draft.id } : {}),
  }
}

/** Returns a command for a shell. */
export function curlSnippet(origin: string, draft: PublishDraft): string {
  let body: string
  try {
    body = JSON.stringify(publishBody(draft))
  } catch {
    body = '{}'
  }
  const quoted = body.replaceAll("'", "'\\''")
  return `curl -H 'Content-Type: application/json' \\\n  -d '${quoted}' \\\n  ${origin}/api/sse/events`
}

export function typescriptSnippet(origin: string, patterns: readonly string[]): string {
  const subscriptions = patterns.map(
    (pattern) =>
      `client.subscribe(${JSON.stringify(pattern)}, ({ channel, type, data }) => {\n  console.log(channel, type, data)\n})`,
  )
  return [
    "import { createClient } from 'tidings'",
    '',
    `const client = createClient({ url: '${origin}/api/sse/stream' })`,
    ...subscriptions,
  ].join('\n')
}

export function eventSourceSnippet(origin: string, patterns: readonly string[]): string {
  const channels = encodeURIComponent(patterns.join(',')).replaceAll('%2F', '/')
  return [
    `const stream = new EventSource('${origin}/api/sse/stream?channels=${channels}')`,
    'stream.onmessage = (message) => {',
    '  const { type: channel, event, data } = JSON.parse(message.data)',
    '  console.log(channel, event, data)',
    '}',
    "stream.addEventListener('reset', () => location.reload())",
  ].join('\n')
}
