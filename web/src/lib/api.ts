/** Asks the server by REST: paths below the page's prefix, problems as errors, versions by ETag. */

import { t } from './i18n.ts'

/** Path that the server is reached under, without a slash at its end; empty at the root. */
export const basePath: string = new URL(document.baseURI).pathname.replace(/\/[^/]*$/, '')

/** Longest that an answer may take before it counts as lost. */
const ANSWER_TIME_MAX_MS = 20_000

/** Returns the URL of a path of the server, as `/api/v1/leases`. */
export function serverUrl(path: string): string {
  return `${basePath}${path}`
}

/** Why a request failed; `message` is fit to be shown. */
export class ApiError extends Error {
  /** HTTP status, null when no answer came. */
  readonly status: number | null
  /** Id of the request in the server's log, when the server gave one. */
  readonly requestId: string | null
  /** Members of the problem that the server described, as `column` of a filter. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(
    message: string,
    status: number | null,
    requestId: string | null,
    problem: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.requestId = requestId
    this.problem = problem
  }
}

/** An answer with the version of the state that it shows. */
export interface Versioned<Data> {
  readonly data: Data
  readonly etag: string | null
  /** Version of the leases (`x-tidings-version`), null on other resources. */
  readonly version: number | null
  /** Whether the server says that its source is stale. */
  readonly isStale: boolean
}

export interface RequestOptions {
  readonly signal?: AbortSignal
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** Sends a request and returns the answer if it is a success or a 304. */
export async function request(path: string, options: RequestOptions = {}): Promise<Response> {
  const timeout = AbortSignal.timeout(ANSWER_TIME_MAX_MS)
  const init: RequestInit = {
    method: options.method ?? 'GET',
    headers: {
      Accept: 'application/json',
      ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...options.headers,
    },
    signal: options.signal ? anyAborted(options.signal, timeout) : timeout,
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  }
  let response: Response
  try {
    response = await fetch(serverUrl(path), init)
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw new ApiError(t('error.network'), null, null)
  }
  if (response.ok || response.status === 304) return response
  throw await problem(response)
}

/** Asks for JSON and checks it with `parse`, which throws on a shape it does not know. */
export async function getJson<Data>(
  path: string,
  parse: (value: unknown) => Data,
  signal?: AbortSignal,
): Promise<Data> {
  const response = await request(path, signal ? { signal } : {})
  return checked(await response.json(), parse)
}

/** Asks for JSON unless it is still what `etag` names; null means nothing changed. */
export async function getVersioned<Data>(
  path: string,
  parse: (value: unknown) => Data,
  etag: string | null,
  signal?: AbortSignal,
): Promise<Versioned<Data> | null> {
  const response = await request(path, {
    ...(signal ? { signal } : {}),
    ...(etag ? { headers: { 'If-None-Match': etag } } : {}),
  })
  if (response.status === 304) return null
  const version = response.headers.get('x-tidings-version')
  return {
    data: checked(await response.json(), parse),
    etag: response.headers.get('etag'),
    version: version === null ? null : Number(version),
    isStale: response.headers.get('x-tidings-stale') === 'true',
  }
}

function checked<Data>(value: unknown, parse: (value: unknown) => Data): Data {
  try {
    return parse(value)
  } catch (error) {
    console.error('unexpected answer', error)
    throw new ApiError(t('error.shape'), 200, null)
  }
}

async function problem(response: Response): Promise<ApiError> {
  let detail: string | null = null
  let members: Readonly<Record<string, unknown>> = {}
  try {
    // A problem's members are optional, so each is looked at before use.
    const body = (await response.json()) as { detail?: unknown; error?: unknown }
    members = { ...body }
    const text = body.detail ?? body.error
    if (typeof text === 'string') detail = text
  } catch {
    // Not JSON: a proxy's own page; the status has to do.
  }
  const message = detail ?? t('error.status', { status: String(response.status) })
  return new ApiError(message, response.status, response.headers.get('x-request-id'), members)
}

/** `AbortSignal.any` is missing in browsers of before 2024. */
function anyAborted(first: AbortSignal, second: AbortSignal): AbortSignal {
  if ('any' in AbortSignal) return AbortSignal.any([first, second])
  const controller = new AbortController()
  for (const signal of [first, second]) {
    signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true })
  }
  return controller.signal
}
