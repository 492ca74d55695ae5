/** Turns message keys into text of the reader's language. */

import { catalogue, type MessageKey } from '../i18n/catalogue.ts'
import { readStored } from './storage.ts'

export type { MessageKey }

/** Values for the `{name}` places of a message; numbers are written the reader's way. */
export type MessageParams = Readonly<Record<string, string | number>>

/** `pseudo` shows accented, 40 % longer English, to find text that is cut or not translated. */
export type Language = 'en' | 'pseudo'

const language: Language = readStored('tidings-language') === 'pseudo' ? 'pseudo' : 'en'

const plural = new Intl.PluralRules('en')
const numbers = new Intl.NumberFormat()

/** Returns the text of a message. */
export function t(key: MessageKey, params: MessageParams = {}): string {
  return translate(language, key, params)
}

/** Returns the text of a message in a given language; `t` is this with the reader's. */
export function translate(chosen: Language, key: MessageKey, params: MessageParams): string {
  const message = catalogue[key]
  const form =
    typeof message === 'string'
      ? message
      : message[plural.select(Number(params.n ?? 0)) === 'one' ? 'one' : 'other']
  const shown = chosen === 'pseudo' ? lengthen(form) : form
  return shown.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = params[name]
    if (value === undefined) return place
    return typeof value === 'number' ? numbers.format(value) : value
  })
}

const ACCENTED: Readonly<Record<string, string>> = {
  a: 'á',
  c: 'ç',
  e: 'ë',
  i: 'ï',
  n: 'ñ',
  o: 'ö',
  u: 'ü',
  y: 'ý',
  A: 'Å',
  E: 'É',
  O: 'Ø',
  U: 'Û',
}

/** Accents the letters outside of `{places}` and adds 40 % of length. */
function lengthen(text: string): string {
  const accented = text.replace(/\{\w+\}|[a-zA-Z]/g, (part) => ACCENTED[part] ?? part)
  return `[${accented}${'~'.repeat(Math.ceil(text.length * 0.4))}]`
}
