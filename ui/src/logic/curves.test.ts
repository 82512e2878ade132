import { describe, expect, it } from 'vitest'
import { axisOf, csv, curvesOf, metricsOf, points, smooth, thin } from './curves'

const epochs = [
  { epoch: 1, training: { accuracy: 0.5, loss: 2 }, validation: { loss: 3 }, seconds: 1 },
  { epoch: 2, training: { accuracy: 0.7, loss: 'NaN' }, seconds: 1.5 },
]

describe('curves', () => {
  it('puts the loss first', () => expect(metricsOf(epochs)).toEqual(['loss', 'accuracy']))
  it('draws what is a number', () => {
    const curves = curvesOf('a', epochs, [1, 2], 'loss', 0, 4)
    expect(curves).toEqual([
      { name: 'a training', values: [2, null], validation: false, colour: 4 },
      { name: 'a validation', values: [3, null], validation: true, colour: 4 },
    ])
  })
  it('smooths without a bias at the beginning', () => {
    expect(smooth([4, 4, null, 4], 0.9).map((v) => v && Number(v.toFixed(6)))).toEqual([4, 4, null, 4])
    expect(smooth([1, 3], 0)).toEqual([1, 3])
  })
  it('joins axes and thins rows', () => {
    expect(axisOf([epochs, [{ epoch: 3, training: {}, seconds: 0 }]])).toEqual([1, 2, 3])
    expect(thin([...Array(10_000).keys()], 5)).toEqual([0, 2500, 5000, 7499, 9999])
  })
  it('writes CSV', () => {
    expect(csv(epochs)).toBe('epoch,loss,accuracy,val_loss,val_accuracy,seconds\r\n1,2,0.5,3,,1\r\n2,NaN,0.7,,,1.5\r\n')
  })
  it('scales a sparkline', () => {
    expect(points([0, 1], 10, 4)).toBe('0.0,4.0 10.0,0.0')
    expect(points([1], 10, 4)).toBe('')
  })
})
