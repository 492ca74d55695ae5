/** Reads figures in the text form that Prometheus reads. */

/** One figure: its name, its labels, its value. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Most lines that are read; a server has some hundred. */
const LINES_MAX = 20_000
const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Reads every line that is a figure and passes over the rest. */
export function parseMetrics(text: string): readonly Sample[] {
  const samples: Sample[] = []
  for (const line of text.split('\n', LINES_MAX)) {
    if (line.startsWith('#')) continue
    const found = LINE.exec(line)
    const [, name, labels = '', number] = found ?? []
    if (name === undefined || number === undefined) continue
    const value = numberOf(number)
    if (Number.isNaN(value)) continue
    samples.push({ name, labels: labelsOf(labels), value })
  }
  return samples
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name, value] of text.matchAll(LABEL)) {
    if (name !== undefined && value !== undefined) labels[name] = value.replace(/\\(.)/g, unescaped)
  }
  return labels
}

function unescaped(_: string, character: string): string {
  return character === 'n' ? '\n' : character
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  return Number(text)
}
