/** Makes the errors of the client. */
import type { ErrorCode, TidingsError } from './api.js'

/** Returns an error whose code programs can tell apart. */
export function makeError(
  code: ErrorCode,
  message: string,
  more?: { status?: number; cause?: unknown },
): TidingsError {
  return Object.assign(new Error(message), { name: 'TidingsError', code, ...more })
}

/** Returns an error for what was thrown. */
export function errorFrom(code: ErrorCode, cause: unknown): TidingsError {
  return makeError(code, `${code}: ${cause}`, { cause })
}
