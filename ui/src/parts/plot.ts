// uPlot, in a chunk of its own: curves over epochs.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Curve } from '../logic/curves'
import { metric } from '../logic/words'

export interface Plot {
  show(axis: number[], curves: Curve[], best: number | undefined, drifts: number[]): void
  resize(width: number): void
  /** The chart with its title and legend, on the panel's ground. */
  image(title: string): Promise<Blob | null>
  destroy(): void
}

interface Setup {
  host: HTMLElement
  width: number
  height: number
  log: boolean
  axis: number[]
  curves: Curve[]
  /** The epoch to be marked. */
  best: number | undefined
  /** Those in which the stream has drifted. */
  drifts: number[]
  /** Charts with the same key share the cursor. */
  sync: string
}

const hues = ['#3b5bdb', '#c2410c', '#0f766e', '#a21caf', '#4d7c0f', '#b91c1c']
const darkHues = ['#93a8ff', '#fb9a5b', '#4fd1c0', '#eb8bf5', '#a9d65b', '#ff8f8f']

export function plot(s: Setup): Plot {
  const style = getComputedStyle(s.host)
  const probe = document.createElement('i')
  s.host.append(probe)
  const resolve = (token: string) => {
    probe.style.color = `var(${token})`
    return getComputedStyle(probe).color
  }
  const text = resolve('--muted')
  const grid = resolve('--line')
  const ground = resolve('--panel')
  const dark = luminance(ground) < 0.5
  probe.remove()
  const font = `12px ${style.fontFamily}`
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font }
  let marks = marksOf(s.best, s.drifts)
  const chart = new uPlot(
    {
      width: s.width,
      height: s.height,
      scales: { x: { time: false }, y: { distr: s.log ? 3 : 1 } },
      axes: [{ ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }, { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : metric(tick))) }],
      cursor: { sync: { key: s.sync }, points: { size: 7 } },
      legend: { live: true, markers: { width: 2, dash: (_, i) => (s.curves[i - 1]?.validation ? 'dashed' : 'solid'), fill: () => 'transparent' } },
      hooks: { setCursor: [(u) => u.cursor.idx === null && last(u)], draw: [(u) => marks.forEach((m) => mark(u, m, text, font))] },
      series: [{ label: 'epoch' }, ...s.curves.map((c) => series(c, dark))],
    },
    data(s.axis, s.curves, s.log),
    s.host,
  )
  last(chart)
  return {
    show: (x, curves, best, drifts) => {
      marks = marksOf(best, drifts)
      chart.setData(data(x, curves, s.log))
      last(chart)
    },
    resize: (width) => chart.setSize({ width, height: s.height }),
    image: (title) => picture(chart.ctx.canvas, title, s.curves, { ground, text, font: style.fontFamily, hues: dark ? darkHues : hues }),
    destroy: () => chart.destroy(),
  }
}

interface Mark {
  epoch: number
  name: string
}

function marksOf(best: number | undefined, drifts: number[]): Mark[] {
  return [...(best === undefined ? [] : [{ epoch: best, name: `best: ${best}` }]), ...drifts.map((epoch) => ({ epoch, name: 'drift' }))]
}

/** Draws a line at an epoch, with its name. */
function mark(u: uPlot, { epoch, name }: Mark, stroke: string, font: string): void {
  const { ctx, bbox } = u
  const x = u.valToPos(epoch, 'x', true)
  const left = x > bbox.left + bbox.width / 2
  ctx.save()
  ctx.strokeStyle = ctx.fillStyle = stroke
  ctx.setLineDash([4, 4])
  ctx.beginPath()
  ctx.moveTo(x, bbox.top)
  ctx.lineTo(x, bbox.top + bbox.height)
  ctx.stroke()
  ctx.font = font
  ctx.textAlign = left ? 'right' : 'left'
  ctx.textBaseline = 'top'
  ctx.fillText(name, x + (left ? -6 : 6), bbox.top + 4)
  ctx.restore()
}

interface Look {
  ground: string
  text: string
  font: string
  hues: readonly string[]
}

/** The drawn chart below a line of words, as it is to be saved. */
function picture(chart: HTMLCanvasElement, title: string, curves: readonly Curve[], look: Look): Promise<Blob | null> {
  const unit = devicePixelRatio
  const lines = 1 + Math.ceil(curves.length / 3)
  const height = (lines * 20 + 14) * unit
  const canvas = document.createElement('canvas')
  canvas.width = chart.width
  canvas.height = chart.height + height
  const c = canvas.getContext('2d')
  if (!c) return Promise.resolve(null)
  c.fillStyle = look.ground
  c.fillRect(0, 0, canvas.width, canvas.height)
  c.drawImage(chart, 0, height)
  c.fillStyle = look.text
  c.font = `600 ${13 * unit}px ${look.font}`
  c.fillText(title, 14 * unit, 22 * unit)
  c.font = `${12 * unit}px ${look.font}`
  c.lineWidth = 2 * unit
  curves.forEach((curve, i) => {
    const x = 14 * unit + ((i % 3) * (canvas.width - 28 * unit)) / 3
    const y = (42 + 20 * Math.floor(i / 3)) * unit
    c.strokeStyle = look.hues[curve.colour % look.hues.length] ?? look.text
    c.setLineDash(curve.validation ? [4 * unit, 3 * unit] : [])
    c.beginPath()
    c.moveTo(x, y - 4 * unit)
    c.lineTo(x + 20 * unit, y - 4 * unit)
    c.stroke()
    c.fillText(curve.name, x + 26 * unit, y)
  })
  return new Promise((done) => canvas.toBlob(done, 'image/png'))
}

/** Without a cursor the legend tells the last values. */
function last(u: uPlot) {
  const end = u.data[0].length - 1
  const idxs = u.data.map((values) => (values as (number | null)[]).findLastIndex((v) => v !== null))
  u.setLegend({ idx: end, idxs }, false)
}

function series(c: Curve, dark: boolean): uPlot.Series {
  const colour = (dark ? darkHues : hues)[c.colour % hues.length] ?? '#888'
  return {
    label: c.name,
    stroke: colour,
    width: 2,
    spanGaps: true,
    ...(c.validation ? { dash: [6, 4] } : {}),
    points: { size: 5, ...(c.values.length > 40 ? { show: false } : {}) },
    value: (_, v) => (v === null || v === undefined ? '–' : String(Number(v.toPrecision(4)))),
  }
}

/** A logarithmic axis has no place for what is not above zero. */
function data(axis: number[], curves: Curve[], log: boolean): uPlot.AlignedData {
  return [axis, ...curves.map((c) => (log ? c.values.map((v) => (v !== null && v > 0 ? v : null)) : c.values))]
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number)
  return (0.3 * r + 0.6 * g + 0.1 * b) / 255
}
