// uPlot, in a chunk of its own: curves over epochs.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Curve } from '../logic/curves'

export interface Plot {
  show(axis: number[], curves: Curve[]): void
  resize(width: number): void
  image(): Promise<Blob | null>
  destroy(): void
}

interface Setup {
  host: HTMLElement
  width: number
  height: number
  log: boolean
  axis: number[]
  curves: Curve[]
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
  const dark = luminance(resolve('--panel')) < 0.5
  probe.remove()
  const font = `12px ${style.fontFamily}`
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font }
  const chart = new uPlot(
    {
      width: s.width,
      height: s.height,
      scales: { x: { time: false }, y: { distr: s.log ? 3 : 1 } },
      axes: [{ ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }, { ...axis, size: 62 }],
      cursor: { sync: { key: s.sync }, points: { size: 7 } },
      legend: { live: true, markers: { width: 2, dash: (_, i) => (s.curves[i - 1]?.validation ? 'dashed' : 'solid'), fill: () => 'transparent' } },
      hooks: { setCursor: [(u) => u.cursor.idx === null && last(u)] },
      series: [{ label: 'epoch' }, ...s.curves.map((c) => series(c, dark))],
    },
    data(s.axis, s.curves, s.log),
    s.host,
  )
  last(chart)
  return {
    show: (x, curves) => {
      chart.setData(data(x, curves, s.log))
      last(chart)
    },
    resize: (width) => chart.setSize({ width, height: s.height }),
    image: () => new Promise((done) => chart.ctx.canvas.toBlob(done, 'image/png')),
    destroy: () => chart.destroy(),
  }
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
