/** Reads and writes what a browser keeps for this page; storage may be forbidden or full. */

/** Returns a stored text, null when there is none or storage is forbidden. */
export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** Stores a text; without storage the choice lasts as long as the page. */
export function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // Forbidden or full: nothing that the reader sees depends on it.
  }
}
