/** Makes the errors of the client. */
import type { ErrorCode, TidingsError } from './api.js'

/** Returns an error whose code programs can tell apart. */
export function makeError(
  code: ErrorCode,
  message: string,
  more?: { status?: number; cause?: unknown },
): TidingsError {
  return Object.assign(new Error(message, more && { cause: more.cause }), {
    name: 'TidingsError',
    code,
    ...(more?.status !== undefined && { status: more.status }),
  })
}
