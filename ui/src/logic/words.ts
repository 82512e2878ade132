// Numbers and times as people read them.

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' })

/** "3 of 5", or "3" where the total is not known, as of a training that follows a stream. */
export function outOf(n: number, total: number, of = ' of '): string {
  return total ? `${n}${of}${total}` : `${n}`
}

/** "3 min. ago", "in 7 days"; "now" within ten seconds, then by tens of them. */
export function ago(time: string, now: number): string {
  const seconds = (Date.parse(time) - now) / 1000
  if (Number.isNaN(seconds)) return ''
  if (Math.abs(seconds) < 10) return 'now'
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  return relative.format(Math.trunc(seconds / 10) * 10, 'second')
}

export function absolute(time: string): string {
  return new Date(time).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'long' })
}

/** "850 ms", "17.7 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export const count = new Intl.NumberFormat('en').format

/** A metric's value with four significant digits; text such as NaN as it is. */
export function metric(value: number | string | null | undefined): string {
  if (value === undefined || value === null) return '–'
  if (typeof value === 'string') return value
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2)
  return size >= 1000 ? count(Math.round(value)) : String(Number(value.toPrecision(4)))
}

/** A text as JSON writes it, so that blanks and control characters are seen, and cut where it is long. */
export function quoted(text: string, most = 60): string {
  const characters = [...text]
  return JSON.stringify(characters.length > most ? `${characters.slice(0, most).join('')}…` : text)
}

/** An element of a record or a prediction. */
export function element(value: number | string | null): string {
  return typeof value === 'string' ? quoted(value) : metric(value)
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  const names = ['kB', 'MB', 'GB', 'TB']
  let i = -1
  let size = n
  do {
    size /= 1000
    i++
  } while (size >= 999.5 && i < names.length - 1)
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${names[i]}`
}

/** "1 model", "2 models". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** "running, ready 2 of 3". */
export function readiness(i: { status: string; ready: number; wanted: number }): string {
  return i.status === 'running' || i.status === 'deploying' ? `${i.status}, ready ${i.ready} of ${i.wanted}` : i.status
}

/** Where the records of a stream lie: "digits, partition 0 from 70,000"; "digits, 3 ranges". */
export function where(ranges: readonly { topic: string; partition: number; offset: number }[]): string {
  const topics = [...new Set(ranges.map((r) => r.topic))].join(', ')
  const [one, ...more] = ranges
  if (!one) return 'no usable ranges'
  return more.length ? `${topics}, ${count(ranges.length)} ranges` : `${topics}, partition ${one.partition} from ${count(one.offset)}`
}

export function shape(sizes: readonly number[]): string {
  if (sizes.length === 0) return 'scalar'
  return sizes.map((d) => (d < 0 ? '?' : d)).join(' × ')
}

export function percent(rate: number): string {
  return `${Number((rate * 100).toFixed(1))} %`
}

/** Which records a split keeps back, where it is not the last ones. */
export function splitBy(by: string | undefined, seed: number | undefined): string {
  if (!by) return ''
  return by === 'label' ? `, at random by label, seed ${seed ?? 0}` : `, at random, seed ${seed ?? 0}`
}
