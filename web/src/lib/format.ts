/** Writes numbers, times and durations the way people read them here. */

import { t } from './i18n.ts'

const number = new Intl.NumberFormat()
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

export function formatNumber(value: number): string {
  return number.format(value)
}

/** Writes a number with at most one decimal: rates, milliseconds. */
export function formatDecimal(value: number): string {
  return decimal.format(value)
}

/** Writes a share given in per cent: `82 %`, below 10 with one decimal. */
export function formatPercent(value: number): string {
  const shown = value > 0 && value < 10 ? decimal.format(value) : number.format(Math.floor(value))
  return `${shown} %`
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Writes a size in decimal units: `1.9 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${decimal.format(value)} ${BYTE_UNITS[unit]}`
}

/** Writes the time of day with seconds: `12:03:10`. */
export function formatClock(atMs: number): string {
  return clock.format(atMs)
}

/** Writes the milliseconds of a time, to stand behind its seconds: `.042`. */
export function formatFraction(atMs: number): string {
  return `.${String(Math.floor(atMs % SECOND_MS)).padStart(3, '0')}`
}

/** Writes date and time in full, for tooltips. */
export function formatMoment(atMs: number): string {
  return moment.format(atMs)
}

/** Writes what is left of a lease: `2d 4h`, `3h 20m`, `12m`, `Expired`, `Never`. */
export function formatRemaining(endMs: number | null, nowMs: number): string {
  if (endMs === null) return t('time.never')
  const left = endMs - nowMs
  if (left <= 0) return t('time.expired')
  if (left >= DAY_MS)
    return `${Math.floor(left / DAY_MS)}d ${Math.floor((left % DAY_MS) / HOUR_MS)}h`
  if (left >= HOUR_MS) {
    return `${Math.floor(left / HOUR_MS)}h ${Math.floor((left % HOUR_MS) / MINUTE_MS)}m`
  }
  return `${Math.floor(left / MINUTE_MS)}m`
}

/** Writes a duration in its largest unit: `7 s`, `3 min`, `2 h`, `4 d`. */
export function formatDuration(durationMs: number): string {
  const whole = Math.max(0, durationMs)
  if (whole < MINUTE_MS) return `${Math.round(whole / SECOND_MS)} s`
  if (whole < HOUR_MS) return `${Math.round(whole / MINUTE_MS)} min`
  if (whole < 2 * DAY_MS) return `${Math.round(whole / HOUR_MS)} h`
  return `${Math.round(whole / DAY_MS)} d`
}
