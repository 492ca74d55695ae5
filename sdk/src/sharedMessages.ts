/** What tabs and the shared worker say to each other. */
import type { ConnectionSnapshot, ErrorCode, Gap, TidingsError, TidingsEvent } from './api.js'
import { makeError } from './makeError.js'

/** Changes with every message that an older build would not understand. */
export const PROTOCOL = 1

/** An error in a form that passes between threads, which keep only its name and text. */
export interface PlainError {
  readonly code: ErrorCode
  readonly message: string
  readonly status: number | undefined
}

/** The connection in a form that passes between threads. */
export interface PlainSnapshot extends Omit<ConnectionSnapshot, 'error'> {
  readonly error: PlainError | null
}

/** From a tab. */
export type FromTab =
  | { readonly kind: 'hello'; readonly names: readonly string[]; readonly hasToken: boolean }
  | { readonly kind: 'want'; readonly names: readonly string[] }
  | { readonly kind: 'ping' | 'bye' | 'reconnect' | 'close' }
  | { readonly kind: 'token'; readonly ask: number; readonly token: string | null }

/** From the worker. */
export type FromWorker =
  | { readonly kind: 'welcome'; readonly protocol: number; readonly connection: PlainSnapshot }
  | { readonly kind: 'events'; readonly events: readonly (readonly [TidingsEvent, boolean])[] }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'dropped'; readonly n: number }
  | { readonly kind: 'live'; readonly names: readonly string[] | null }
  | { readonly kind: 'changed'; readonly connection: PlainSnapshot }
  | { readonly kind: 'error'; readonly error: PlainError }
  | { readonly kind: 'token'; readonly ask: number; readonly reason: 'connect' | 'unauthorized' }
  | { readonly kind: 'pong'; readonly activityAt: number | null; readonly duplicates: number }
  /** The worker had given this tab up; it has to say hello again. */
  | { readonly kind: 'gone' }

export function toPlainError({ code, message, status }: TidingsError): PlainError {
  return { code, message, status }
}

export function toPlain(connection: ConnectionSnapshot): PlainSnapshot {
  return { ...connection, error: connection.error && toPlainError(connection.error) }
}

export function fromPlainError({ code, message, status }: PlainError): TidingsError {
  return makeError(code, message, status === undefined ? undefined : { status })
}

export function fromPlain(connection: PlainSnapshot): ConnectionSnapshot {
  return { ...connection, error: connection.error && fromPlainError(connection.error) }
}
