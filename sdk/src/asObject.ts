/** Looks into values whose type is not known. */

/** Returns the value as an object whose members may be anything, or null when it is none. */
export function asObject(value: unknown): Record<string, unknown> | null {
  // The cast claims only that members can be looked at.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
}
